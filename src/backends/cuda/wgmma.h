// SPDX-License-Identifier: Apache-2.0
// The matrix instructions of sm_90a as text for kernels.
#pragma once

#include <string>

#include "tensor/dtype.h"

namespace ingot::cuda {

enum class WgmmaLeft : std::uint8_t { shared, registers };
enum class WgmmaRight : std::uint8_t { by_columns, by_rows };  // k innermost in shared memory, or n

// "#define name(d, a, b, more) ...": one wgmma of 64 x n x 16, f16 or bf16, whose accumulators are the array d; `more`
// is 0 when they count as zero. a: a descriptor, or an array of four registers; b: a descriptor.
std::string print_wgmma(std::string_view name, int n, DType type, WgmmaLeft left = WgmmaLeft::shared,
                        WgmmaRight right = WgmmaRight::by_columns);

}  // namespace ingot::cuda
