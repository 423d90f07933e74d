// SPDX-License-Identifier: Apache-2.0
// Building Pointwise nodes and epilogues: operands that are one number go into the program, equal operands are one
// operand, what the program does not read is no operand.
#pragma once

#include <optional>
#include <vector>

#include "passes/patches.h"

namespace ingot::passes {

// Kernels hold their operands in registers; more than this many would spill.
inline constexpr std::size_t kMaxPointwiseOperands = 8;
inline constexpr std::size_t kMaxPointwiseInstrs = 64;

struct PointwiseForm {
  Expr expr;
  std::vector<ValueId> operands;
};

// The tidy form. Operand `keep` (if >= 0) stays operand 0 and apart, for epilogues. Only numbers that cannot change the
// rank of the result go into the program.
PointwiseForm tidy(const Graph& graph, const Expr& expr, const std::vector<ValueId>& operands, int keep = -1);

// The expression in a Pointwise node; nullopt when its text does not parse, which a verified graph excludes.
std::optional<Expr> expr_of(const Node& pointwise);

// True when a value of type `inner` computed on the way to a result of type `outer` may be kept in registers: shape
// arithmetic stays out of floating kernels.
bool may_compose(DType inner, DType outer);

}  // namespace ingot::passes
