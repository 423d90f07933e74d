// SPDX-License-Identifier: Apache-2.0
// What every kernel of this folder does with an output element before it leaves the cache:
//   y = clamp(x + bias[col] + row_bias[row] + residual[row][col], min, max), then row_fn on the finished rows.
// Null pointers and the default limits leave a step out. NaN passes through the clamp.
//
// Rows and columns: the kernel's output is a matrix of rows (output pixels, or rows of a matrix product; a batch is
// stacked) by columns (output channels); indices are over the whole call, groups and batches included.
//
// Aliasing: `residual` may be the output itself (same address and stride) or must not overlap it. All pointers are
// borrowed for the call.
#pragma once

#include <cstdint>
#include <limits>

namespace ingot::cpu {

struct Epilogue {
  // A piece of the finished output: `rows` rows, `stride` floats apart, of `count` columns; (row_index, col_begin) is
  // its first element.
  struct Piece {
    float* data = nullptr;
    std::int64_t rows = 1;
    std::int64_t stride = 0;
    std::int64_t count = 0;
    std::int64_t row_index = 0;
    std::int64_t col_begin = 0;
  };
  // Evaluates anything pointwise in place on a piece. Called once per element of the output, from any thread of the
  // call, pieces in no particular order; the data may be unaligned. Several rows at once keep the price of the call
  // small where rows are short.
  using RowFn = void (*)(const void* ctx, const Piece& piece);

  const float* bias = nullptr;      // one per column
  const float* row_bias = nullptr;  // one per row
  const float* residual = nullptr;
  std::int64_t residual_stride = 0;  // floats from a residual row to the next
  float clamp_min = -std::numeric_limits<float>::infinity();
  float clamp_max = std::numeric_limits<float>::infinity();
  RowFn row_fn = nullptr;
  const void* row_ctx = nullptr;

  [[nodiscard]] bool clamps_low() const { return clamp_min != -std::numeric_limits<float>::infinity(); }
  [[nodiscard]] bool clamps_high() const { return clamp_max != std::numeric_limits<float>::infinity(); }
};

}  // namespace ingot::cpu
