// SPDX-License-Identifier: Apache-2.0
// C = epilogue(A x B) with B kept as small integers: a few rows of A multiply the integers as they come from memory,
// for more rows a block of B becomes floats in the second-level cache. What gemm.h says of memory holds here too.
#pragma once

#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/nbits_tile.h"

namespace ingot::cpu {

std::size_t nbits_gemm_scratch_bytes(const NbitsMatrix& b, std::int64_t m, int threads);

void nbits_gemm(std::int64_t m, const float* a, std::int64_t lda, const NbitsMatrix& b, float* c, std::int64_t ldc,
                const Epilogue& epilogue, std::byte* scratch, Parallel& parallel);

}  // namespace ingot::cpu
