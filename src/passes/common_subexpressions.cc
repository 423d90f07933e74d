// SPDX-License-Identifier: Apache-2.0
// Common subexpressions and dead code.
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "ops/op_def.h"
#include "passes/match.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// Constants up to this size are compared by content; exporters repeat small ones, and large ones hardly ever are equal.
constexpr std::int64_t kMaxComparedBytes = 1024;

std::string key_of(const HostTensor& tensor) {
  const auto bytes = tensor.bytes();
  return fmt::format("{}{}:", to_string(tensor.dtype()), to_string(tensor.shape())) +
         std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void merge_constants(ir::Graph& graph, Session& session) {
  std::unordered_map<std::string, ValueId> seen;
  for (ValueId id : graph.values()) {
    const HostTensor* tensor = graph.constant(id);
    if (tensor == nullptr || session.stopped()) continue;
    if (static_cast<std::int64_t>(tensor->bytes().size()) > kMaxComparedBytes || tensor->dtype() == DType::string)
      continue;
    const auto [first, is_new] = seen.emplace(key_of(*tensor), id);
    if (is_new || graph.is_output(id)) continue;
    graph.replace_all_uses(id, first->second);
    graph.remove_value(id);
    session.record("merge_constants", graph.value(first->second).name);
  }
}

std::string key_of(const Node& node) {
  std::string key = node.op + node.attrs.to_string();
  for (ValueId value : node.inputs) key += fmt::format(",{}", static_cast<std::uint32_t>(value));
  for (ValueId value : node.outputs) key += value == kNoValue ? "-" : "+";
  return key;
}

}  // namespace

Status merge_common_subexpressions(ir::Graph& graph, Session& session) {
  merge_constants(graph, session);
  std::unordered_map<std::string, ir::NodeId> seen;
  const std::vector<ir::NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (ir::NodeId id : order) {
    if (session.stopped()) break;
    const Node& node = graph.node(id);
    const ops::OpDef* def = ops::find_op(node.op);
    if (def == nullptr || !def->pure || !node.subgraphs.empty()) continue;
    const auto [first, is_new] = seen.emplace(key_of(node), id);
    if (is_new) continue;
    const Node& kept = graph.node(first->second);
    // Two outputs of the network need two values.
    bool free = true;
    for (ValueId value : node.outputs) free &= value == kNoValue || !graph.is_output(value);
    if (!free) continue;
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != kNoValue) graph.replace_all_uses(node.outputs[i], kept.outputs[i]);
    session.record("merge_equal_nodes", node.name);
    graph.remove_node(id);
  }
  return {};
}

Status remove_dead_code(ir::Graph& graph, Session& session) {
  if (const int count = graph.remove_dead_nodes(); count > 0)
    session.record("remove_dead_nodes", fmt::format("{} nodes", count));
  return {};
}

}  // namespace ingot::passes
