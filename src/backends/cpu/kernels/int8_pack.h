// SPDX-License-Identifier: Apache-2.0
// Panels of bytes that only a run brings, packed as int8_tile.h wants them, with the sums of their columns.
#pragma once

#include "backends/cpu/kernels/int8_conv.h"

namespace ingot::cpu {

// B[k][n] as int8_conv_pack packs it for int8_matmul_shape(m, n, k), u8 counting as itself less 128. sums:
// int8_padded_columns(n), of stored weights; null where nobody asks for them. scratch: int8_pack_scratch_bytes(), for
// the sums.
struct Int8PackArgs {
  const std::uint8_t* b = nullptr;
  bool is_signed = true;
  std::int64_t k = 0, n = 0;
  std::int8_t* packed = nullptr;
  std::int32_t* sums = nullptr;
};
std::size_t int8_pack_scratch_bytes(std::int64_t k, const Int8Kernels& kernels);
void int8_pack(const Int8PackArgs& args, const Int8Kernels& kernels, std::byte* scratch, Parallel& parallel);

}  // namespace ingot::cpu
