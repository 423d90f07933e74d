// SPDX-License-Identifier: Apache-2.0
// Winograd convolution F(t x t, 3 x 3) in fp32, channels last: 2-D 3x3 windows with stride 1, dilation 1 and one group
// (any padding). Contract as in conv.h: layouts, alignment, aliasing, scratch.
//
// `tile` t is 4 (a quarter of the multiplications of the direct sum) or 2 (four ninths, less waste on small maps).
// Numerics: the error grows with t; for typical data the largest one stays below 2e-5 of the output's RMS for t = 4.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/epilogue.h"
#include "base/parallel.h"

namespace ingot::cpu {

bool winograd_supports(const ConvShape& shape);

std::size_t winograd_packed_bytes(const ConvShape& shape, int tile, int panel);
// weights: ONNX order [M, C, (1,) 3, 3].
void winograd_pack(const ConvShape& shape, const float* weights, int tile, int panel, float* packed);

std::size_t winograd_scratch_bytes(const ConvShape& shape, int tile, int panel, int threads);
void winograd(const ConvShape& shape, const float* in, std::int64_t in_ld, const float* packed, int tile, int panel,
              float* out, std::int64_t out_ld, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel);

}  // namespace ingot::cpu
