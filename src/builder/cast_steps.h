// SPDX-License-Identifier: Apache-2.0
// What rewrites of element types in lowered programs share: a tensor like another one but for its type, and the step
// that casts.
#pragma once

#include <string>

#include "builder/lower.h"

namespace ingot::builder {

// Its id. `constant` has the value of a constant, null otherwise.
std::int32_t add_tensor_like(LoweredProgram& program, std::int32_t like, DType type, plan::Storage storage,
                             TensorPtr constant);

// A step "<name> (cast)" that does `expr` to each element of `operand`, the tensor `from`, and makes `to` of the
// expression's type.
LoweredStep cast_step(const std::string& name, Operand operand, const Expr& expr, std::int32_t from, std::int32_t to);

}  // namespace ingot::builder
