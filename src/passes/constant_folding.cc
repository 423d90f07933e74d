// SPDX-License-Identifier: Apache-2.0
// Constant folding: a pure node whose operands are all constants becomes its result, computed by the reference
// evaluator.
#include "ops/op_def.h"
#include "passes/patches.h"
#include "passes/rules.h"
#include "reference/evaluate.h"

namespace ingot::passes {
namespace {

// A result above this size is folded only when it is no larger than the operands: a plan that stores a broadcast zero
// tensor loads slower than it computes it.
constexpr std::int64_t kMaxFoldedBytes = std::int64_t{4} << 20;

bool small_enough(const Graph& graph, const Node& node) {
  std::int64_t in = 0;
  for (ValueId value : node.inputs)
    if (value != kNoValue) in += static_cast<std::int64_t>(graph.constant(value)->bytes().size());
  for (ValueId value : node.outputs) {
    if (value == kNoValue) continue;
    const SymShape* shape = shape_of(graph, value);
    const auto extents = shape != nullptr ? concrete(*shape) : std::nullopt;
    if (!extents) return true;  // data decide (NonZero, Unique...): never more than a few times the operands
    const auto elements = element_count(*extents);
    const auto bytes = elements ? bytes_of(dtype_of(graph, value), *elements) : std::nullopt;
    if (!bytes || (*bytes > kMaxFoldedBytes && *bytes > in)) return false;
  }
  return true;
}

// Quantised constants stay quantised: Q and DQ tell the precision to the kernels.
bool foldable(const Node& node) {
  if (node.op == "DequantizeLinear" || node.op == "QuantizeLinear" || !node.subgraphs.empty()) return false;
  const ops::OpDef* def = ops::find_op(node.op);
  return def != nullptr && def->pure && reference::supports(node.op);
}

// A large transposed weight of one product: the product reads it transposed for free, a copy costs load time and
// memory.
bool left_to_product(const Graph& graph, const Node& node) {
  if (node.op != "Transpose" || rank_of(graph, node.inputs[0]) != 2) return false;
  const Node* user = sole_user(graph, node.outputs[0]);
  return user != nullptr && user->op == "MatMul" && graph.constant(node.inputs[0])->elements() > (1 << 16);
}

Match fold(const Graph& graph, const Node& root) {
  for (ValueId value : root.inputs)
    if (value != kNoValue && graph.constant(value) == nullptr) return no_match();
  if (!foldable(root) || !small_enough(graph, root) || left_to_product(graph, root)) return no_match();
  if (root.op == "DimTensor") {
    const auto& known = graph.value(root.outputs[0]).symbolic_value;
    if (!known || !concrete(*known)) return no_match();
  }
  std::vector<const HostTensor*> operands;
  for (ValueId value : root.inputs) operands.push_back(value == kNoValue ? nullptr : graph.constant(value));
  std::vector<DType> types;
  for (ValueId value : root.outputs) {
    if (value != kNoValue && !graph.value(value).type.is_tensor()) return no_match();
    types.push_back(value == kNoValue ? DType::undefined : dtype_of(graph, value));
  }
  auto results = reference::evaluate({root.op, &root.attrs, operands, root.outputs.size(), types});
  if (!results.is_ok()) {
    // What cannot be computed now (an index out of range, say) shall fail when it runs, if it ever does.
    return no_match();
  }
  ir::Patch patch = new_patch(graph, "fold_constant");
  for (std::size_t i = 0; i < root.outputs.size() && i < results->size(); ++i) {
    if (root.outputs[i] == kNoValue) continue;
    patch.replace(root.outputs[i],
                  patch.add_constant(graph.value(root.outputs[i]).name, share(std::move((*results)[i]))));
  }
  return std::optional<ir::Patch>(std::move(patch));
}

}  // namespace

Rules constant_folding_rules() { return {{"fold_constant", {}, fold}}; }

}  // namespace ingot::passes
