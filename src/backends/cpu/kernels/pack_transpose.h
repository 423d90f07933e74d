// SPDX-License-Identifier: Apache-2.0
// Transposition of a matrix block, for packing. Internal to the folder.
#pragma once

#include <cstdint>

namespace ingot::cpu {

// out[row * out_ld + col] = in[col * in_ld + row] for rows x cols of out.
using TransposeFn = void (*)(std::int64_t rows, std::int64_t cols, const float* in, std::int64_t in_ld, float* out,
                             std::int64_t out_ld);

// For the instruction set of a panel width; any width that the machine does not run gets the widest that it does.
TransposeFn transpose_kernel(int panel);

}  // namespace ingot::cpu
