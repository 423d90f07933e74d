// SPDX-License-Identifier: Apache-2.0
// The vector kernels of Winograd convolution. Internal to the folder.
//
// A transform is fixed by its interpolation points. F(4, 3) uses 0, +-5/8, +-3/2 and infinity: all exact in fp32, and
// with a quarter of the error of the textbook's 0, +-1, +-2.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/epilogue.h"

namespace ingot::cpu {

inline constexpr int kMaxWinogradAlpha = 6;  // tile + 2
inline constexpr double kWinogradA = 0.625;
inline constexpr double kWinogradB = 1.5;

struct WinogradOutput {
  const float* products = nullptr;  // [alpha * alpha] of them, `pitch` floats apart
  std::int64_t pitch = 0;
  std::int64_t columns = 0;
  float* out = nullptr;  // first pixel, first column
  std::int64_t out_ld = 0;
  std::int64_t out_line = 0;  // floats from an output line to the next
  int height = 0;             // valid part of the tile
  int width = 0;
  std::int64_t row_index = 0;  // of the first pixel
  std::int64_t rows_per_line = 0;
  std::int64_t col_index = 0;
};

struct WinogradKernels {
  // Writes the alpha * alpha transformed vectors of one input tile, `pitch` floats apart, from its pixels (pointers to
  // `channels` floats, zeros for padding). Whole vectors are written: room for channels rounded up to 16.
  void (*input)(const float* const* pixels, std::int64_t channels, float* out, std::int64_t pitch) = nullptr;
  // Everything of the epilogue but row_fn. Reads whole vectors of the products.
  void (*output)(const WinogradOutput& tile, const Epilogue& epilogue) = nullptr;
};

// tile is 2 or 4.
WinogradKernels winograd_kernels(int panel, int tile);

}  // namespace ingot::cpu
