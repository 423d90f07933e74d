// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/onednn/work.h"

#include <algorithm>

#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu::onednn {
namespace {

struct Range {
  std::int64_t begin = 0, end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

// Part `index` of `parts` nearly equal ones, cut at multiples of `unit`.
Range part_of(std::int64_t total, std::int64_t parts, std::int64_t index, std::int64_t unit) {
  const std::int64_t units = ceil_div(total, unit);
  return {std::min(total, units * index / parts * unit), std::min(total, units * (index + 1) / parts * unit)};
}

// Fewer than the threads where the work is too small to share.
std::int64_t parts_for(double multiply_adds, int threads) {
  constexpr double kSmallWork = 1 << 17;
  return static_cast<std::int64_t>(std::clamp(multiply_adds / kSmallWork, 1.0, static_cast<double>(threads)));
}

Status strided(dnnl_memory_desc_t& desc, const Shape& dims, const std::int64_t* strides) {
  return check(lib().memory_desc_init_by_strides(&desc, static_cast<int>(dims.size()), dims.data(), dnnl_f32, strides),
               "strides");
}

Status tagged(dnnl_memory_desc_t& desc, const Shape& dims, dnnl_format_tag_t tag) {
  return check(lib().memory_desc_init_by_tag(&desc, static_cast<int>(dims.size()), dims.data(), dnnl_f32, tag),
               "layout");
}

// A convolution that maps pixels one to one, as one line of pixels.
bool is_pixelwise(const ConvShape& shape) {
  return shape.groups == 1 && shape.window() == 1 && shape.in == shape.out &&
         shape.pad_begin == std::array<std::int64_t, 3>{} && shape.stride == std::array<std::int64_t, 3>{1, 1, 1};
}

ConvShape as_line(const ConvShape& shape) {
  ConvShape line = shape;
  line.batch = 1;
  line.in = line.out = {1, 1, shape.batch * shape.out_pixels()};
  return line;
}

class ConvSplit {
 public:
  ConvSplit(const ConvShape& shape, bool channels_last)
      : s_(shape),
        last_(channels_last),
        first_(shape.in[0] == 1 && shape.out[0] == 1 && shape.kernel[0] == 1 ? 1 : 0),
        axis_(first_) {
    while (axis_ < 2 && s_.in[axis_] == 1 && s_.out[axis_] == 1) ++axis_;
  }
  // Of the dimension whose slices are contiguous within an image.
  [[nodiscard]] std::int64_t rows() const { return last_ ? s_.out[axis_] : 1; }
  // Of the output as a matrix.
  [[nodiscard]] std::int64_t columns() const { return last_ ? s_.out_channels : s_.out[2]; }

  Result<Share> share(Range images, Range rows) const {
    Share out;
    std::array<std::int64_t, 3> in = s_.in, to = s_.out, before = s_.pad_begin;
    std::int64_t in_begin = 0;
    if (rows.size() != this->rows()) {
      const std::int64_t top = rows.begin * s_.stride[axis_] - s_.pad_begin[axis_];
      const std::int64_t bottom =
          (rows.end - 1) * s_.stride[axis_] + (s_.kernel[axis_] - 1) * s_.dilation[axis_] + 1 - s_.pad_begin[axis_];
      in_begin = std::max<std::int64_t>(0, top);
      in[axis_] = std::min(s_.in[axis_], bottom) - in_begin;
      to[axis_] = rows.size();
      before[axis_] = in_begin - top;
      if (in[axis_] <= 0) return unsupported("rows of padding alone");
    }
    const std::int64_t in_row = s_.in_pixels() / s_.in[axis_] * s_.in_channels;
    const std::int64_t out_row = s_.out_pixels() / this->rows() * s_.out_channels;
    out.src_offset = images.begin * s_.in_pixels() * s_.in_channels + in_begin * in_row;
    out.dst_offset = (images.begin * this->rows() + rows.begin) * out_row;
    out.row_begin = out.dst_offset / columns();
    out.row_end = out.row_begin + images.size() * rows.size() * out_row / columns();
    out.col_end = columns();
    for (std::size_t i = first_; i < 3; ++i) {
      const std::size_t at = i - first_;
      out.strides[at] = s_.stride[i];
      out.dilations[at] = s_.dilation[i] - 1;
      out.pad_begin[at] = before[i];
      out.pad_end[at] = (to[i] - 1) * s_.stride[i] + (s_.kernel[i] - 1) * s_.dilation[i] + 1 - in[i] - before[i];
    }
    const dnnl_format_tag_t tag = first_ == 1 ? (last_ ? dnnl_nhwc : dnnl_nchw) : (last_ ? dnnl_ndhwc : dnnl_ncdhw);
    INGOT_RETURN_IF_ERROR(tagged(out.src, spatial({images.size(), s_.in_channels}, in), tag));
    INGOT_RETURN_IF_ERROR(tagged(out.dst, spatial({images.size(), s_.out_channels}, to), tag));
    INGOT_RETURN_IF_ERROR(tagged(out.weights, weights(), dnnl_format_tag_any));
    INGOT_RETURN_IF_ERROR(tagged(out.bias, {s_.out_channels}, dnnl_a));
    return out;
  }

  [[nodiscard]] Shape weights() const {
    return spatial(
        s_.groups == 1 ? Shape{s_.out_channels, s_.in_channels} : Shape{s_.groups, s_.group_out(), s_.group_in()},
        s_.kernel);
  }

 private:
  [[nodiscard]] Shape spatial(Shape head, const std::array<std::int64_t, 3>& sizes) const {
    for (std::size_t i = first_; i < 3; ++i) head.push_back(sizes[i]);
    return head;
  }

  const ConvShape& s_;
  bool last_;
  std::size_t first_, axis_;  // the first spatial dimension told to the library, and the one that is cut
};

}  // namespace

Result<Work> split_conv(const ConvShape& given, bool channels_last, int threads) {
  const double multiply_adds = static_cast<double>(given.batch * given.out_pixels()) *
                               static_cast<double>(given.window()) *
                               static_cast<double>(given.out_channels * given.group_in());
  const std::int64_t parts = parts_for(multiply_adds, threads);
  ConvShape shape = given;
  if (parts > 1 && channels_last && is_pixelwise(given) && (given.batch > 1 || given.out[1] % parts != 0))
    shape = as_line(given);
  const ConvSplit split(shape, channels_last);
  Work work;
  work.is_conv = true;
  work.columns = split.columns();
  const Range all_rows{0, split.rows()};
  // Images are cut only where whole ones would leave threads idle for long.
  const bool whole = shape.batch % parts == 0 || shape.batch >= 4 * parts || split.rows() < parts;
  const std::int64_t groups = whole ? std::min(parts, shape.batch) : shape.batch;
  const std::int64_t cuts = whole ? 1 : parts;
  for (std::int64_t group = 0; group < groups; ++group) {
    const Range images = part_of(shape.batch, groups, group, 1);
    for (std::int64_t cut = 0; cut < cuts; ++cut) {
      Result<Share> share = split.share(images, part_of(all_rows.end, cuts, cut, 1));
      if (share.is_ok()) {
        work.shares.push_back(*share);
        continue;
      }
      INGOT_ASSIGN_OR_RETURN(const Share whole_problem, split.share({0, shape.batch}, all_rows));
      work.shares = {whole_problem};
      group = groups;
      break;
    }
  }
  work.slices.resize(1);
  INGOT_RETURN_IF_ERROR(strided(work.slices[0].plain, split.weights(), nullptr));
  return work;
}

Result<Work> split_matmul(const MatmulShape& shape, int threads, std::size_t slices) {
  const std::int64_t m = shape.m * shape.batches();
  const auto slice_count = static_cast<std::int64_t>(slices);
  const double multiply_adds = static_cast<double>(m) * static_cast<double>(shape.n) * static_cast<double>(shape.k);
  const std::int64_t row_parts =
      slices == 1 ? std::min(parts_for(multiply_adds, threads), std::max<std::int64_t>(m, 1)) : 1;
  constexpr std::int64_t kColumnUnit = 64;
  if (slice_count < 1 || (slice_count > 1 && ceil_div(shape.n, kColumnUnit) < slice_count))
    return corrupt("oneDNN: {} columns in {} slices", shape.n, slice_count);
  Work work;
  work.columns = shape.n;
  for (std::int64_t slice = 0; slice < slice_count; ++slice) {
    const Range columns = part_of(shape.n, slice_count, slice, kColumnUnit);
    WeightSlice part;
    const std::int64_t strides[2] = {shape.trans_b ? 1 : shape.n, shape.trans_b ? shape.k : 1};
    INGOT_RETURN_IF_ERROR(strided(part.plain, {shape.k, columns.size()}, strides));
    part.offset = columns.begin * strides[1];
    work.slices.push_back(part);
    for (std::int64_t i = 0; i < row_parts; ++i) {
      const Range rows = part_of(m, row_parts, i, 1);
      Share share;
      share.slice = static_cast<std::size_t>(slice);
      share.src_offset = rows.begin * shape.k;
      share.dst_offset = rows.begin * shape.n + columns.begin;
      share.bias_offset = columns.begin;
      share.row_begin = rows.begin;
      share.row_end = rows.end;
      share.col_begin = columns.begin;
      share.col_end = columns.end;
      // The distance of a single row to the next is free: dense ones have faster implementations.
      const std::int64_t out_strides[2] = {rows.size() == 1 ? columns.size() : shape.n, 1};
      INGOT_RETURN_IF_ERROR(tagged(share.src, {rows.size(), shape.k}, dnnl_ab));
      INGOT_RETURN_IF_ERROR(tagged(share.weights, {shape.k, columns.size()}, dnnl_format_tag_any));
      INGOT_RETURN_IF_ERROR(tagged(share.bias, {1, columns.size()}, dnnl_ab));
      INGOT_RETURN_IF_ERROR(strided(share.dst, {rows.size(), columns.size()}, out_strides));
      work.shares.push_back(share);
    }
  }
  return work;
}

}  // namespace ingot::cpu::onednn
