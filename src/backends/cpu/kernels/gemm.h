// SPDX-License-Identifier: Apache-2.0
// Matrix products in fp32: C = epilogue(A x B).
//
// Layouts: row-major with a leading dimension in floats. A and C need no alignment; packed B and scratch are aligned
// to kAlignment. C must not overlap A or B; it may have a leading dimension larger than N (the gap is not touched).
// M, N, K may be 0; with K = 0 the product is 0 and the epilogue still applies.
// Scratch is the caller's, may hold anything, and is the call's alone; `threads` of the *_scratch_bytes functions is
// parallel.threads() of the later call. Nothing here allocates or locks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/epilogue.h"
#include "backends/cpu/kernels/pack.h"
#include "base/parallel.h"

namespace ingot::cpu {

struct GemmShape {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
};

std::size_t gemm_scratch_bytes(const GemmShape& shape, int panel, int threads);

// packed_b: from pack_b(k, n, ..., panel); `panel` must be supported by this machine.
void gemm(const GemmShape& shape, const float* a, std::int64_t lda, const float* packed_b, int panel, float* c,
          std::int64_t ldc, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel);

// The same with row i of A at a_rows[i] (a gather fused into the product).
void gemm_rows(const GemmShape& shape, const float* const* a_rows, const float* packed_b, int panel, float* c,
               std::int64_t ldc, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel);

// Products of activations: batch[0] * batch[1] products of one shape, B packed on the fly. Element (i, j) of the
// batch lies at i * batch_stride[0] + j * batch_stride[1] of each operand; a stride of 0 shares the operand.
// The two levels let attention read heads in place: batch = {images, heads}, strides {tokens * width, head_width}.
struct BatchGemmShape {
  std::array<std::int64_t, 2> batch = {1, 1};
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  bool b_transposed = false;  // B is [N, K]
};

template <typename T>
struct BatchMatrix {
  T* data = nullptr;
  std::int64_t ld = 0;
  std::array<std::int64_t, 2> batch_stride = {0, 0};
};

std::size_t batch_gemm_scratch_bytes(const BatchGemmShape& shape, int panel, int threads);

// The epilogue's row index is (i * batch[1] + j) * m + row; its residual is one matrix of stacked rows.
void batch_gemm(const BatchGemmShape& shape, const BatchMatrix<const float>& a, const BatchMatrix<const float>& b,
                const BatchMatrix<float>& c, int panel, const Epilogue& epilogue, std::byte* scratch,
                Parallel& parallel);

}  // namespace ingot::cpu
