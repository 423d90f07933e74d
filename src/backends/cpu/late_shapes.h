// SPDX-License-Identifier: Apache-2.0
// Output shapes of operators whose small integer operands only a run brings.
#pragma once

#include "tactics/tactic.h"

namespace ingot::cpu {

// The operands that decide what goes where; empty for other operators.
std::vector<std::size_t> late_operands(std::string_view kind);

// The shape of output 0, from operands whose values are there.
Result<Shape> late_shape(const Problem& problem);

}  // namespace ingot::cpu
