// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/nd_copy.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/kernels/transpose.h"

namespace ingot::cpu {
namespace {

constexpr std::int64_t kRunBytes = 64 << 10;  // of one unit, so that a long run is shared between threads
constexpr std::int64_t kTile = 64;            // side of a square

template <typename T>
void copy_line(const std::byte* in, std::int64_t in_stride, std::byte* out, std::int64_t out_stride, std::int64_t n) {
  const auto* from = reinterpret_cast<const T*>(in);
  auto* to = reinterpret_cast<T*>(out);
  if (in_stride == 0 && out_stride == 1) {
    std::fill_n(to, n, *from);
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) to[i * out_stride] = from[i * in_stride];
}

template <typename T>
void take_out(std::vector<T>& list, std::size_t index) {
  list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
}

}  // namespace

NdCopy::NdCopy(std::size_t element_bytes, std::vector<std::int64_t> dims, std::vector<std::int64_t> in_strides,
               std::vector<std::int64_t> out_strides, std::int64_t in_offset, std::int64_t out_offset)
    : element_bytes_(static_cast<std::int64_t>(element_bytes)),
      dims_(std::move(dims)),
      in_strides_(std::move(in_strides)),
      out_strides_(std::move(out_strides)),
      in_offset_(in_offset),
      out_offset_(out_offset) {
  // Nothing to copy. A negative size stands for no more than that: two of them must not multiply to a positive count.
  if (std::any_of(dims_.begin(), dims_.end(), [](std::int64_t dim) { return dim <= 0; })) {
    dims_ = {0};
    in_strides_ = out_strides_ = {1};
  }
  find_bounds();
  if (element_bytes_ > 8) {  // as pairs of halves
    for (auto* strides : {&in_strides_, &out_strides_})
      for (std::int64_t& stride : *strides) stride *= 2;
    in_offset_ *= 2;
    out_offset_ *= 2;
    element_bytes_ /= 2;
    dims_.push_back(2);
    in_strides_.push_back(1);
    out_strides_.push_back(1);
  }
  merge();
  choose_form();
  for (const std::int64_t dim : dims_) outer_ *= dim;
}

void NdCopy::find_bounds() {
  if (!dims_.empty() && dims_[0] == 0) return;
  const auto span = [&](const std::vector<std::int64_t>& strides, std::int64_t offset, std::int64_t& low,
                        std::int64_t& high) {
    low = high = offset;
    for (std::size_t i = 0; i < dims_.size(); ++i) (strides[i] < 0 ? low : high) += (dims_[i] - 1) * strides[i];
  };
  span(in_strides_, in_offset_, in_low_, in_high_);
  span(out_strides_, out_offset_, out_low_, out_high_);
}

void NdCopy::merge() {
  std::vector<std::int64_t> dims, in, out;
  for (std::size_t i = 0; i < dims_.size(); ++i) {
    if (dims_[i] == 1) continue;
    if (!dims.empty() && in.back() == in_strides_[i] * dims_[i] && out.back() == out_strides_[i] * dims_[i]) {
      dims.back() *= dims_[i];
      in.back() = in_strides_[i];
      out.back() = out_strides_[i];
    } else {
      dims.push_back(dims_[i]);
      in.push_back(in_strides_[i]);
      out.push_back(out_strides_[i]);
    }
  }
  dims_ = std::move(dims);
  in_strides_ = std::move(in);
  out_strides_ = std::move(out);
}

void NdCopy::choose_form() {
  if (dims_.empty()) {
    form_ = Form::runs;
    part_ = 1;
    return;
  }
  inner_ = dims_.back();
  inner_in_ = in_strides_.back();
  inner_out_ = out_strides_.back();
  dims_.pop_back();
  in_strides_.pop_back();
  out_strides_.pop_back();
  if (inner_in_ == 1 && inner_out_ == 1) {
    form_ = Form::runs;
    part_ = std::min(inner_, std::max<std::int64_t>(1, kRunBytes / element_bytes_));
    parts_ = part_ == 0 ? 0 : ceil_div(inner_, part_);
    return;
  }
  const auto cross = std::find(in_strides_.begin(), in_strides_.end(), 1);
  if (inner_out_ == 1 && inner_in_ != 0 && cross != in_strides_.end()) {
    const auto index = static_cast<std::size_t>(cross - in_strides_.begin());
    form_ = Form::squares;
    cross_ = dims_[index];
    cross_out_ = out_strides_[index];
    take_out(dims_, index);
    take_out(in_strides_, index);
    take_out(out_strides_, index);
    parts_ = ceil_div(inner_, kTile) * ceil_div(cross_, kTile);
    return;
  }
  part_ = inner_;
}

void NdCopy::copy_unit(const std::byte* in, std::byte* out, std::int64_t part) const {
  if (form_ == Form::runs) {
    const std::int64_t begin = part * part_;
    const std::int64_t count = std::min(part_, inner_ - begin);
    std::memcpy(out + begin * element_bytes_, in + begin * element_bytes_,
                static_cast<std::size_t>(count * element_bytes_));
    return;
  }
  if (form_ == Form::squares) {
    const std::int64_t across = ceil_div(cross_, kTile);
    const std::int64_t r = part / across * kTile;
    const std::int64_t c = part % across * kTile;
    transpose_block(in + (r * inner_in_ + c) * element_bytes_, inner_in_, static_cast<std::size_t>(element_bytes_),
                    std::min(kTile, inner_ - r), std::min(kTile, cross_ - c),
                    out + (c * cross_out_ + r) * element_bytes_, cross_out_);
    return;
  }
  switch (element_bytes_) {
    case 1: return copy_line<std::uint8_t>(in, inner_in_, out, inner_out_, inner_);
    case 2: return copy_line<std::uint16_t>(in, inner_in_, out, inner_out_, inner_);
    case 4: return copy_line<std::uint32_t>(in, inner_in_, out, inner_out_, inner_);
    default: return copy_line<std::uint64_t>(in, inner_in_, out, inner_out_, inner_);
  }
}

void NdCopy::run(const void* in_data, void* out_data, Parallel& parallel) const {
  const std::byte* in = static_cast<const std::byte*>(in_data) + in_offset_ * element_bytes_;
  std::byte* out = static_cast<std::byte*>(out_data) + out_offset_ * element_bytes_;
  const std::int64_t units = outer_ * parts_;
  if (units == 0 || inner_ == 0) return;
  // A unit costs at least the bookkeeping around it.
  const std::int64_t work = units * 16 + outer_ * inner_ * cross_ * element_bytes_ / 4;
  const TaskSplit split(units, work, parallel.threads());
  parallel.run(split.tasks(), [&](std::int64_t task, int) {
    const std::int64_t begin = split.begin(task);
    const std::int64_t end = split.end(task);
    std::int64_t part = begin % parts_;
    std::int64_t outer = begin / parts_;
    std::int64_t unit = begin;
    while (unit < end) {
      std::int64_t rest = outer;
      std::int64_t from = 0;
      std::int64_t to = 0;
      std::int64_t last = 0;  // index in the innermost of the outer dimensions, which is then walked without division
      for (std::size_t i = dims_.size(); i-- > 0;) {
        const std::int64_t index = rest % dims_[i];
        rest /= dims_[i];
        if (i + 1 == dims_.size()) last = index;
        from += index * in_strides_[i];
        to += index * out_strides_[i];
      }
      const std::int64_t walk = dims_.empty() ? 1 : dims_.back() - last;
      for (std::int64_t step = 0; step < walk && unit < end; ++step, ++outer) {
        for (; part < parts_ && unit < end; ++part, ++unit)
          copy_unit(in + from * element_bytes_, out + to * element_bytes_, part);
        part = 0;
        if (!dims_.empty()) {
          from += in_strides_.back();
          to += out_strides_.back();
        }
      }
    }
  });
}

}  // namespace ingot::cpu
