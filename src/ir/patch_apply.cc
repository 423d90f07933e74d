// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>

#include "ir/patch.h"

namespace ingot::ir {

Status Patch::check(const Graph& graph) const {
  if (&graph != &graph_) return internal("patch '{}' was made for another graph", name_);
  if (static_cast<std::uint32_t>(graph.next_value_id()) != first_value_)
    return internal("patch '{}': the graph has changed since it was made", name_);
  const auto exists = [&](ValueId id) { return new_value(id) != nullptr || graph.has(id); };
  for (const NewNode& node : nodes_) {
    if (!graph.has(node.origin)) return internal("patch '{}': the origin of {} is gone", name_, node.op);
    for (const ValueId input : node.inputs)
      if (input != kNoValue && !exists(input)) return internal("patch '{}': an operand of {} is gone", name_, node.op);
  }
  for (const auto& [from, to] : replacements_) {
    if (!graph.has(from)) return internal("patch '{}': a value to replace does not exist", name_);
    const std::string& from_name = graph.value(from).name;
    if (!exists(to)) return internal("patch '{}': the replacement of '{}' does not exist", name_, from_name);
    if (Status status = check_compatible(graph.value(from).type, type(to)); !status.is_ok())
      return internal("patch '{}': '{}' cannot be replaced: {}", name_, from_name, status.message());
  }
  return Status::ok();
}

// When a becomes b and b becomes c, a becomes c.
Status Patch::resolve_chains() {
  std::unordered_map<ValueId, ValueId> table;
  for (const auto& [from, to] : replacements_)
    if (!table.emplace(from, to).second)
      return internal("patch '{}': '{}' is replaced twice", name_, graph_.value(from).name);
  for (auto& [from, to] : replacements_) {
    std::size_t steps = 0;
    for (auto found = table.find(to); found != table.end(); found = table.find(to)) {
      to = found->second;
      if (++steps > table.size()) return internal("patch '{}': '{}' replaces itself", name_, graph_.value(from).name);
    }
  }
  return Status::ok();
}

Patch::Extent Patch::extent() const {
  Extent extent;
  const auto earlier = [this](NodeId& place, NodeId candidate) {
    if (place == kNoNode || graph_.is_before(candidate, place)) place = candidate;
  };
  const auto depends_on = [&](ValueId id) {
    if (id == kNoValue || !graph_.has(id)) return;
    const NodeId maker = graph_.value(id).producer;
    if (maker == kNoNode) return;
    if (extent.last_operand == kNoNode || graph_.is_before(extent.last_operand, maker)) extent.last_operand = maker;
  };
  for (const NewNode& node : nodes_) {
    earlier(extent.first_origin, node.origin);
    for (const ValueId input : node.inputs) depends_on(input);
  }
  for (const auto& [from, to] : replacements_) {
    depends_on(to);
    for (const Use& use : graph_.value(from).uses) earlier(extent.first_user, use.node);
  }
  return extent;
}

Status Patch::perform(Graph& graph, NodeId before) const {
  Uses uses;
  for (const auto& [from, to] : replacements_) uses.push_back(graph.value(from).uses);
  for (const NewValue& value : values_) {
    if (value.constant != nullptr) {
      const ValueId made = graph.add_constant(value.name, value.constant);
      INGOT_CHECK(made == value.id, "patch '{}': ids drifted", name_);
      continue;
    }
    const NewNode& node = nodes_[value.node];
    if (node.outputs.front() != value.id) continue;  // made together with the node's first output
    std::vector<Graph::NewOutput> outputs;
    for (const ValueId output : node.outputs) outputs.push_back({new_value(output)->name, new_value(output)->type});
    INGOT_ASSIGN_OR_RETURN(const NodeId made,
                           graph.add_node(node.op, node.name, node.inputs, node.attrs, std::move(outputs), before));
    INGOT_CHECK(graph.node(made).outputs == node.outputs, "patch '{}': ids drifted", name_);
  }
  for (std::size_t i = 0; i < replacements_.size(); ++i) {
    const auto [from, to] = replacements_[i];
    if (from == to) continue;
    for (const Use& use : uses[i]) graph.set_input(use.node, use.input, to);
    graph.replace_outputs(from, to);
    // Both are the same value, so what was known of one holds for the other.
    const Value& source = graph.value(from);
    Value& target = graph.value(to);
    if (!target.type.shape && target.type.is_tensor()) target.type.shape = source.type.shape;
    if (!target.symbolic_value && target.type.is_tensor()) target.symbolic_value = source.symbolic_value;
  }
  return Status::ok();
}

void Patch::remove_what_died(Graph& graph) const {
  std::vector<ValueId> doubtful;
  for (const auto& [from, to] : replacements_) doubtful.push_back(from);
  for (auto value = values_.rbegin(); value != values_.rend(); ++value) doubtful.push_back(value->id);
  // Where a new value stands for one that vanishes, it inherits the name: names of ONNX survive fusion.
  std::unordered_map<ValueId, ValueId> heirs;
  for (const auto& [from, to] : replacements_)
    if (new_value(to) != nullptr) heirs.emplace(from, to);

  const auto is_dead = [&graph](ValueId id) {
    return id == kNoValue || (graph.value(id).uses.empty() && !graph.is_output(id));
  };
  std::vector<ValueId> renamed;
  while (!doubtful.empty()) {
    const ValueId id = doubtful.back();
    doubtful.pop_back();
    if (!graph.has(id) || !is_dead(id)) continue;
    const NodeId maker = graph.value(id).producer;
    if (maker == kNoNode) {
      if (graph.value(id).constant != nullptr) graph.remove_value(id);
      continue;
    }
    const Node& node = graph.node(maker);
    if (!std::all_of(node.outputs.begin(), node.outputs.end(), is_dead)) continue;
    for (const ValueId input : node.inputs)
      if (input != kNoValue) doubtful.push_back(input);
    for (const ValueId output : node.outputs) {
      const auto heir = heirs.find(output);
      if (heir == heirs.end() || !graph.has(heir->second) || graph.is_output(heir->second)) continue;
      if (std::find(renamed.begin(), renamed.end(), heir->second) != renamed.end()) continue;
      graph.swap_names(output, heir->second);
      renamed.push_back(heir->second);
    }
    graph.remove_node(maker);
  }
}

Status Patch::apply(Graph& graph) && {
  INGOT_RETURN_IF_ERROR(check(graph));
  INGOT_RETURN_IF_ERROR(resolve_chains());
  const Extent where = extent();
  const bool in_order = where.last_operand == kNoNode || where.first_user == kNoNode ||
                        graph.is_before(where.last_operand, where.first_user);
  if (in_order) {
    NodeId before = where.first_origin;
    if (where.first_user != kNoNode && (before == kNoNode || graph.is_before(where.first_user, before)))
      before = where.first_user;
    if (before != kNoNode && where.last_operand != kNoNode && !graph.is_before(where.last_operand, before))
      before = graph.next(where.last_operand);
    INGOT_RETURN_IF_ERROR(perform(graph, before));
  } else {
    // Some user of a replaced value stands before an operand of its replacement: a new order is needed, if there is
    // one.
    const std::shared_ptr<Graph> trial = graph.clone();
    INGOT_RETURN_IF_ERROR(perform(*trial, kNoNode));
    if (Status status = trial->sort(); !status.is_ok()) return internal("patch '{}': {}", name_, status.message());
    graph = std::move(*trial);
  }
  remove_what_died(graph);
  return Status::ok();
}

}  // namespace ingot::ir
