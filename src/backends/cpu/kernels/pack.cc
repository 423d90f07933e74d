// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pack.h"

#include <algorithm>
#include <cstring>

namespace ingot::cpu {
namespace {

// Writes columns [0, cols) of a [k][panel] panel from the rows of a transposed B. Blocks of 8 rows of the panel keep
// both the reads (short runs along k) and the writes within a few cache lines.
void pack_transposed(std::int64_t k, std::int64_t cols, const float* b, std::int64_t ldb, int panel, float* out) {
  constexpr std::int64_t kBlock = 8;
  std::int64_t row = 0;
  for (; row + kBlock <= k; row += kBlock) {
    for (std::int64_t col = 0; col < cols; ++col) {
      const float* source = b + col * ldb + row;
      for (std::int64_t i = 0; i < kBlock; ++i) out[(row + i) * panel + col] = source[i];
    }
  }
  for (; row < k; ++row)
    for (std::int64_t col = 0; col < cols; ++col) out[row * panel + col] = b[col * ldb + row];
}

}  // namespace

std::size_t packed_b_bytes(std::int64_t k, std::int64_t n, int panel) {
  return static_cast<std::size_t>(round_up(n, panel) * k) * sizeof(float);
}

void pack_b(std::int64_t k, std::int64_t n, const float* b, std::int64_t ldb, bool transposed, int panel,
            float* packed) {
  for (std::int64_t col = 0; col < n; col += panel, packed += k * panel) {
    const std::int64_t cols = std::min<std::int64_t>(panel, n - col);
    if (transposed) {
      pack_transposed(k, cols, b + col * ldb, ldb, panel, packed);
    } else {
      for (std::int64_t row = 0; row < k; ++row)
        std::memcpy(packed + row * panel, b + row * ldb + col, static_cast<std::size_t>(cols) * sizeof(float));
    }
    if (cols < panel)
      for (std::int64_t row = 0; row < k; ++row) std::fill(packed + row * panel + cols, packed + (row + 1) * panel, 0.F);
  }
}

}  // namespace ingot::cpu
