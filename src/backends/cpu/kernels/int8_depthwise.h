// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution of quantised operands, channels last: one input and one output channel per group. Otherwise as
// int8_conv.h, whose arguments it takes; the weights' zero points are taken off when packing, so sums are those of the
// weights without them and args.zeros is not used.
#pragma once

#include "backends/cpu/kernels/int8_conv.h"

namespace ingot::cpu {

bool int8_depthwise_supports(const ConvShape& shape);
// plain: weights that are no bytes once their zero point is taken off.
std::size_t int8_depthwise_packed_bytes(const ConvShape& shape, const Int8Kernels& kernels, bool plain);
// weights: [channel][window]; zeros: one per channel, of the numbers as they are.
void int8_depthwise_pack(const ConvShape& shape, const std::uint8_t* weights, bool is_signed, const std::int32_t* zeros,
                         const Int8Kernels& kernels, bool plain, std::byte* packed, std::int32_t* sums);
std::size_t int8_depthwise_scratch_bytes(const ConvShape& shape, bool has_program, int threads);
void int8_depthwise(const ConvShape& shape, const Int8ConvArgs& args, const Int8Kernels& kernels, bool plain,
                    const Int8Output& output, std::byte* scratch, Parallel& parallel);

}  // namespace ingot::cpu
