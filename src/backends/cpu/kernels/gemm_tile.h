// SPDX-License-Identifier: Apache-2.0
// The register-tile kernel under every dense kernel here: C[rows, cols] = sum over taps t and k of
// A[t][row][k] * B[t * k_total + k][col]. Internal to the folder.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/epilogue.h"

namespace ingot::cpu {

// Upper bound of GemmKernels::rows over all ISAs; the row pitch of a pointer table.
inline constexpr int kMaxTileRows = 14;

struct GemmTile {
  const float* const* a = nullptr;  // [taps][kMaxTileRows]; each points at k floats
  std::int64_t taps = 1;
  std::int64_t k = 0;        // per tap
  const float* b = nullptr;  // [taps * k][panel], rows contiguous
  float* c = nullptr;        // element (0, 0) of the tile
  std::int64_t ldc = 0;
  int rows = 0;                // 1..GemmKernels::rows
  int cols = 0;                // 1..panel
  bool first = true;           // start from the epilogue's addends; otherwise accumulate into C
  bool last = true;            // apply the epilogue's clamp
  std::int64_t row_index = 0;  // of element (0, 0), for the epilogue's operands
  std::int64_t col_index = 0;
};

struct GemmKernels {
  int panel = 0;
  int rows = 0;
  // Everything of the epilogue but row_fn.
  void (*tile)(const GemmTile& tile, const Epilogue& epilogue) = nullptr;
};

// The kernels of one panel width, which must be supported.
const GemmKernels& gemm_kernels(int panel);

}  // namespace ingot::cpu
