// SPDX-License-Identifier: Apache-2.0
// The vector kernel of depthwise convolution: a few neighbouring output pixels of one line, all channels of a range.
// Internal to the folder.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/epilogue.h"

namespace ingot::cpu {

// Output pixels of the widest block; divides the line widths of common networks.
inline constexpr int kMaxDepthwiseBlock = 7;

struct DepthwiseBlock {
  // [lines][columns] pointers to the range's first channel of each input pixel that the block reads, padding included
  // (it points at zeros for as many channels).
  const float* const* pixels = nullptr;
  std::int64_t columns = 0;
  // [lines]: weights of the line's first position; those of the next one are `weight_pitch` floats further, padded so
  // that whole vectors may be read.
  const float* const* weights = nullptr;
  std::int64_t weight_pitch = 0;
  std::int64_t lines = 0;
  std::int64_t kernel_w = 0;
  std::int64_t channels = 0;
  float* out = nullptr;  // first pixel, first channel of the range
  std::int64_t out_ld = 0;
  std::int64_t row_index = 0;
  std::int64_t col_index = 0;
};

// Everything of the epilogue but row_fn.
using DepthwiseFn = void (*)(const DepthwiseBlock& block, const Epilogue& epilogue);

// The kernel for blocks of `width` pixels, whose columns are the (width - 1) * stride_w + kernel_w input pixels from
// the first window's start on; null when there is none. Width 1 always exists: its columns are the window's positions.
DepthwiseFn depthwise_kernel(int panel, std::int64_t kernel_w, std::int64_t stride_w, std::int64_t dilation_w,
                             std::int64_t width);

}  // namespace ingot::cpu
