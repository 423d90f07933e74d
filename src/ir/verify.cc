// SPDX-License-Identifier: Apache-2.0
#include "ir/verify.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace ingot::ir {
namespace {

constexpr int kMaxDepth = 64;

class Verifier {
 public:
  Verifier(const Graph& graph, int depth) : graph_(graph), depth_(depth) {}

  Status run() {
    if (depth_ > kMaxDepth) return internal("subgraphs are nested too deeply");
    INGOT_RETURN_IF_ERROR(check_inputs());
    for (const NodeId id : graph_.nodes()) INGOT_RETURN_IF_ERROR(check_node(id));
    for (const ValueId id : graph_.values()) INGOT_RETURN_IF_ERROR(check_value(graph_.value(id)));
    return check_outputs();
  }

 private:
  Status check_inputs() {
    for (const ValueId id : graph_.inputs()) {
      if (!graph_.has(id)) return internal("a graph input does not exist");
      if (!inputs_.insert(id).second) return internal("graph input '{}' is listed twice", graph_.value(id).name);
    }
    return Status::ok();
  }

  Status check_outputs() {
    if (graph_.output_names().size() != graph_.outputs().size())
      return internal("graph outputs and their names disagree");
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i)
      if (!graph_.has(graph_.outputs()[i]))
        return internal("graph output '{}' does not exist", graph_.output_names()[i]);
    return Status::ok();
  }

  Status check_node(NodeId id) {
    if (!graph_.has(id)) return internal("the order lists a node that does not exist");
    const Node& node = graph_.node(id);
    const auto broken = [&node](const std::string& what) {
      return internal("node '{}' ({}): {}", node.name, node.op, what);
    };
    if (node.id != id) return broken("its id is wrong");
    if (!done_.insert(id).second) return broken("the order lists it twice");
    if (node.op.empty()) return broken("it has no operator");
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      if (!graph_.has(node.inputs[i])) return broken(fmt::format("operand {} does not exist", i));
      const Value& operand = graph_.value(node.inputs[i]);
      if (operand.producer != kNoNode && (operand.producer == id || !done_.contains(operand.producer)))
        return broken(fmt::format("operand {} ('{}') is computed after it", i, operand.name));
      uses_[node.inputs[i]].push_back({id, static_cast<int>(i)});
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      if (!graph_.has(node.outputs[i])) return broken(fmt::format("output {} does not exist", i));
      const Value& output = graph_.value(node.outputs[i]);
      if (output.producer != id || output.producer_output != static_cast<int>(i))
        return broken(fmt::format("output {} ('{}') names another producer", i, output.name));
    }
    std::set<std::string_view> attributes;
    for (const auto& [attribute, body] : node.subgraphs) {
      if (body == nullptr || !attributes.insert(attribute).second)
        return broken(fmt::format("subgraph '{}' is missing or given twice", attribute));
      if (Status status = Verifier(*body, depth_ + 1).run(); !status.is_ok())
        return std::move(status).annotate(fmt::format("node '{}' ({}), subgraph '{}'", node.name, node.op, attribute));
    }
    return Status::ok();
  }

  Status check_value(const Value& value) {
    const auto broken = [&value](const std::string& what) { return internal("value '{}': {}", value.name, what); };
    if (graph_.find_value(value.name) != value.id) return broken("its name is not unique or not registered");
    const int origins = (inputs_.contains(value.id) ? 1 : 0) + (value.constant != nullptr ? 1 : 0) +
                        (value.producer != kNoNode ? 1 : 0);
    if (origins != 1) return broken(fmt::format("it comes from {} places (inputs, constants and nodes)", origins));
    if (value.producer != kNoNode) {
      if (!done_.contains(value.producer)) return broken("its producer is not in the graph");
      const auto& outputs = graph_.node(value.producer).outputs;
      const auto index = static_cast<std::size_t>(value.producer_output);
      if (value.producer_output < 0 || index >= outputs.size() || outputs[index] != value.id)
        return broken("its producer does not list it");
    }
    INGOT_RETURN_IF_ERROR(check_type(value));
    std::vector<Use> expected = uses_[value.id], listed = value.uses;
    const auto by_place = [](const Use& a, const Use& b) {
      return std::tie(a.node, a.input) < std::tie(b.node, b.input);
    };
    std::sort(expected.begin(), expected.end(), by_place);
    std::sort(listed.begin(), listed.end(), by_place);
    if (expected != listed)
      return broken(fmt::format("it lists {} uses, the nodes {}", listed.size(), expected.size()));
    return Status::ok();
  }

  static Status check_type(const Value& value) {
    const Type& type = value.type;
    if (value.constant != nullptr &&
        (!type.is_tensor() || type.dtype != value.constant->dtype() || type.shape != symbolic(value.constant->shape())))
      return internal("value '{}': its type {} is not its constant's", value.name, type.to_string());
    if (!value.symbolic_value) return Status::ok();
    const std::size_t known = value.symbolic_value->size();
    const bool fits = type.is_tensor() && (is_integer(type.dtype) || type.dtype == DType::boolean) &&
                      (!type.shape || (type.shape->empty() && known == 1) ||
                       (type.shape->size() == 1 && (!type.shape->front().is_constant() ||
                                                    type.shape->front() == Dim(static_cast<std::int64_t>(known)))));
    if (!fits) return internal("value '{}': {} known elements do not fit {}", value.name, known, type.to_string());
    return Status::ok();
  }

  const Graph& graph_;
  int depth_;
  std::unordered_set<ValueId> inputs_;
  std::unordered_set<NodeId> done_;
  std::unordered_map<ValueId, std::vector<Use>> uses_;
};

}  // namespace

Status verify(const Graph& graph) { return Verifier(graph, 0).run(); }

}  // namespace ingot::ir
