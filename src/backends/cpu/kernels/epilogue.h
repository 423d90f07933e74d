// SPDX-License-Identifier: Apache-2.0
// What every kernel of this folder does with an output element before it leaves the cache:
//   y = clamp(x + bias[col] + row_bias[row] + residual[row][col], min, max), then row_fn on the finished row segment.
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
  // Evaluates anything pointwise in place on columns [col_begin, col_begin + count) of one row. Called once per
  // element of the output, from any thread of the call, segments in no particular order; `row` may be unaligned.
  using RowFn = void (*)(const void* ctx, float* row, std::int64_t count, std::int64_t row_index,
                         std::int64_t col_begin);

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
