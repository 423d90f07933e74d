// SPDX-License-Identifier: Apache-2.0
// Dense transposes of any element size (1, 2, 4 or 8 bytes). No alignment needed; no overlap allowed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/parallel.h"

namespace ingot::cpu {

// in[batch][rows][cols] -> out[batch][cols][rows].
void transpose_matrices(const void* in, std::size_t element_bytes, std::int64_t batch, std::int64_t rows,
                        std::int64_t cols, void* out, Parallel& parallel);

// One block: out[c * out_stride + r] = in[r * in_stride + c], strides in elements.
void transpose_block(const std::byte* in, std::int64_t in_stride, std::size_t element_bytes, std::int64_t rows,
                     std::int64_t cols, std::byte* out, std::int64_t out_stride);

}  // namespace ingot::cpu
