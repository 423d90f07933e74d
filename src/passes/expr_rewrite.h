// SPDX-License-Identifier: Apache-2.0
// Rewrites of expression programs that know nothing of graphs.
#pragma once

#include <optional>
#include <vector>

#include "expr/expr.h"

namespace ingot::passes {

// What stands for an input of a program: an input of the new program, or a number.
struct Binding {
  int input = -1;
  std::optional<Expr::Scalar> number;
};
// The same program over other inputs; bindings[i] is for input i.
Expr rebind(const Expr& expr, const std::vector<DType>& types, const std::vector<Binding>& bindings);

// Sub-programs of one variable that compute a named activation, however they spell it, become that activation:
// gelu, gelu_tanh, silu, hardswish, hardsigmoid, sigmoid. Recognised by value: the sub-program is run on points that
// tell them apart, so the order of operands and the way to write a constant do not matter.
Expr name_activations(const Expr& expr);

}  // namespace ingot::passes
