// SPDX-License-Identifier: Apache-2.0
// Packed matrices: the right-hand side B[K, N] of a matrix product as panels of `panel` columns, each panel
// [K][panel] contiguous, the last one padded with zeros. Panel p starts at p * K * panel floats. Packed data must be
// 64-byte aligned; it belongs to the caller.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ingot::cpu {

// Sizes of scratch and of packed data are multiples of this, and their addresses must be too.
inline constexpr std::size_t kAlignment = 64;

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

std::size_t packed_b_bytes(std::int64_t k, std::int64_t n, int panel);

// B[k][n] lies at b[k * ldb + n], or at b[n * ldb + k] when `transposed`.
void pack_b(std::int64_t k, std::int64_t n, const float* b, std::int64_t ldb, bool transposed, int panel,
            float* packed);

}  // namespace ingot::cpu
