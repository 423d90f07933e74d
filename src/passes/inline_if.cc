// SPDX-License-Identifier: Apache-2.0
#include "passes/inline_if.h"

#include <map>

#include "ops/infer.h"
#include "passes/match.h"

namespace ingot::passes {
namespace {

std::optional<bool> known_condition(const Graph& graph, ValueId id) {
  const HostTensor* constant = graph.constant(id);
  if (constant != nullptr && constant->elements() == 1) return constant->as_int(0) != 0;
  const auto& symbolic = graph.value(id).symbolic_value;
  if (symbolic && symbolic->size() == 1 && symbolic->front().is_constant()) return symbolic->front().value() != 0;
  return std::nullopt;
}

Status inline_branch(Graph& graph, ir::NodeId id, const Graph& branch) {
  const Node node = graph.node(id);
  if (node.inputs.size() != branch.inputs().size() + 1 || node.outputs.size() != branch.outputs().size())
    return invalid_argument("If '{}': a branch of {} inputs and {} outputs for {} captures and {} outputs", node.name,
                            branch.inputs().size(), branch.outputs().size(), node.inputs.size() - 1,
                            node.outputs.size());
  std::map<ValueId, ValueId> placed;
  for (std::size_t i = 0; i < branch.inputs().size(); ++i) placed[branch.inputs()[i]] = node.inputs[i + 1];
  const auto outer = [&](ValueId inner) {
    if (inner == kNoValue) return kNoValue;
    const auto [at, fresh] = placed.emplace(inner, kNoValue);
    if (fresh) at->second = graph.add_constant(branch.value(inner).name, branch.value(inner).constant);
    return at->second;
  };
  for (const ir::NodeId inner_id : branch.nodes()) {
    const Node& inner = branch.node(inner_id);
    std::vector<ValueId> inputs;
    for (const ValueId input : inner.inputs) inputs.push_back(outer(input));
    std::vector<Graph::NewOutput> outputs;
    for (const ValueId output : inner.outputs) {
      const bool present = output != kNoValue;
      outputs.push_back(
          {present ? branch.value(output).name : "", present ? branch.value(output).type : ir::Type(), present});
    }
    INGOT_ASSIGN_OR_RETURN(const ir::NodeId made, graph.add_node(inner.op, inner.name, std::move(inputs), inner.attrs,
                                                                 std::move(outputs), id));
    graph.node(made).subgraphs = inner.subgraphs;
    for (std::size_t i = 0; i < inner.outputs.size(); ++i) {
      if (inner.outputs[i] == kNoValue) continue;
      placed[inner.outputs[i]] = graph.node(made).outputs[i];
      graph.value(graph.node(made).outputs[i]).symbolic_value = branch.value(inner.outputs[i]).symbolic_value;
    }
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    if (node.outputs[i] != kNoValue) graph.replace_all_uses(node.outputs[i], outer(branch.outputs()[i]));
  graph.remove_node(id);
  return Status::ok();
}

// How many of the node's operands come before the captures.
std::size_t first_capture(const Node& node) {
  if (node.op == "If") return 1;
  const auto captures = static_cast<std::size_t>(std::max<std::int64_t>(node.attrs.get_int("captures", 0), 0));
  return node.inputs.size() - std::min(captures, node.inputs.size());
}

bool sink_constants(const Graph& graph, const Node& node) {
  bool changed = false;
  for (const auto& [name, body] : node.subgraphs)
    for (std::size_t i = first_capture(node); i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue || graph.constant(node.inputs[i]) == nullptr) continue;
      const std::size_t from_end = node.inputs.size() - i;
      if (from_end > body->inputs().size()) continue;
      const ValueId input = body->inputs()[body->inputs().size() - from_end];
      if (body->value(input).uses.empty() && !body->is_output(input)) continue;
      body->replace_all_uses(input, body->add_constant(body->value(input).name, graph.value(node.inputs[i]).constant));
      changed = true;
    }
  return changed;
}

}  // namespace

Status decide_control_flow(Graph& graph, Session& session) {
  bool changed = false;
  const std::vector<ir::NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (const ir::NodeId id : order) {
    const Node& node = graph.node(id);
    if (node.subgraphs.empty() || session.stopped()) continue;
    const std::optional<bool> taken = node.op == "If" ? known_condition(graph, node.inputs[0]) : std::nullopt;
    if (taken) {
      const std::string_view wanted = *taken ? "then_branch" : "else_branch";
      std::shared_ptr<Graph> branch;
      for (const auto& [name, body] : node.subgraphs)
        if (name == wanted) branch = body;
      if (branch == nullptr) return internal("If '{}' has no {}", node.name, wanted);
      session.record("inline_if", node.name);
      INGOT_RETURN_IF_ERROR(inline_branch(graph, id, *branch));
      changed = true;
    } else if (sink_constants(graph, node)) {
      session.record("sink_constants", node.name);
      changed = true;
    }
  }
  return changed ? ops::infer_graph(graph) : Status::ok();
}

}  // namespace ingot::passes
