// SPDX-License-Identifier: Apache-2.0
// The sizes of a reduction over adjacent dimensions, global pooling included.
#pragma once

#include <vector>

#include "tactics/tactic.h"

namespace ingot::cpu {

// The data as [outer][length][inner], reduced over the middle.
struct ReduceExtents {
  std::int64_t outer = 1, length = 1, inner = 1;
};

// Which dimensions of inputs[0] go. kUnsupported when that is not known at build time, or when none does.
Result<std::vector<bool>> reduced_axes(const Problem& problem, std::span<const Operand> inputs);

// kUnsupported when kept dimensions larger than 1 stand between reduced ones.
Result<ReduceExtents> reduce_extents(const Shape& shape, const std::vector<bool>& reduced);

// Whether both succeed.
Support reduce_support(const Problem& problem);

}  // namespace ingot::cpu
