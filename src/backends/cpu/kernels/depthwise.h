// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution in fp32, channels last: groups == in_channels, out_channels a multiple of them (output channel
// o reads input channel o / multiplier). Contract as in conv.h: layouts, alignment, aliasing, scratch. A multiplier
// other than 1 takes a plain slower path.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/epilogue.h"
#include "base/parallel.h"

namespace ingot::cpu {

bool depthwise_supports(const ConvShape& shape);

std::size_t depthwise_packed_bytes(const ConvShape& shape, int panel);
// weights: ONNX order [M, 1, kD, kH, kW].
void depthwise_pack(const ConvShape& shape, const float* weights, int panel, float* packed);

std::size_t depthwise_scratch_bytes(const ConvShape& shape, std::int64_t in_ld, int panel, int threads);
void depthwise(const ConvShape& shape, const float* in, std::int64_t in_ld, const float* packed, int panel, float* out,
               std::int64_t out_ld, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel);

}  // namespace ingot::cpu
