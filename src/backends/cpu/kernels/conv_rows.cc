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
const float* ConvRows::line_base(const Window& window, const Tap& line) const {
  const std::int64_t d = window.d + line.kd * shape_.dilation[0];
  const std::int64_t h = window.h + line.kh * shape_.dilation[1];
  if (d < 0 || d >= shape_.in[0] || h < 0 || h >= shape_.in[1]) return nullptr;
  return window.image + (d * shape_.in[1] + h) * shape_.in[2] * ld_;
}

// Floats from the window's first position to the tap.
std::int64_t ConvRows::distance(const Tap& tap) const {
  return ((tap.kd * shape_.dilation[0] * shape_.in[1] + tap.kh * shape_.dilation[1]) * shape_.in[2] +
          tap.kw * shape_.dilation[2]) *
         ld_;
}

void ConvRows::next_line(Tap& tap) const {
  tap.kw = 0;
  if (++tap.kh == shape_.kernel[1]) {
    tap.kh = 0;
    ++tap.kd;
  }
}

void ConvRows::fill_taps(const Window* windows, int rows, const KBlock& block, const float** table) const {
  Tap tap = line_tap(block.tap / shape_.kernel[2]);
  tap.kw = block.tap % shape_.kernel[2];
  for (std::int64_t t = 0; t < block.taps; ++t, table += kMaxTileRows) {
    const std::int64_t offset = distance(tap) + block.offset;
    for (int i = 0; i < rows; ++i) {
      if (windows[i].inside) {
        table[i] = windows[i].start + offset;
        continue;
      }
      const float* base = line_base(windows[i], tap);
      const std::int64_t w = windows[i].w + tap.kw * shape_.dilation[2];
      table[i] = base != nullptr && w >= 0 && w < shape_.in[2] ? base + w * ld_ + block.offset : kZeros;
    }
    if (++tap.kw == shape_.kernel[2]) next_line(tap);
  }
}

void ConvRows::fill_lines(const Window* windows, int rows, const KBlock& block, const float** table,
                          float* copy) const {
  Tap line = line_tap(block.tap);
  for (std::int64_t t = 0; t < block.taps; ++t, table += kMaxTileRows, next_line(line)) {
    const std::int64_t offset = distance(line) + block.offset;
    for (int i = 0; i < rows; ++i) {
      const Window& window = windows[i];
      if (window.inside) {
        table[i] = window.start + offset;
        continue;
      }
      const float* base = line_base(window, line);
      if (base == nullptr) {
        table[i] = kZeros;
      } else if (window.w >= 0 && window.w + shape_.kernel[2] <= shape_.in[2]) {
        table[i] = base + window.w * ld_ + block.offset;
      } else {
        float* out = copy + i * plan_.pitch + t * block.k;
        copy_line(window, line, block.offset, block.k, out);
        table[i] = out;
      }
    }
  }
}

// Floats [begin, begin + count) of a window's line (kw, channel), zeros in the padding.
void ConvRows::copy_line(const Window& window, const Tap& line, std::int64_t begin, std::int64_t count,
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
  Tap line = line_tap(block.offset / line_floats);
  std::int64_t begin = block.offset % line_floats;
  for (std::int64_t left = block.k; left > 0; next_line(line), begin = 0) {
    const std::int64_t count = std::min(left, line_floats - begin);
    copy_line(window, line, begin, count, copy);
    copy += count;
    left -= count;
  }
}

void ConvRows::locate(std::int64_t row, int rows, Window* windows) const {
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

void ConvRows::fill(std::int64_t row, int rows, const KBlock& block, const float** table, float* copy) const {
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

}  // namespace ingot::cpu
