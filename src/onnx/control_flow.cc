// SPDX-License-Identifier: Apache-2.0
#include "onnx/control_flow.h"

#include <algorithm>

#include "ops/infer.h"
#include "ops/op_def.h"

namespace ingot::onnx {
namespace {

// What the own inputs of a body are known to be from the node's operands alone.
Result<std::vector<ir::Type>> body_operands(const NodeDraft& draft) {
  std::vector<ir::Type> types;
  if (draft.op == "Loop") {
    types = {ir::Type::tensor(DType::i64, SymShape{}), ir::Type::tensor(DType::boolean, SymShape{})};
    for (std::size_t i = 2; i < draft.inputs.size(); ++i) {
      ir::Type type = draft.has_input(i) ? draft.input_type(i) : ir::Type{};
      type.shape.reset();  // may change from one iteration to the next
      types.push_back(std::move(type));
    }
  }
  if (draft.op == "SequenceMap") {
    for (std::size_t i = 0; i < draft.inputs.size(); ++i) {
      const ir::Type type = draft.has_input(i) ? draft.input_type(i) : ir::Type{};
      types.push_back(type.kind == ir::Type::Kind::sequence ? *type.element : type);
    }
  }
  if (draft.op == "Scan") {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t scanned, draft.read_or<std::int64_t>("num_scan_inputs", 0));
    const auto count = static_cast<std::int64_t>(draft.inputs.size());
    if (scanned < 1 || scanned > count)
      return invalid_argument("num_scan_inputs is {}, with {} inputs", scanned, count);
    for (std::size_t i = 0; i < draft.inputs.size(); ++i) {
      ir::Type type = draft.has_input(i) ? draft.input_type(i) : ir::Type{};
      if (static_cast<std::int64_t>(i) >= count - scanned) type.shape.reset();  // one slice of it
      types.push_back(std::move(type));
    }
  }
  return types;
}

Status expect_graph(std::string_view op, std::string_view attribute) {
  const ops::OpDef* def = ops::find_op(op);
  const bool expected = def != nullptr && std::ranges::any_of(def->attrs, [&](const ops::AttrSpec& spec) {
                          return spec.name == attribute && spec.kind == ops::AttrKind::graph;
                        });
  return expected ? Status::ok() : invalid_argument("attribute {} must not be a graph", attribute);
}

}  // namespace

Result<std::vector<Capture>> find_captures(const NamedBodies& bodies, const Scope& scope) {
  std::vector<Capture> captures;
  for (const auto& [attribute, body] : bodies) {
    for (const std::string& name : free_names(*body)) {
      if (std::ranges::any_of(captures, [&](const Capture& capture) { return capture.name == name; })) continue;
      INGOT_ASSIGN_OR_RETURN(const ir::ValueId value, scope.find(name));
      captures.push_back({name, value});
    }
  }
  return captures;
}

std::vector<ir::ValueId> captured_values(const std::vector<Capture>& captures, const ir::Graph& graph) {
  std::vector<ir::ValueId> values;
  for (const Capture& capture : captures)
    if (capture.outer != ir::kNoValue && graph.constant(capture.outer) == nullptr) values.push_back(capture.outer);
  return values;
}

Result<ir::NodeId> add_node_with_bodies(ir::Graph& graph, const std::string& op, const std::string& name,
                                        const std::vector<ir::ValueId>& inputs, const Attrs& attrs,
                                        const std::vector<std::string>& outputs, Bodies bodies) {
  INGOT_ASSIGN_OR_RETURN(std::vector<ops::InferredOutput> inferred,
                         ops::infer(graph, op, attrs, inputs, outputs.size(), bodies));
  std::vector<ir::Graph::NewOutput> made;
  for (std::size_t i = 0; i < inferred.size(); ++i)
    made.push_back({outputs[i], std::move(inferred[i].type), !outputs[i].empty()});
  INGOT_ASSIGN_OR_RETURN(const ir::NodeId id, graph.add_node(op, name, inputs, attrs, std::move(made)));
  graph.node(id).subgraphs = std::move(bodies);
  return id;
}

Result<ir::NodeId> import_with_bodies(ModelContext& context, const NamedBodies& bodies, NodeDraft& draft,
                                      Scope& scope) {
  for (const auto& [name, proto] : bodies) INGOT_RETURN_IF_ERROR(expect_graph(draft.op, name));
  if (draft.op == "Scan" && draft.opset < 9 && bodies.size() == 1)
    return import_batched_scan(context, *bodies[0].second, draft, scope);
  INGOT_ASSIGN_OR_RETURN(const std::vector<Capture> captures, find_captures(bodies, scope));
  INGOT_ASSIGN_OR_RETURN(const std::vector<ir::Type> operands, body_operands(draft));
  Bodies imported;
  for (const auto& [name, proto] : bodies) {
    auto body = import_body(context, *proto, scope, operands, captures);
    if (!body.is_ok()) return std::move(body).status().annotate(name);
    imported.emplace_back(name, std::move(*body));
  }
  if (draft.op == "Loop") draft.inputs.resize(std::max<std::size_t>(draft.inputs.size(), 2), ir::kNoValue);
  const std::vector<ir::ValueId> captured = captured_values(captures, scope.graph);
  draft.inputs.insert(draft.inputs.end(), captured.begin(), captured.end());
  if (!captured.empty() && draft.op != "If") draft.attrs.set("captures", static_cast<std::int64_t>(captured.size()));
  if (!imported.empty()) {
    // The body's first output is Loop's condition.
    const std::size_t body_outputs = imported.front().second->outputs().size();
    const std::size_t wanted = draft.op == "Loop" ? std::max<std::size_t>(body_outputs, 1) - 1 : body_outputs;
    draft.outputs.resize(std::max(draft.outputs.size(), wanted));
  }
  return add_node_with_bodies(scope.graph, draft.op, draft.name, draft.inputs, draft.attrs, draft.outputs,
                              std::move(imported));
}

}  // namespace ingot::onnx
