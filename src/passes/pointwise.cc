// SPDX-License-Identifier: Apache-2.0
// Pointwise composition: every elementwise operator becomes Pointwise, and a Pointwise whose result only one other
// reads, at the same shape, becomes part of it. Diamonds close because equal operands are merged: in x * sigmoid(x) the
// sigmoid goes in first, and then the producer of x has one user.
#include "passes/pointwise.h"

#include <algorithm>

#include "passes/expr_rewrite.h"
#include "passes/rules.h"

namespace ingot::passes {

PointwiseForm tidy(const Graph& graph, const Expr& expr, const std::vector<ValueId>& operands, int keep) {
  int rank = 0;  // of the operands that are not one number
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (!scalar(graph, operands[i]) || static_cast<int>(i) == keep) rank = std::max(rank, rank_of(graph, operands[i]));
  std::vector<DType> types;
  std::vector<ValueId> kept;
  std::vector<Binding> bindings(operands.size());
  if (keep >= 0) {
    kept.push_back(operands[static_cast<std::size_t>(keep)]);
    types.push_back(expr.input_types()[static_cast<std::size_t>(keep)]);
    bindings[static_cast<std::size_t>(keep)].input = 0;
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (static_cast<int>(i) == keep) continue;
    const bool is_number = scalar(graph, operands[i]) && rank_of(graph, operands[i]) <= rank;
    // Not the last operand: a Pointwise takes its shape from one.
    if (is_number && (!kept.empty() || i + 1 < operands.size() || operands.size() > 1)) {
      const HostTensor* tensor = graph.constant(operands[i]);
      bindings[i].number = Expr::Scalar{tensor->as_double(0), tensor->as_int(0)};
      continue;
    }
    const auto same = std::find(kept.begin() + (keep >= 0 ? 1 : 0), kept.end(), operands[i]);
    bindings[i].input = static_cast<int>(same - kept.begin());
    if (same != kept.end()) continue;
    kept.push_back(operands[i]);
    types.push_back(expr.input_types()[i]);
  }
  if (kept.empty()) return {expr, operands};  // all numbers: constant folding's case
  return {name_activations(rebind(expr, types, bindings).simplified()), kept};
}

std::optional<Expr> expr_of(const Node& pointwise) {
  auto expr = Expr::parse(pointwise.attrs.get_string("expr", ""));
  if (!expr.is_ok()) return std::nullopt;
  return std::move(*expr);
}

bool may_compose(DType inner, DType outer) { return !is_integer(inner) || is_integer(outer); }

namespace {

Match finish(ir::Patch patch, const Graph& graph, const Node& root, const PointwiseForm& form) {
  INGOT_ASSIGN_OR_RETURN(const ValueId y,
                         patch.add("Pointwise", form.operands, Attrs{{"expr", form.expr.to_string()}}, root.id));
  const SymShape* wanted = shape_of(graph, root.outputs[0]);
  // Dropping an operand must not shrink the result.
  if (wanted != nullptr && patch.type(y).shape && !(*patch.type(y).shape == *wanted)) return no_match();
  return replace(std::move(patch), root.outputs[0], y);
}

Match lift(const Graph& graph, const Node& root) {
  if (root.op == "Pointwise") return no_match();
  const auto expr = expression_of(graph, root);
  if (!expr) return no_match();
  return finish(new_patch(graph, "lift_pointwise"), graph, root, tidy(graph, *expr, present_operands(root)));
}

bool only_used_by(const Graph& graph, ValueId value, const Node& user) {
  const auto& uses = graph.value(value).uses;
  return !graph.is_output(value) &&
         std::all_of(uses.begin(), uses.end(), [&](const ir::Use& use) { return use.node == user.id; });
}

// Bytes made of the sums of an integer product are that product's to make: it keeps its sums in registers.
bool quantises_sums(const Graph& graph, const Node& inner) {
  if (const DType to = dtype_of(graph, inner.outputs[0]); to != DType::u8 && to != DType::i8) return false;
  return std::any_of(inner.inputs.begin(), inner.inputs.end(), [&](ValueId operand) {
    return producer(graph, operand, "ConvInteger") != nullptr || producer(graph, operand, "MatMulInteger") != nullptr;
  });
}

Match compose(const Graph& graph, const Node& root) {
  const auto expr = expr_of(root);
  if (!expr) return no_match();
  for (std::size_t i = 0; i < root.inputs.size(); ++i) {
    const Node* inner = producer(graph, root.inputs[i], "Pointwise");
    if (inner == nullptr || !only_used_by(graph, root.inputs[i], root)) continue;
    if (!same_shape(graph, root.inputs[i], root.outputs[0])) continue;
    if (quantises_sums(graph, *inner)) continue;
    if (!may_compose(dtype_of(graph, root.inputs[i]), dtype_of(graph, root.outputs[0]))) continue;
    if (std::count(root.inputs.begin(), root.inputs.end(), root.inputs[i]) != 1) continue;
    const auto inner_expr = expr_of(*inner);
    if (!inner_expr) continue;
    std::vector<ValueId> operands = root.inputs;
    const auto place = operands.erase(operands.begin() + static_cast<std::ptrdiff_t>(i));
    operands.insert(place, inner->inputs.begin(), inner->inputs.end());
    const PointwiseForm form = tidy(graph, expr->compose(static_cast<int>(i), *inner_expr), operands);
    if (form.operands.size() > kMaxPointwiseOperands || form.expr.instrs().size() > kMaxPointwiseInstrs) continue;
    ir::Patch patch = new_patch(graph, "compose_pointwise");
    return finish(std::move(patch), graph, root, form);
  }
  return no_match();
}

}  // namespace

Rules lift_pointwise_rules() { return {{"lift_pointwise", {}, lift}}; }
Rules compose_pointwise_rules() { return {{"compose_pointwise", {"Pointwise"}, compose}}; }

}  // namespace ingot::passes
