// SPDX-License-Identifier: Apache-2.0
// Convolutions and matrix products of quantised operands, channels last, as implicit matrix products: the sums of
// (x - x_zero) * (w - w_zero) in 32 bits, exact unless they leave them (then they wrap), plus a bias, and what
// Int8Output makes of them. A matrix product [M, K] x [K, N] is the convolution by 1x1 of M pixels.
//
// Layouts are those of conv.h with x and out dense. Packed weights, what is given per column and scratch are aligned to
// kAlignment; nothing here allocates or locks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/int8_core.h"
#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {

ConvShape int8_matmul_shape(std::int64_t m, std::int64_t n, std::int64_t k);

// What is given per column has this many elements, so that whole vectors may be read.
constexpr std::int64_t int8_padded_columns(std::int64_t columns) { return round_up(columns, 16) + 64; }

// Weight (column, channel of the group, window position) lies at column * column_stride + channel * channel_stride +
// position.
struct Int8WeightLayout {
  const std::uint8_t* data = nullptr;
  bool is_signed = true;  // u8 otherwise
  std::int64_t column_stride = 0, channel_stride = 0;
};

// Weights are stored as signed bytes: u8 minus 128, and their zero points with them.
constexpr std::int32_t int8_stored_zero(std::int32_t zero, bool is_signed) { return is_signed ? zero : zero - 128; }

std::size_t int8_conv_packed_bytes(const ConvShape& shape, const Int8Kernels& kernels);
// sums: of the stored weights of each column.
void int8_conv_pack(const ConvShape& shape, const Int8WeightLayout& weights, const Int8Kernels& kernels,
                    std::int8_t* packed, std::int32_t* sums);

struct Int8ConvArgs {
  const std::uint8_t* x = nullptr;
  bool x_signed = false;
  std::int32_t x_zero = 0;
  const std::int8_t* packed = nullptr;
  const std::int32_t* sums = nullptr;   // of stored weights, one per column
  const std::int32_t* zeros = nullptr;  // stored zero points, one per column; null: all 0
  const std::int32_t* bias = nullptr;   // one per column, or null
  std::int64_t row_index = 0;           // of the first pixel of the output, for a program
};

std::size_t int8_conv_scratch_bytes(const ConvShape& shape, const Int8Kernels& kernels, bool has_program, int threads);
void int8_conv(const ConvShape& shape, const Int8ConvArgs& args, const Int8Kernels& kernels, const Int8Output& output,
               std::byte* scratch, Parallel& parallel);

}  // namespace ingot::cpu
