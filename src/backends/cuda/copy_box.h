// SPDX-License-Identifier: Apache-2.0
// Boxes to copy in as few dimensions as possible.
#pragma once

#include "backends/cpu/copy_plans.h"

namespace ingot::cuda {

// Dimensions of size 1 dropped, neighbours that lie alike merged.
cpu::CopyBox merged(const cpu::CopyBox& box);

// A matrix in the last two dimensions that is written along the last one and read along the other: true where there is
// one of at least `least` by `least` elements, after moving the dimension that is read densely next to last.
bool make_transpose(cpu::CopyBox& box, std::int64_t least);

}  // namespace ingot::cuda
