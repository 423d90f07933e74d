// SPDX-License-Identifier: Apache-2.0
// Epilogue fusion: a Pointwise that alone reads the result of a convolution, product, reduction, normalisation, pool or
// softmax, and has its shape, is computed while that result is still in registers. Where several operands could take it
// (the two branches of a residual sum), the later one does: the others are then ready as its extra operands.
// Reshapes, transposes and crops between the two are no obstacle for a function of that result alone.
// Products of integers take what follows their sums too, down to the bytes that the next one reads.
#include <algorithm>

#include "passes/pointwise.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

bool is_integer_product(const Node& node) { return node.op == "ConvInteger" || node.op == "MatMulInteger"; }

// Operand `index` of the root may run the root as its epilogue.
bool can_take(const Graph& graph, const Node& root, std::size_t index, bool integer) {
  const ValueId value = root.inputs[index];
  const Node* host = graph.producer(value);
  if (host == nullptr || !used_once(graph, value) || host->outputs[0] != value) return false;
  const ops::OpDef* def = ops::find_op(host->op);
  if (def == nullptr || !def->epilogue) return false;
  for (std::size_t i = 1; i < host->outputs.size(); ++i)
    if (host->outputs[i] != kNoValue) return false;
  if (!same_shape(graph, value, root.outputs[0])) return false;
  if (integer) return is_integer_product(*host);
  return dtype_of(graph, value) == dtype_of(graph, root.outputs[0]) && is_float(dtype_of(graph, value));
}

Match fuse(const Graph& graph, const Node& root, bool integer) {
  const Node* host = nullptr;
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < root.inputs.size(); ++i) {
    if (!integer && is_integer(dtype_of(graph, root.inputs[i]))) return no_match();
    if (!can_take(graph, root, i, integer)) continue;
    const Node* candidate = graph.producer(root.inputs[i]);
    if (host == nullptr || graph.is_before(host->id, candidate->id)) {
      host = candidate;
      chosen = i;
    }
  }
  const auto expr = host != nullptr ? expr_of(root) : std::nullopt;
  if (!expr) return no_match();
  PointwiseForm form = tidy(graph, *expr, root.inputs, static_cast<int>(chosen));
  const auto earlier = static_cast<std::size_t>(host->attrs.get_int("epilogue_inputs", 0));
  const std::size_t own = host->inputs.size() - earlier;
  if (host->attrs.has("epilogue")) {
    auto first = Expr::parse(host->attrs.get_string("epilogue", ""));
    if (!first.is_ok()) return no_match();
    // x0, the extra operands of the earlier epilogue, then those of this one.
    std::vector<ValueId> operands{root.inputs[chosen]};
    operands.insert(operands.end(), host->inputs.begin() + static_cast<std::ptrdiff_t>(own), host->inputs.end());
    operands.insert(operands.end(), form.operands.begin() + 1, form.operands.end());
    form = tidy(graph, form.expr.compose(0, *first), operands, 0);
  }
  if (form.operands.size() > kMaxPointwiseOperands || form.expr.instrs().size() > kMaxPointwiseInstrs)
    return no_match();
  std::vector<ValueId> operands(host->inputs.begin(), host->inputs.begin() + static_cast<std::ptrdiff_t>(own));
  operands.insert(operands.end(), form.operands.begin() + 1, form.operands.end());
  Attrs attrs = host->attrs;
  attrs.set("epilogue", form.expr.to_string());
  attrs.set("epilogue_inputs", static_cast<std::int64_t>(form.operands.size() - 1));
  ir::Patch patch = new_patch(graph, "fuse_epilogue");
  INGOT_ASSIGN_OR_RETURN(const ValueId y, patch.add(host->op, operands, std::move(attrs), host->id));
  patch.also_from(y, root.id);
  return replace(std::move(patch), root.outputs[0], y);
}

// Whether a Slice keeps most of what it reads: what it drops would be computed too.
bool keeps_most(const Graph& graph, const Node& slice) {
  const SymShape *before = shape_of(graph, slice.inputs[0]), *after = shape_of(graph, slice.outputs[0]);
  if (before == nullptr || after == nullptr || before->size() != after->size()) return false;
  double kept = 1;
  for (std::size_t i = 0; i < before->size(); ++i) {
    if ((*before)[i] == (*after)[i]) continue;
    const auto from = (*before)[i].constant(), to = (*after)[i].constant();
    if (!from || !to || *from <= 0) return false;
    kept *= static_cast<double>(*to) / static_cast<double>(*from);
  }
  return kept >= 0.75;
}

// A function of single elements goes above what only moves them, to a node whose epilogue it can become: the phases of
// a transposed convolution are put in their places after its activation.
Match raise(const Graph& graph, const Node& root) {
  if (root.inputs.size() != 1) return no_match();
  std::vector<const Node*> moves;
  ValueId value = root.inputs[0];
  while (const Node* node = used_once(graph, value) ? graph.producer(value) : nullptr) {
    if (node->op != "Reshape" && node->op != "Transpose" && (node->op != "Slice" || !keeps_most(graph, *node))) break;
    moves.push_back(node);
    value = node->inputs[0];
  }
  const Node* host = graph.producer(value);
  const ops::OpDef* def = host == nullptr ? nullptr : ops::find_op(host->op);
  if (moves.empty() || def == nullptr || !def->epilogue || !used_once(graph, value) || is_integer_product(*host) ||
      dtype_of(graph, value) != dtype_of(graph, root.outputs[0]) || !is_float(dtype_of(graph, value)))
    return no_match();
  ir::Patch patch = new_patch(graph, "raise_pointwise");
  INGOT_ASSIGN_OR_RETURN(ValueId y, rebuild(patch, root, {value}, root.attrs));
  for (std::size_t i = moves.size(); i-- > 0;) {
    std::vector<ValueId> operands = moves[i]->inputs;
    operands[0] = y;
    INGOT_ASSIGN_OR_RETURN(y, rebuild(patch, *moves[i], std::move(operands), moves[i]->attrs));
  }
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules epilogue_rules() {
  return {
      {"fuse_epilogue", {"Pointwise"}, [](const Graph& graph, const Node& root) { return fuse(graph, root, false); }},
      {"raise_pointwise", {"Pointwise"}, raise}};
}

Rules integer_epilogue_rules() {
  return {{"fuse_integer_epilogue", {"Pointwise"}, [](const Graph& graph, const Node& root) {
             return fuse(graph, root, true);
           }}};
}

}  // namespace ingot::passes
