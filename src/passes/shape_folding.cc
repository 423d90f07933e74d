// SPDX-License-Identifier: Apache-2.0
// Shape folding: integer values that inference knows as expressions over dimensions need not be computed from tensors.
// A value known in numbers becomes a constant; one known in symbols, and needed when the network runs, a DimTensor.
#include <algorithm>

#include "ops/infer.h"
#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// True when every result of the node is known anyway, so that its operands are not needed for it.
bool is_known(const Graph& graph, const Node& node) {
  return std::all_of(node.outputs.begin(), node.outputs.end(),
                     [&](ValueId value) { return value == kNoValue || graph.value(value).symbolic_value.has_value(); });
}

bool needed_at_run_time(const Graph& graph, ValueId value) {
  if (graph.is_output(value)) return true;
  const auto& uses = graph.value(value).uses;
  return std::any_of(uses.begin(), uses.end(),
                     [&](const ir::Use& use) { return !is_known(graph, graph.node(use.node)); });
}

Match fold_shape(const Graph& graph, const Node& root) {
  if (root.op == "DimTensor" || root.outputs.size() != 1 || root.outputs[0] == kNoValue) return no_match();
  const ir::Value& value = graph.value(root.outputs[0]);
  if (!value.symbolic_value || !value.type.shape || value.type.shape->size() > 1) return no_match();
  if (value.type.dtype != DType::i64 && value.type.dtype != DType::i32) return no_match();
  if (value.uses.empty() && !graph.is_output(value.id)) return no_match();
  const std::vector<Dim>& known = *value.symbolic_value;
  const bool is_vector = value.type.shape->size() == 1;
  ir::Patch patch = new_patch(graph, "fold_shape");
  if (const auto numbers = concrete(known)) {
    auto tensor =
        HostTensor::create(value.type.dtype, is_vector ? Shape{static_cast<std::int64_t>(known.size())} : Shape{});
    if (!tensor.is_ok()) return std::move(tensor).status();
    for (std::size_t i = 0; i < numbers->size(); ++i) tensor->set_int(static_cast<std::int64_t>(i), (*numbers)[i]);
    const ValueId constant = patch.add_constant(value.name, share(std::move(*tensor)));
    return replace(std::move(patch), value.id, constant);
  }
  if (value.type.dtype != DType::i64 || !needed_at_run_time(graph, value.id) || !is_bound(graph, known))
    return no_match();
  Attrs attrs{{"dims", SymShape(known)}};
  if (!is_vector) attrs.set("scalar", std::int64_t{1});
  INGOT_ASSIGN_OR_RETURN(const ValueId dims, patch.add("DimTensor", {}, std::move(attrs), root.id));
  return replace(std::move(patch), value.id, dims);
}

}  // namespace

Rules shape_folding_rules() { return {{"fold_shape", {}, fold_shape}}; }

Status refine_types(ir::Graph& graph, Session&) { return ops::infer_graph(graph); }

}  // namespace ingot::passes
