// SPDX-License-Identifier: Apache-2.0
// The expressions of the pointwise operators, attributes baked in as constants. Private to this folder.
#pragma once

#include <optional>
#include <span>

#include "expr/expr.h"
#include "ops/op_def.h"

namespace ingot::ops {

using ExpressionFn = std::optional<Expr> (*)(const Attrs& attrs, std::span<const DType> inputs,
                                             std::span<const DType> outputs);

// Types that expressions compute on: numbers and booleans of whole bytes.
bool expressible(DType type);

// Builds an expression over the present operands.
class ExprBuilder {
 public:
  explicit ExprBuilder(std::span<const DType> operands);
  [[nodiscard]] std::size_t inputs() const { return expr_.input_types().size(); }
  // Operand i of the present ones.
  [[nodiscard]] ExprArg x(std::size_t i) const { return expr_input(static_cast<int>(i)); }
  ExprArg number(DType type, double value);
  ExprArg op(ExprOp op, DType type, std::initializer_list<ExprArg> args) {
    return expr_.add(op, type, std::span<const ExprArg>(args.begin(), args.size()));
  }
  // Converted, or the argument itself when it has the type.
  ExprArg as(DType type, ExprArg arg) { return expr_.type_of(arg) == type ? arg : op(ExprOp::kCast, type, {arg}); }
  [[nodiscard]] DType type_of(ExprArg arg) const { return expr_.type_of(arg); }
  std::optional<Expr> done();

 private:
  bool ok_ = true;
  Expr expr_;
};

// One instruction of the operator's operands in order; the result has the output's type.
template <ExprOp op>
std::optional<Expr> one_instruction(const Attrs& attrs, std::span<const DType> inputs, std::span<const DType> outputs);
// x0 op x1 op x2 ...
template <ExprOp op>
std::optional<Expr> folded(const Attrs& attrs, std::span<const DType> inputs, std::span<const DType> outputs);

#define INGOT_DECLARE_EXPRESSION(name) \
  std::optional<Expr> name(const Attrs& attrs, std::span<const DType> inputs, std::span<const DType> outputs)
INGOT_DECLARE_EXPRESSION(express_bit_shift);
INGOT_DECLARE_EXPRESSION(express_cast);
INGOT_DECLARE_EXPRESSION(express_celu);
INGOT_DECLARE_EXPRESSION(express_clip);
INGOT_DECLARE_EXPRESSION(express_elu);
INGOT_DECLARE_EXPRESSION(express_equal);
INGOT_DECLARE_EXPRESSION(express_gelu);
INGOT_DECLARE_EXPRESSION(express_hard_sigmoid);
INGOT_DECLARE_EXPRESSION(express_is_inf);
INGOT_DECLARE_EXPRESSION(express_leaky_relu);
INGOT_DECLARE_EXPRESSION(express_mean);
INGOT_DECLARE_EXPRESSION(express_mish);
INGOT_DECLARE_EXPRESSION(express_mod);
INGOT_DECLARE_EXPRESSION(express_pointwise);
INGOT_DECLARE_EXPRESSION(express_pow);
INGOT_DECLARE_EXPRESSION(express_relu);
INGOT_DECLARE_EXPRESSION(express_selu);
INGOT_DECLARE_EXPRESSION(express_shrink);
INGOT_DECLARE_EXPRESSION(express_softsign);
INGOT_DECLARE_EXPRESSION(express_swiglu);
INGOT_DECLARE_EXPRESSION(express_swish);
INGOT_DECLARE_EXPRESSION(express_thresholded_relu);
#undef INGOT_DECLARE_EXPRESSION

template <ExprOp op>
std::optional<Expr> one_instruction(const Attrs&, std::span<const DType> inputs, std::span<const DType> outputs) {
  ExprBuilder b(inputs);
  if constexpr (op == ExprOp::k_select) {
    b.op(op, outputs[0], {b.x(0), b.x(1), b.x(2)});
  } else if (inputs.size() == 2) {
    b.op(op, outputs[0], {b.x(0), b.x(1)});
  } else {
    b.op(op, outputs[0], {b.x(0)});
  }
  return b.done();
}

template <ExprOp op>
std::optional<Expr> folded(const Attrs&, std::span<const DType> inputs, std::span<const DType> outputs) {
  ExprBuilder b(inputs);
  ExprArg result = b.x(0);
  for (std::size_t i = 1; i < inputs.size(); ++i) result = b.op(op, outputs[0], {result, b.x(i)});
  return b.done();
}

}  // namespace ingot::ops
