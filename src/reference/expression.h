// SPDX-License-Identifier: Apache-2.0
// Pointwise expressions over whole tensors.
#pragma once

#include <span>

#include "expr/expr.h"
#include "reference/operands.h"

namespace ingot::reference {

// Applies the program to operands that broadcast to one another; operands[i] is input xi, converted to its type when it
// has another one, except that a double stands for any floating type unrounded. The result's type is `result`.
Result<HostTensor> apply_expression(const Expr& expr, std::span<const HostTensor* const> operands, DType result);

}  // namespace ingot::reference
