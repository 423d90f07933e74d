// SPDX-License-Identifier: Apache-2.0
#include "ops/symbolic_expr.h"

#include <algorithm>

#include "ops/rules.h"

namespace ingot::ops {
namespace {

bool exact(DType type) { return type == DType::i32 || type == DType::i64 || type == DType::boolean; }

std::optional<Dim> known(bool value) { return Dim(value ? 1 : 0); }

std::optional<Dim> less(const Dim& a, const Dim& b) {
  if (surely_positive(b - a)) return known(true);
  if (surely_not_negative(a - b)) return known(false);
  return std::nullopt;
}

std::optional<Dim> negation(std::optional<Dim> truth) {
  if (truth) truth = Dim(1) - *truth;
  return truth;
}

std::optional<Dim> binary(ExprOp op, const Dim& a, const Dim& b) {
  switch (op) {
    case ExprOp::k_add: return a + b;
    case ExprOp::k_sub: return a - b;
    case ExprOp::k_mul: return a * b;
    case ExprOp::k_min: return min(a, b);
    case ExprOp::k_max: return max(a, b);
    case ExprOp::k_div:
      if (a.is_constant() && b.is_constant() && b.value() != 0 && b.value() != -1) return Dim(a.value() / b.value());
      if (surely_positive(b) && surely_not_negative(a)) return floor_div(a, b);
      return std::nullopt;
    case ExprOp::k_mod:
    case ExprOp::k_fmod:
      if (surely_positive(b) && (op == ExprOp::k_mod || surely_not_negative(a))) return mod(a, b);
      return std::nullopt;
    case ExprOp::k_equal:
      if (a == b) return known(true);
      return may_equal(a, b) ? std::nullopt : known(false);
    case ExprOp::k_less: return less(a, b);
    case ExprOp::k_greater: return less(b, a);
    case ExprOp::k_less_equal: return negation(less(b, a));
    case ExprOp::k_greater_equal: return negation(less(a, b));
    case ExprOp::k_and: return a * b;
    case ExprOp::k_or: return max(a, b);
    case ExprOp::k_xor: return known(!(a == b));
    default: return std::nullopt;
  }
}

std::optional<Dim> unary(ExprOp op, DType type, const Dim& a) {
  switch (op) {
    case ExprOp::k_neg: return Dim(0) - a;
    case ExprOp::k_not: return Dim(1) - a;
    case ExprOp::k_abs:
      if (surely_not_negative(a)) return a;
      return a.is_constant() ? std::optional<Dim>(Dim(0) - a) : std::nullopt;
    case ExprOp::k_sign:
      if (a == Dim(0)) return a;
      if (surely_positive(a)) return Dim(1);
      return a.is_constant() ? std::optional<Dim>(Dim(-1)) : std::nullopt;
    case ExprOp::kCast:
      if (type != DType::boolean) return a;
      if (a == Dim(0)) return a;
      return a.is_constant() || surely_positive(a) ? known(true) : std::nullopt;
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<Dim> evaluate_symbolic(const Expr& expr, std::span<const Dim> inputs) {
  std::vector<std::optional<Dim>> results;
  const auto operand = [&](ExprArg arg) -> std::optional<Dim> {
    return arg < 0 ? inputs[static_cast<std::size_t>(-arg - 1)] : results[static_cast<std::size_t>(arg)];
  };
  for (const ExprInstr& instr : expr.instrs()) {
    std::optional<Dim> value;
    if (!exact(instr.type)) return std::nullopt;
    if (instr.op == ExprOp::kConst) {
      value = is_integer(instr.type) ? Dim(instr.imm_int) : Dim(instr.imm != 0 ? 1 : 0);
    } else {
      const auto a = operand(instr.args[0]);
      const auto b = arity_of(instr.op) > 1 ? operand(instr.args[1]) : std::nullopt;
      const auto c = arity_of(instr.op) > 2 ? operand(instr.args[2]) : std::nullopt;
      if (instr.op == ExprOp::k_select) {
        // The branch that is not taken may be unknown.
        if (a && a->is_constant()) value = a->value() != 0 ? b : c;
      } else if (instr.op == ExprOp::k_clamp) {
        if (a && b && c) value = min(max(*a, *b), *c);
      } else if (arity_of(instr.op) == 2) {
        if (a && b) value = binary(instr.op, *a, *b);
      } else if (arity_of(instr.op) == 1 && a) {
        value = unary(instr.op, instr.type, *a);
      }
    }
    results.push_back(std::move(value));
  }
  if (results.empty()) return inputs.empty() ? std::nullopt : std::optional<Dim>(inputs[0]);
  return results.back();
}

void propagate_symbolic(InferContext& ctx, DType result) {
  const OpDef* def = find_op(ctx.op());
  if (def == nullptr || def->expression == nullptr || !exact(result)) return;
  std::vector<DType> types;
  std::vector<std::vector<Dim>> values;
  std::size_t length = 1;
  for (std::size_t i = 0; i < ctx.input_count(); ++i) {
    types.push_back(ctx.present(i) ? ctx.dtype(i) : DType::undefined);
    if (!ctx.present(i)) continue;
    auto value = ctx.symbolic_value(i);
    if (!exact(types.back()) || !value) return;
    if (value->size() != 1) length = value->size();
    values.push_back(*std::move(value));
  }
  for (const auto& value : values) {
    if (value.size() != 1 && value.size() != length) return;
  }
  const auto expr = def->expression(ctx.attrs(), types, std::span<const DType>(&result, 1));
  if (!expr) return;
  std::vector<Dim> out;
  for (std::size_t e = 0; e < length; ++e) {
    std::vector<Dim> element;
    for (const auto& value : values) element.push_back(value[value.size() == 1 ? 0 : e]);
    auto dim = evaluate_symbolic(*expr, element);
    if (!dim) return;
    out.push_back(*std::move(dim));
  }
  ctx.set_symbolic_value(0, std::move(out));
}

}  // namespace ingot::ops
