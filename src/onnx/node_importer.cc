// SPDX-License-Identifier: Apache-2.0
#include "onnx/node_importer.h"

#include <algorithm>
#include <utility>

#include "onnx/constant_node.h"
#include "onnx/control_flow.h"
#include "onnx/deform_spellings.h"
#include "onnx/flex_attention.h"
#include "onnx/graph_importer.h"
#include "onnx/limits.h"
#include "onnx/node_draft.h"
#include "onnx/op_table.h"
#include "onnx/plugin_nodes.h"
#include "onnx/support_check.h"
#include "onnx/upgrades.h"
#include "ops/infer.h"

namespace ingot::onnx {
namespace {

Result<std::vector<ir::ValueId>> find_inputs(const NodeProto& node, const Scope& scope) {
  std::vector<ir::ValueId> inputs;
  for (const std::string& name : node.input()) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId value, scope.find(name));
    inputs.push_back(value);
  }
  while (!inputs.empty() && inputs.back() == ir::kNoValue) inputs.pop_back();
  return inputs;
}

std::vector<std::string> output_names(const NodeProto& node, const Scope& scope) {
  std::vector<std::string> names;
  for (const std::string& name : node.output()) names.push_back(name.empty() ? std::string() : scope.value_name(name));
  return names;
}

struct NodeAttributes {
  Attrs plain;
  NamedBodies bodies;
};

Result<NodeAttributes> read_attributes(ModelContext& context, const NodeProto& node, const Scope& scope,
                                       std::string_view op) {
  INGOT_ASSIGN_OR_RETURN(const auto resolved, resolve_attributes(node, scope.attributes));
  NodeAttributes result;
  for (const auto& [name, proto] : resolved) {
    INGOT_ASSIGN_OR_RETURN(const AttributeType type, type_of(*proto));
    if (type == AttributeType::graph) {
      // The names in such a body would be those of the function's caller.
      if (std::ranges::none_of(node.attribute(), [&, body = proto](const AttributeProto& own) { return &own == body; }))
        return beyond(Limit::kPassedGraph, fmt::format("attribute {}", name));
      result.bodies.emplace_back(name, &proto->g());
    } else {
      INGOT_ASSIGN_OR_RETURN(Attr value, to_attr(*proto, name, op, context.external, context.model));
      result.plain.set(name, std::move(value));
    }
  }
  return result;
}

// Binds the ONNX names of the outputs to the values of the last node, or to what was emitted before it.
Status bind_outputs(const NodeProto& node, const NodeDraft& draft, ir::NodeId last, Scope& scope) {
  const std::vector<ir::ValueId>& made = scope.graph.node(last).outputs;
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty()) continue;
    const auto index = static_cast<std::size_t>(i);
    ir::ValueId value = draft.emitted(index);
    if (value == ir::kNoValue) {
      if (index >= made.size())
        return invalid_argument("output {} ({}) is one too many: {} has {}", i, node.output(i), node.op_type(),
                                made.size());
      value = made[index];
    }
    INGOT_RETURN_IF_ERROR(scope.define(node.output(i), value));
  }
  return Status::ok();
}

// Known when the graph's constants and sizes decide it.
std::optional<bool> known_condition(const NodeDraft& draft, const ir::Graph& graph) {
  if (draft.op != "If" || !draft.has_input(0)) return std::nullopt;
  const HostTensor* constant = draft.input_constant(0);
  if (constant != nullptr && constant->elements() == 1) return constant->as_int(0) != 0;
  const auto& symbolic = graph.value(draft.inputs[0]).symbolic_value;
  if (symbolic && symbolic->size() == 1 && symbolic->front().is_constant()) return symbolic->front().value() != 0;
  return std::nullopt;
}

// Exporters write branches for all ranks and sizes; what is not taken may make no sense for those at hand.
Status import_branch(ModelContext& context, const NodeProto& node, const NodeAttributes& attributes, bool taken,
                     Scope& scope) {
  const std::string_view wanted = taken ? "then_branch" : "else_branch";
  const auto body = std::ranges::find_if(attributes.bodies, [&](const auto& entry) { return entry.first == wanted; });
  if (body == attributes.bodies.end()) return invalid_argument("attribute {} (a graph) is missing", wanted);
  auto outputs = import_inline(context, *body->second, scope, display_name(node) + "/", {});
  if (!outputs.is_ok()) return std::move(outputs).status().annotate(wanted);
  if (outputs->size() < static_cast<std::size_t>(node.output_size()))
    return invalid_argument("{} yields {} outputs, but must yield {}", wanted, outputs->size(), node.output_size());
  for (int i = 0; i < node.output_size(); ++i)
    if (!node.output(i).empty())
      INGOT_RETURN_IF_ERROR(scope.define(node.output(i), (*outputs)[static_cast<std::size_t>(i)]));
  return Status::ok();
}

Status import_by_row(ModelContext& context, const NodeProto& node, const OpRow& row, std::int64_t opset, Scope& scope) {
  NodeDraft draft(scope.graph, row.name(), scope.prefix + display_name(node), opset);
  INGOT_ASSIGN_OR_RETURN(draft.inputs, find_inputs(node, scope));
  draft.written_op = node.op_type();
  draft.outputs = output_names(node, scope);
  if (draft.outputs.empty()) return invalid_argument("the node has no outputs");
  INGOT_ASSIGN_OR_RETURN(NodeAttributes attributes, read_attributes(context, node, scope, row.name()));
  draft.attrs = std::move(attributes.plain);
  if (row.is_value()) {
    if (!draft.has_output(0)) return Status::ok();
    INGOT_ASSIGN_OR_RETURN(TensorPtr value, constant_value(draft.attrs));
    return scope.define(node.output(0), scope.graph.add_constant(draft.outputs[0], std::move(value)));
  }
  if (row.domain.empty()) INGOT_RETURN_IF_ERROR(upgrade_early(row.op, draft));
  if (row.upgrade != nullptr) INGOT_RETURN_IF_ERROR(row.upgrade(draft));
  if (const std::optional<bool> taken = known_condition(draft, scope.graph))
    return import_branch(context, node, attributes, *taken, scope);
  if (draft.op == "Attention") {
    if (!attributes.bodies.empty())
      INGOT_RETURN_IF_ERROR(lower_flex_attention(context, attributes.bodies, draft, scope));
  } else if (!attributes.bodies.empty()) {
    INGOT_ASSIGN_OR_RETURN(const ir::NodeId with_bodies, import_with_bodies(context, attributes.bodies, draft, scope));
    return bind_outputs(node, draft, with_bodies, scope);
  }
  INGOT_ASSIGN_OR_RETURN(const ir::NodeId id, ops::add_node(scope.graph, draft.op, draft.name, std::move(draft.inputs),
                                                            std::move(draft.attrs), draft.outputs));
  return bind_outputs(node, draft, id, scope);
}

Status import_by_plugin(ModelContext& context, const NodeProto& node, const plugin::Operator& op, Scope& scope) {
  NodeDraft draft(scope.graph, op.op, scope.prefix + display_name(node), 1);
  INGOT_ASSIGN_OR_RETURN(draft.inputs, find_inputs(node, scope));
  draft.outputs = output_names(node, scope);
  INGOT_ASSIGN_OR_RETURN(NodeAttributes attributes, read_attributes(context, node, scope, op.op));
  if (!attributes.bodies.empty())
    return beyond(Limit::kPluginGraph, fmt::format("attribute {}", attributes.bodies.front().first));
  INGOT_ASSIGN_OR_RETURN(draft.attrs, plugin_attributes(op, node, std::move(attributes.plain)));
  INGOT_ASSIGN_OR_RETURN(const ir::NodeId id, ops::add_node(scope.graph, draft.op, draft.name, std::move(draft.inputs),
                                                            std::move(draft.attrs), draft.outputs));
  return bind_outputs(node, draft, id, scope);
}

Result<AttributeBindings> bind_attributes(const NodeProto& node, const FunctionProto& function, const Scope& scope) {
  INGOT_ASSIGN_OR_RETURN(const auto given, resolve_attributes(node, scope.attributes));
  AttributeBindings bindings;
  for (const AttributeProto& with_default : function.attribute_proto()) bindings[with_default.name()] = &with_default;
  for (const auto& [name, proto] : given) {
    const bool declared =
        std::ranges::find(function.attribute(), name) != function.attribute().end() || bindings.contains(name);
    if (!declared) return invalid_argument("function {} has no attribute {}", function.name(), name);
    bindings[name] = proto;
  }
  return bindings;
}

Status import_call(ModelContext& context, const NodeProto& node, const ModelFunction& callee, Scope& scope) {
  const FunctionProto& function = *callee.proto;
  if (node.input_size() > function.input_size() || node.output_size() > function.output_size())
    return invalid_argument("the call has {} inputs and {} outputs, the function {} and {}", node.input_size(),
                            node.output_size(), function.input_size(), function.output_size());
  Scope inner{scope.graph, callee.opsets};
  inner.prefix = fmt::format("{}{}/", scope.prefix, display_name(node));
  INGOT_ASSIGN_OR_RETURN(inner.attributes, bind_attributes(node, function, scope));
  for (int i = 0; i < function.input_size(); ++i) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId value, scope.find(i < node.input_size() ? node.input(i) : std::string()));
    INGOT_RETURN_IF_ERROR(inner.define(function.input(i), value));
  }
  for (int i = 0; i < node.output_size(); ++i) {
    if (!node.output(i).empty()) inner.renamed.emplace(function.output(i), scope.value_name(node.output(i)));
  }
  INGOT_RETURN_IF_ERROR(import_nodes(context, function.node(), inner));
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty()) continue;
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId value, inner.find(function.output(i)));
    INGOT_RETURN_IF_ERROR(scope.define(node.output(i), value));
  }
  return Status::ok();
}

Status annotate_once(Status status, const std::string& name, const std::string& op) {
  // The innermost node is the one at fault; ops::add_node() has named it already.
  if (status.is_ok() || status.message().starts_with("node \"")) return status;
  return std::move(status).annotate(fmt::format("node \"{}\" ({})", name, op));
}

}  // namespace

Status import_node(ModelContext& context, const NodeProto& node, Scope& scope) {
  const OpRow* row = supported_row(node, scope.opsets);
  const plugin::Operator* plugin = row == nullptr ? find_plugin(node) : nullptr;
  const ModelFunction* function = row == nullptr && plugin == nullptr ? context.function(node) : nullptr;
  if (function == nullptr && plugin == nullptr && row == nullptr) row = find_deform_spelling(node);
  INGOT_CHECK(row != nullptr || plugin != nullptr || function != nullptr, "{} passed the support check",
              node.op_type());
  const std::int64_t opset = scope.opsets.version(node.domain()).value_or(1);
  Status status = row != nullptr      ? import_by_row(context, node, *row, opset, scope)
                  : plugin != nullptr ? import_by_plugin(context, node, *plugin, scope)
                                      : import_call(context, node, *function, scope);
  return annotate_once(std::move(status), scope.prefix + display_name(node), node.op_type());
}

}  // namespace ingot::onnx
