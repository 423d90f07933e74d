// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pack.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/transpose.h"

namespace ingot::cpu {
std::size_t packed_b_bytes(std::int64_t k, std::int64_t n, int panel) {
  return static_cast<std::size_t>(round_up(n, panel) * k) * sizeof(float);
}

void pack_b(std::int64_t k, std::int64_t n, const float* b, std::int64_t ldb, bool transposed, int panel,
            float* packed) {
  for (std::int64_t col = 0; col < n; col += panel, packed += k * panel) {
    const std::int64_t cols = std::min<std::int64_t>(panel, n - col);
    if (transposed) {
      transpose_block(reinterpret_cast<const std::byte*>(b + col * ldb), ldb, sizeof(float), cols, k,
                      reinterpret_cast<std::byte*>(packed), panel);
    } else {
      for (std::int64_t row = 0; row < k; ++row)
        std::memcpy(packed + row * panel, b + row * ldb + col, static_cast<std::size_t>(cols) * sizeof(float));
    }
    if (cols < panel)
      for (std::int64_t row = 0; row < k; ++row)
        std::fill(packed + row * panel + cols, packed + (row + 1) * panel, 0.F);
  }
}

}  // namespace ingot::cpu
