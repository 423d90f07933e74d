// SPDX-License-Identifier: Apache-2.0
// Reshape is the one operator that renames elements: Squeeze, Unsqueeze and Flatten become it, neighbours merge, and it
// moves up through matrix products, towards the reshape that it usually undoes.
#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

Match to_reshape(const Graph& graph, const Node& root, ValueId x, std::string_view name) {
  const SymShape* shape = shape_of(graph, root.outputs[0]);
  if (shape == nullptr || !is_reshape_target(graph, *shape)) return no_match();
  ir::Patch patch = new_patch(graph, name);
  INGOT_ASSIGN_OR_RETURN(ValueId y, reshape(patch, x, *shape, root.id));
  // A graph output keeps a node of its own.
  if (y == x && graph.is_output(root.outputs[0])) return no_match();
  return replace(std::move(patch), root.outputs[0], y);
}

Match unify(const Graph& graph, const Node& root) { return to_reshape(graph, root, root.inputs[0], "unify_reshape"); }

// A DimTensor operand that one -1 can replace.
Match fix_shape(const Graph& graph, const Node& root) {
  const SymShape* shape = shape_of(graph, root.outputs[0]);
  if (shape == nullptr || graph.constant(root.inputs[1]) != nullptr) return no_match();
  int symbols = 0;
  for (const Dim& dim : *shape) symbols += dim.is_constant() ? 0 : 1;
  if (symbols > 1 || (symbols == 1 && std::find(shape->begin(), shape->end(), Dim(0)) != shape->end()))
    return no_match();
  return to_reshape(graph, root, root.inputs[0], "fix_reshape");
}

Match merge(const Graph& graph, const Node& root) {
  const Node* inner = producer(graph, root.inputs[0], "Reshape");
  if (inner == nullptr) return no_match();
  return to_reshape(graph, root, inner->inputs[0], "merge_reshapes");
}

// Reshape(MatMul(A, B of rank 2)) with the last extent kept is MatMul(Reshape(A), B): the exporters' flattening to rank
// 2 around a linear layer then cancels.
Match above_matmul(const Graph& graph, const Node& root) {
  const Node* product = sole_producer(graph, root.inputs[0], "MatMul");
  const SymShape* shape = shape_of(graph, root.outputs[0]);
  if (product == nullptr || shape == nullptr || shape->size() < 2) return no_match();
  const SymShape* a = shape_of(graph, product->inputs[0]);
  const SymShape* y = shape_of(graph, product->outputs[0]);
  if (a == nullptr || y == nullptr || a->size() < 2 || rank_of(graph, product->inputs[1]) != 2) return no_match();
  if (!(shape->back() == y->back()) || product->attrs.get_int("transA", 0) != 0 || product->attrs.has("epilogue"))
    return no_match();
  if (const ValueId bias = input(*product, 2); bias != kNoValue && rank_of(graph, bias) != 1) return no_match();
  SymShape wanted(shape->begin(), shape->end() - 1);
  wanted.push_back(a->back());
  if (!is_reshape_target(graph, wanted)) return no_match();
  ir::Patch patch = new_patch(graph, "reshape_above_matmul");
  std::vector<ValueId> operands = product->inputs;
  INGOT_ASSIGN_OR_RETURN(operands[0], reshape(patch, operands[0], wanted, product->id));
  INGOT_ASSIGN_OR_RETURN(const ValueId result, rebuild(patch, *product, operands, product->attrs));
  return replace(std::move(patch), root.outputs[0], result);
}

}  // namespace

Rules reshape_rules() {
  return {{"unify_reshape", {"Squeeze", "Unsqueeze", "Flatten"}, unify},
          {"fix_reshape", {"Reshape"}, fix_shape},
          {"merge_reshapes", {"Reshape"}, merge},
          {"reshape_above_matmul", {"Reshape"}, above_matmul}};
}

}  // namespace ingot::passes
