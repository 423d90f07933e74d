// SPDX-License-Identifier: Apache-2.0
// Matrices B[K, N] of small integers v with a scale, and perhaps a zero point, for each block of rows of a column:
//   B[k][n] = (v - zero_point) * scale.
// Internal to the folder.
//
// Layout: panels of `panel` columns, the last one padded. A word of 32 bits holds 32 / bits successive rows of a
// column, the first one lowest, each as a number of two's complement; a panel is [words of a column][panel] words.
// Scales and zero points are [blocks][panel] for each panel. A block begins with a word.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {

struct NbitsMatrix {
  int bits = 4;  // 4 or 8
  int panel = 0;
  std::int64_t k = 0;
  std::int64_t n = 0;
  std::int64_t block = 1;  // a multiple of rows_per_word(), or at least k
  const std::uint32_t* words = nullptr;
  const float* scales = nullptr;
  const std::int8_t* zero_points = nullptr;  // null: all are 0

  [[nodiscard]] int rows_per_word() const { return 32 / bits; }
  [[nodiscard]] std::int64_t panels() const { return ceil_div(n, panel); }
  [[nodiscard]] std::int64_t panel_words() const { return ceil_div(k, rows_per_word()) * panel; }
  [[nodiscard]] std::int64_t panel_blocks() const { return ceil_div(k, block) * panel; }  // scales of a panel
};

// The most rows of A that the sums of one call have.
inline constexpr int kMaxNbitsRows = 4;

struct NbitsKernels {
  // sums[rows][panel], aligned: a[i] (k floats each) by panel `index`. 1 <= rows <= kMaxNbitsRows.
  void (*sums)(const NbitsMatrix& b, std::int64_t index, const float* const* a, int rows, float* sums) = nullptr;
  // to[k_end - k_begin][panel], aligned: these rows of panel `index` as floats.
  void (*unpack)(const NbitsMatrix& b, std::int64_t index, std::int64_t k_begin, std::int64_t k_end,
                 float* to) = nullptr;
};

// The kernels of one panel width, which must be supported.
const NbitsKernels& nbits_kernels(int panel);

}  // namespace ingot::cpu
