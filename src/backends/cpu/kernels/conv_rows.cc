// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/conv_rows.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/gemm_rows.h"

namespace ingot::cpu {
namespace {

// The longest K block of one tap; what a row pointer in the padding points at.
constexpr std::int64_t kMaxTapK = 512;
alignas(64) constexpr float kZeros[kMaxTapK] = {};

// Runs are short (a pixel or a line of a window), where the general memcpy mostly dispatches.
inline void copy_run(float* out, const float* in, std::int64_t count) {
  if (count >= 128) {
    std::memcpy(out, in, static_cast<std::size_t>(count) * sizeof(float));
  } else if (count >= 4) {
    std::int64_t i = 0;
    for (; i + 4 <= count; i += 4) std::memcpy(out + i, in + i, 16);
    std::memcpy(out + count - 4, in + count - 4, 16);
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = in[i];
  }
}

}  // namespace

// Where one output pixel's window starts; may lie in the padding.
struct ConvRows::Window {
  const float* image;
  std::int64_t d, h, w;
};

ConvRowPlan plan_conv_rows(const ConvShape& shape, std::int64_t in_ld, int panel) {
  const std::int64_t channels = shape.group_in();
  const std::int64_t lines = shape.kernel[0] * shape.kernel[1];
  const std::int64_t line = shape.kernel[2] * channels;
  ConvRowPlan plan;
  const bool dense_lines = in_ld == channels && (shape.dilation[2] == 1 || shape.kernel[2] == 1);
  if (channels < 16 && dense_lines && line >= 8 && line <= kMaxTapK) {
    plan.mode = ConvRowMode::kLines;
    plan.k = {lines, line, kBlockK};
    plan.pitch = round_up(plan.k.max_block_k(), 16) + 16;
  } else if (channels < 16 || (stride_conflicts(in_ld * shape.stride[2]) && shape.group_out() >= 2 * panel)) {
    plan.mode = ConvRowMode::kCopy;
    plan.k = {1, lines * line, kBlockK};
    plan.pitch = copy_pitch(plan.k);
  } else {
    plan.mode = ConvRowMode::kTaps;
    plan.k = {shape.window(), channels, kMaxTapK};
  }
  plan.copy_floats = plan.pitch * kMaxTileRows;
  return plan;
}

// The window's line at w = 0 of the image, or null where it lies in the padding.
const float* ConvRows::line_base(const Window& window, std::int64_t line) const {
  const std::int64_t d = window.d + line / shape_.kernel[1] * shape_.dilation[0];
  const std::int64_t h = window.h + line % shape_.kernel[1] * shape_.dilation[1];
  if (d < 0 || d >= shape_.in[0] || h < 0 || h >= shape_.in[1]) return nullptr;
  return window.image + (d * shape_.in[1] + h) * shape_.in[2] * ld_;
}

void ConvRows::fill_taps(const Window& window, const KBlock& block, const float** table) const {
  const std::int64_t kernel_w = shape_.kernel[2];
  std::int64_t line = block.tap / kernel_w;
  std::int64_t kw = block.tap % kernel_w;
  std::int64_t left = block.taps;
  for (; left > 0; ++line, kw = 0) {
    const float* base = line_base(window, line);
    const std::int64_t count = std::min(left, kernel_w - kw);
    std::int64_t w = window.w + kw * shape_.dilation[2];
    for (std::int64_t i = 0; i < count; ++i, w += shape_.dilation[2], table += kMaxTileRows) {
      const bool inside = base != nullptr && w >= 0 && w < shape_.in[2];
      *table = inside ? base + w * ld_ + block.offset : kZeros;
    }
    left -= count;
  }
}

void ConvRows::fill_lines(const Window& window, const KBlock& block, const float** table, float* copy) const {
  const std::int64_t channels = shape_.group_in();
  const std::int64_t begin = window.w * channels;
  const bool inside = window.w >= 0 && window.w + shape_.kernel[2] <= shape_.in[2];
  for (std::int64_t t = 0; t < block.taps; ++t, table += kMaxTileRows) {
    const float* base = line_base(window, block.tap + t);
    if (base == nullptr) {
      *table = kZeros;
    } else if (inside) {
      *table = base + begin + block.offset;
    } else {
      float* out = copy + t * block.k;
      copy_line(window, block.tap + t, block.offset, block.k, out);
      *table = out;
    }
  }
}

// Floats [begin, begin + count) of a window's line (kw, channel), zeros in the padding.
void ConvRows::copy_line(const Window& window, std::int64_t line, std::int64_t begin, std::int64_t count,
                         float* out) const {
  const float* base = line_base(window, line);
  if (base == nullptr) {
    std::fill(out, out + count, 0.F);
    return;
  }
  const std::int64_t channels = shape_.group_in();
  if (ld_ == channels && shape_.dilation[2] == 1) {
    // One run, cut at both ends of the image's line.
    const std::int64_t start = window.w * channels + begin;
    const std::int64_t zeros_before = std::clamp<std::int64_t>(-start, 0, count);
    const std::int64_t stop = std::clamp<std::int64_t>(shape_.in[2] * channels - start, zeros_before, count);
    for (std::int64_t i = 0; i < zeros_before; ++i) out[i] = 0.F;
    copy_run(out + zeros_before, base + start + zeros_before, stop - zeros_before);
    for (std::int64_t i = stop; i < count; ++i) out[i] = 0.F;
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
      std::fill(out, out + run, 0.F);
    }
    out += run;
    begin += run;
    count -= run;
  }
}

void ConvRows::fill_copy(const Window& window, const KBlock& block, float* copy) const {
  const std::int64_t line_floats = shape_.kernel[2] * shape_.group_in();
  std::int64_t line = block.offset / line_floats;
  std::int64_t begin = block.offset % line_floats;
  for (std::int64_t left = block.k; left > 0; ++line, begin = 0) {
    const std::int64_t count = std::min(left, line_floats - begin);
    copy_line(window, line, begin, count, copy);
    copy += count;
    left -= count;
  }
}

void ConvRows::fill(std::int64_t row, int rows, const KBlock& block, const float** table, float* copy) const {
  const auto& [depth, height, width] = shape_.out;
  std::int64_t w = row % width;
  std::int64_t h = row / width % height;
  std::int64_t d = row / (width * height) % depth;
  std::int64_t image = row / (width * height * depth);
  for (int i = 0; i < rows; ++i) {
    const Window window{in_ + image * shape_.in_pixels() * ld_, d * shape_.stride[0] - shape_.pad_begin[0],
                        h * shape_.stride[1] - shape_.pad_begin[1], w * shape_.stride[2] - shape_.pad_begin[2]};
    switch (plan_.mode) {
      case ConvRowMode::kTaps:
        fill_taps(window, block, table + i);
        break;
      case ConvRowMode::kLines:
        fill_lines(window, block, table + i, copy + i * plan_.pitch);
        break;
      case ConvRowMode::kCopy:
        fill_copy(window, block, copy + i * plan_.pitch);
        table[i] = copy + i * plan_.pitch;
        break;
    }
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

}  // namespace ingot::cpu
