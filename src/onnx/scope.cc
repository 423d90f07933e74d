// SPDX-License-Identifier: Apache-2.0
#include "onnx/scope.h"

#include <functional>
#include <queue>
#include <unordered_set>

namespace ingot::onnx {
namespace {

std::string describe(const NodeProto& node) {
  return fmt::format("node \"{}\" ({})", display_name(node), node.op_type());
}

void add_once(const std::string& name, std::unordered_set<std::string>& seen, std::vector<std::string>& names) {
  if (!name.empty() && seen.insert(name).second) names.push_back(name);
}

// For each node, the nodes it waits for.
struct Dependencies {
  std::vector<std::vector<int>> users;  // by producer
  std::vector<int> waiting;             // how many producers a node still waits for
};

Result<std::unordered_map<std::string, int>> producers_of(const google::protobuf::RepeatedPtrField<NodeProto>& nodes,
                                                          const Scope& scope) {
  std::unordered_map<std::string, int> producers;
  for (int i = 0; i < nodes.size(); ++i) {
    for (const std::string& output : nodes[i].output()) {
      if (output.empty()) continue;
      if (scope.values.contains(output))
        return invalid_argument("{}: output \"{}\" has the name of a graph input, an initializer or an outer value",
                                describe(nodes[i]), output);
      const auto [at, fresh] = producers.emplace(output, i);
      if (!fresh)
        return invalid_argument("{}: output \"{}\" is already produced by {}", describe(nodes[i]), output,
                                describe(nodes[at->second]));
    }
  }
  return producers;
}

Result<Dependencies> dependencies_of(const google::protobuf::RepeatedPtrField<NodeProto>& nodes, const Scope& scope) {
  INGOT_ASSIGN_OR_RETURN(const auto producers, producers_of(nodes, scope));
  const auto count = static_cast<std::size_t>(nodes.size());
  Dependencies result{std::vector<std::vector<int>>(count), std::vector<int>(count)};
  for (int i = 0; i < nodes.size(); ++i) {
    for (const std::string& name : used_names(nodes[i])) {
      if (const auto producer = producers.find(name); producer != producers.end()) {
        result.users[static_cast<std::size_t>(producer->second)].push_back(i);
        ++result.waiting[static_cast<std::size_t>(i)];
      } else if (!scope.values.contains(name)) {
        return invalid_argument("{}: input \"{}\" is neither a graph input, an initializer nor the output of a node",
                                describe(nodes[i]), name);
      }
    }
  }
  return result;
}

// Of the nodes that still wait, one that lies on a cycle rather than behind it.
int node_on_cycle(const Dependencies& dependencies) {
  std::vector<int> predecessor(dependencies.waiting.size(), -1);
  int node = -1;
  for (std::size_t i = 0; i < dependencies.waiting.size(); ++i) {
    if (dependencies.waiting[i] == 0) continue;
    node = static_cast<int>(i);
    for (const int user : dependencies.users[i]) predecessor[static_cast<std::size_t>(user)] = node;
  }
  for (std::size_t steps = 0; steps < predecessor.size(); ++steps) node = predecessor[static_cast<std::size_t>(node)];
  return node;
}

}  // namespace

Status Scope::define(const std::string& onnx_name, ir::ValueId value) {
  if (values.emplace(onnx_name, value).second) return Status::ok();
  return invalid_argument("the name \"{}\" stands for two values", onnx_name);
}

Result<ir::ValueId> Scope::find(const std::string& onnx_name) const {
  if (onnx_name.empty()) return ir::kNoValue;
  const auto found = values.find(onnx_name);
  if (found == values.end()) return invalid_argument("value \"{}\" is produced by nothing", onnx_name);
  return found->second;
}

std::vector<std::string> used_names(const NodeProto& node) {
  std::unordered_set<std::string> seen;
  std::vector<std::string> names;
  for (const std::string& input : node.input()) add_once(input, seen, names);
  for (const AttributeProto& attribute : node.attribute()) {
    if (!attribute.has_g()) continue;
    for (const std::string& name : free_names(attribute.g())) add_once(name, seen, names);
  }
  return names;
}

std::vector<std::string> free_names(const GraphProto& body) {
  std::unordered_set<std::string> seen;  // defined inside, or listed already
  for (const ValueInfoProto& input : body.input()) seen.insert(input.name());
  for (const TensorProto& initializer : body.initializer()) seen.insert(initializer.name());
  for (const NodeProto& node : body.node()) seen.insert(node.output().begin(), node.output().end());
  std::vector<std::string> names;
  for (const NodeProto& node : body.node()) {
    for (const std::string& name : used_names(node)) add_once(name, seen, names);
  }
  for (const ValueInfoProto& output : body.output()) add_once(output.name(), seen, names);
  return names;
}

Result<std::vector<const NodeProto*>> sorted_nodes(const google::protobuf::RepeatedPtrField<NodeProto>& nodes,
                                                   const Scope& scope) {
  INGOT_ASSIGN_OR_RETURN(Dependencies dependencies, dependencies_of(nodes, scope));
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < nodes.size(); ++i) {
    if (dependencies.waiting[static_cast<std::size_t>(i)] == 0) ready.push(i);
  }
  std::vector<const NodeProto*> order;
  while (!ready.empty()) {
    const int next = ready.top();
    ready.pop();
    order.push_back(&nodes[next]);
    for (const int user : dependencies.users[static_cast<std::size_t>(next)]) {
      if (--dependencies.waiting[static_cast<std::size_t>(user)] == 0) ready.push(user);
    }
  }
  if (order.size() == static_cast<std::size_t>(nodes.size())) return order;
  return invalid_argument("{} is part of a cycle: it needs its own output",
                          describe(nodes[node_on_cycle(dependencies)]));
}

}  // namespace ingot::onnx
