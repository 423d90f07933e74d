// SPDX-License-Identifier: Apache-2.0
// Runs a pointwise expression over dimension expressions: how shape arithmetic in a model keeps its exact symbols.
// Private to this folder.
#pragma once

#include "expr/expr.h"
#include "ops/op_def.h"

namespace ingot::ops {

// One element; nullopt when an instruction has no exact form over dimensions (floats, an undecidable comparison, a
// truncating division of what may be negative).
std::optional<Dim> evaluate_symbolic(const Expr& expr, std::span<const Dim> inputs);

// Sets the symbolic value of output 0 when the operator has an expression and all operands have symbolic values.
void propagate_symbolic(InferContext& ctx, DType result);

}  // namespace ingot::ops
