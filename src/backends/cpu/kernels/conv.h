// SPDX-License-Identifier: Apache-2.0
// Convolution in fp32, channels last, as an implicit matrix product: one row per output pixel, one column per output
// channel, K = window x input channels of the group. No image-sized buffer is built.
//
// Layouts: input [N, D, H, W, C] and output [N, D, H, W, M], each pixel in_ld / out_ld floats after the one before
// (>= the channels, so that a slice of a wider tensor can be read or written in place). Input, output and weights need
// no alignment; packed weights and scratch are aligned to kAlignment. The output must not overlap the input.
// Scratch is the caller's, may hold anything, and is the call's alone. Nothing here allocates or locks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/epilogue.h"
#include "base/parallel.h"

namespace ingot::cpu {

// Spatial arrays are {D, H, W}; lower ranks have leading 1s (kernel, stride and dilation 1, padding 0).
// Every member is valid on its own: channels divide by groups, strides and dilations are positive, and `out` is what
// the padding at the end makes it (it may reach beyond the input, where zeros are read).
struct ConvShape {
  std::int64_t batch = 1;
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  std::int64_t groups = 1;
  std::array<std::int64_t, 3> in = {1, 1, 1};
  std::array<std::int64_t, 3> out = {1, 1, 1};
  std::array<std::int64_t, 3> kernel = {1, 1, 1};
  std::array<std::int64_t, 3> stride = {1, 1, 1};
  std::array<std::int64_t, 3> dilation = {1, 1, 1};
  std::array<std::int64_t, 3> pad_begin = {0, 0, 0};

  [[nodiscard]] std::int64_t window() const { return kernel[0] * kernel[1] * kernel[2]; }
  [[nodiscard]] std::int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  [[nodiscard]] std::int64_t out_pixels() const { return out[0] * out[1] * out[2]; }
  [[nodiscard]] std::int64_t group_in() const { return in_channels / groups; }
  [[nodiscard]] std::int64_t group_out() const { return out_channels / groups; }
};

std::size_t conv_packed_bytes(const ConvShape& shape, int panel);
// weights: ONNX order [M, C / groups, kD, kH, kW].
void conv_pack(const ConvShape& shape, const float* weights, int panel, float* packed);

// in_ld takes part because the layout decides how rows are gathered.
std::size_t conv_scratch_bytes(const ConvShape& shape, std::int64_t in_ld, int panel, int threads);
void conv(const ConvShape& shape, const float* in, std::int64_t in_ld, const float* packed, int panel, float* out,
          std::int64_t out_ld, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel);

}  // namespace ingot::cpu
