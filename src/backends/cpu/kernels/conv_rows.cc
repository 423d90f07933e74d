// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/conv_rows.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/gemm_rows.h"

namespace ingot::cpu {
namespace {

// The longest K block of one tap of floats; what a row pointer in their padding points at.
constexpr std::int64_t kMaxTapK = 512;
alignas(64) constexpr float kZeros[kMaxTapK] = {};

// Runs are short (a pixel or a line of a window), where the general memcpy mostly dispatches.
template <typename T>
inline void copy_run(T* out, const T* in, std::int64_t count) {
  constexpr std::int64_t kChunk = 16 / sizeof(T);
  if (count >= 32 * kChunk) {
    std::memcpy(out, in, static_cast<std::size_t>(count) * sizeof(T));
  } else if (count >= kChunk) {
    std::int64_t i = 0;
    for (; i + kChunk <= count; i += kChunk) std::memcpy(out + i, in + i, 16);
    std::memcpy(out + count - kChunk, in + count - kChunk, 16);
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = in[i];
  }
}

constexpr std::int64_t kUncut = std::int64_t{1} << 40;
// Limits of a K block: of a copied or joined one, and of one tap.
template <typename T>
constexpr std::int64_t kJoinedLimit = sizeof(T) == 1 ? kUncut : kBlockK;
template <typename T>
constexpr std::int64_t kTapLimit = sizeof(T) == 1 ? kUncut : kMaxTapK;

}  // namespace

const float* conv_zeros() { return kZeros; }

template <typename T>
ConvRowPlan plan_conv_rows(const ConvShape& shape, std::int64_t in_ld, int panel) {
  const std::int64_t channels = shape.group_in();
  const std::int64_t lines = shape.kernel[0] * shape.kernel[1];
  const std::int64_t line = shape.kernel[2] * channels;
  ConvRowPlan plan;
  const bool dense_lines = in_ld == channels && (shape.dilation[2] == 1 || shape.kernel[2] == 1);
  const bool few = channels * static_cast<std::int64_t>(sizeof(T)) < 64;
  if (few && dense_lines && line >= 8 && line <= kTapLimit<T>) {
    plan.mode = ConvRowMode::kLines;
    plan.k = {lines, line, kJoinedLimit<T>};
    plan.pitch = copy_pitch<T>(plan.k);
  } else if (few || channels * sizeof(T) % 4 != 0 ||
             (stride_conflicts<T>(in_ld * shape.stride[2]) && shape.group_out() >= 2 * panel)) {
    plan.mode = ConvRowMode::kCopy;
    plan.k = {1, lines * line, kJoinedLimit<T>};
    plan.pitch = copy_pitch<T>(plan.k);
  } else {
    plan.mode = ConvRowMode::kTaps;
    plan.k = {shape.window(), channels, kTapLimit<T>};
  }
  plan.copy_elements = plan.pitch * kMaxTileRows;
  return plan;
}
template ConvRowPlan plan_conv_rows<float>(const ConvShape&, std::int64_t, int);
template ConvRowPlan plan_conv_rows<std::uint8_t>(const ConvShape&, std::int64_t, int);

// The window's line at w = 0 of the image, or null where it lies in the padding.
template <typename T>
const T* ConvRows<T>::line_base(const Window& window, const Tap& line) const {
  const std::int64_t d = window.d + line.kd * shape_.dilation[0];
  const std::int64_t h = window.h + line.kh * shape_.dilation[1];
  if (d < 0 || d >= shape_.in[0] || h < 0 || h >= shape_.in[1]) return nullptr;
  return window.image + (d * shape_.in[1] + h) * shape_.in[2] * ld_;
}

// Elements from the window's first position to the tap.
template <typename T>
std::int64_t ConvRows<T>::distance(const Tap& tap) const {
  return ((tap.kd * shape_.dilation[0] * shape_.in[1] + tap.kh * shape_.dilation[1]) * shape_.in[2] +
          tap.kw * shape_.dilation[2]) *
         ld_;
}

template <typename T>
void ConvRows<T>::next_line(Tap& tap) const {
  tap.kw = 0;
  if (++tap.kh == shape_.kernel[1]) {
    tap.kh = 0;
    ++tap.kd;
  }
}

template <typename T>
void ConvRows<T>::fill_taps(const Window* windows, int rows, const KBlock& block, const T** table) const {
  Tap tap = line_tap(block.tap / shape_.kernel[2]);
  tap.kw = block.tap % shape_.kernel[2];
  for (std::int64_t t = 0; t < block.taps; ++t, table += kMaxTileRows) {
    const std::int64_t offset = distance(tap) + block.offset;
    for (int i = 0; i < rows; ++i) {
      if (windows[i].inside) {
        table[i] = windows[i].start + offset;
        continue;
      }
      const T* base = line_base(windows[i], tap);
      const std::int64_t w = windows[i].w + tap.kw * shape_.dilation[2];
      table[i] = base != nullptr && w >= 0 && w < shape_.in[2] ? base + w * ld_ + block.offset : padding_;
    }
    if (++tap.kw == shape_.kernel[2]) next_line(tap);
  }
}

template <typename T>
void ConvRows<T>::fill_lines(const Window* windows, int rows, const KBlock& block, const T** table, T* copy) const {
  Tap line = line_tap(block.tap);
  const std::int64_t read = sizeof(T) == 1 ? round_up(block.k, 4) : block.k;
  for (std::int64_t t = 0; t < block.taps; ++t, table += kMaxTileRows, next_line(line)) {
    const std::int64_t offset = distance(line) + block.offset;
    for (int i = 0; i < rows; ++i) {
      const Window& window = windows[i];
      const T* whole = nullptr;
      const T* base = window.inside ? nullptr : line_base(window, line);
      if (window.inside) {
        whole = window.start + offset;
      } else if (base == nullptr) {
        table[i] = padding_;
        continue;
      } else if (window.w >= 0 && window.w + shape_.kernel[2] <= shape_.in[2]) {
        whole = base + window.w * ld_ + block.offset;
      }
      if (whole != nullptr && whole + read <= end_) {
        table[i] = whole;
      } else {
        T* out = copy + i * plan_.pitch + t * block.k;
        copy_line(window, line, block.offset, block.k, out);
        table[i] = out;
      }
    }
  }
}

// Elements [begin, begin + count) of a window's line (kw, channel), the padding outside.
template <typename T>
void ConvRows<T>::copy_line(const Window& window, const Tap& line, std::int64_t begin, std::int64_t count,
                            T* out) const {
  const T* base = line_base(window, line);
  if (base == nullptr) {
    std::fill(out, out + count, *padding_);
    return;
  }
  const std::int64_t channels = shape_.group_in();
  if (ld_ == channels && shape_.dilation[2] == 1) {
    // One run, cut at both ends of the image's line.
    const std::int64_t start = window.w * channels + begin;
    const std::int64_t before = std::clamp<std::int64_t>(-start, 0, count);
    const std::int64_t stop = std::clamp<std::int64_t>(shape_.in[2] * channels - start, before, count);
    for (std::int64_t i = 0; i < before; ++i) out[i] = *padding_;
    copy_run(out + before, base + start + before, stop - before);
    for (std::int64_t i = stop; i < count; ++i) out[i] = *padding_;
    return;
  }
  while (count > 0) {
    const std::int64_t kw = begin / channels;
    const std::int64_t channel = begin % channels;
    const std::int64_t run = std::min(count, channels - channel);
    const std::int64_t w = window.w + kw * shape_.dilation[2];
    if (w >= 0 && w < shape_.in[2]) {
      copy_run(out, base + w * ld_ + channel, run);
    } else {
      std::fill(out, out + run, *padding_);
    }
    out += run;
    begin += run;
    count -= run;
  }
}

template <typename T>
void ConvRows<T>::fill_copy(const Window& window, const KBlock& block, T* copy) const {
  if (block.k == 0) return;
  const std::int64_t line_length = shape_.kernel[2] * shape_.group_in();
  Tap line = line_tap(block.offset / line_length);
  std::int64_t begin = block.offset % line_length;
  for (std::int64_t left = block.k; left > 0; next_line(line), begin = 0) {
    const std::int64_t count = std::min(left, line_length - begin);
    copy_line(window, line, begin, count, copy);
    copy += count;
    left -= count;
  }
}

template <typename T>
void ConvRows<T>::locate(std::int64_t row, int rows, Window* windows) const {
  const auto& [depth, height, width] = shape_.out;
  std::int64_t w = row % width;
  std::int64_t h = row / width % height;
  std::int64_t d = row / (width * height) % depth;
  std::int64_t image = row / (width * height * depth);
  const auto inside = [&](std::int64_t start, std::size_t axis) {
    return start >= 0 && start + (shape_.kernel[axis] - 1) * shape_.dilation[axis] < shape_.in[axis];
  };
  for (int i = 0; i < rows; ++i) {
    Window& window = windows[i];
    window.d = d * shape_.stride[0] - shape_.pad_begin[0];
    window.h = h * shape_.stride[1] - shape_.pad_begin[1];
    window.w = w * shape_.stride[2] - shape_.pad_begin[2];
    window.inside = inside(window.w, 2) && inside(window.h, 1) && inside(window.d, 0);
    window.image = in_ + image * shape_.in_pixels() * ld_;
    if (window.inside)
      window.start = window.image + ((window.d * shape_.in[1] + window.h) * shape_.in[2] + window.w) * ld_;
    if (++w == width) {
      w = 0;
      if (++h == height) {
        h = 0;
        if (++d == depth) {
          d = 0;
          ++image;
        }
      }
    }
  }
}

template <typename T>
void ConvRows<T>::fill(std::int64_t row, int rows, const KBlock& block, const T** table, T* copy) const {
  Window windows[kMaxTileRows];
  locate(row, rows, windows);
  switch (plan_.mode) {
    case ConvRowMode::kTaps: fill_taps(windows, rows, block, table); break;
    case ConvRowMode::kLines: fill_lines(windows, rows, block, table, copy); break;
    case ConvRowMode::kCopy:
      for (int i = 0; i < rows; ++i) {
        table[i] = copy + i * plan_.pitch;
        fill_copy(windows[i], block, copy + i * plan_.pitch);
      }
      break;
  }
}

template class ConvRows<float>;
template class ConvRows<std::uint8_t>;

}  // namespace ingot::cpu
