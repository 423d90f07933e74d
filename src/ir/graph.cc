// SPDX-License-Identifier: Apache-2.0
#include "ir/graph.h"

#include <algorithm>

#include "ir/graph_names.h"

namespace ingot::ir {
namespace {

std::size_t index_of(NodeId id) { return static_cast<std::size_t>(id); }
std::size_t index_of(ValueId id) { return static_cast<std::size_t>(id); }

}  // namespace

Graph::NameTable& Graph::names() {
  if (names_ == nullptr) names_ = std::make_shared<NameTable>();
  return *names_;
}

ValueId Graph::new_value(std::string value_name, Type type) {
  const auto id = static_cast<ValueId>(values_.size());
  auto value = std::make_unique<Value>();
  value->id = id;
  value->name = names().unique(std::move(value_name));
  value->type = std::move(type);
  names_->ids.emplace(value->name, id);
  values_.push_back(std::move(value));
  output_counts_.push_back(0);
  return id;
}

ValueId Graph::add_input(std::string value_name, Type type) {
  const ValueId id = new_value(std::move(value_name), std::move(type));
  inputs_.push_back(id);
  return id;
}

ValueId Graph::add_constant(std::string value_name, TensorPtr tensor) {
  INGOT_CHECK(tensor != nullptr, "a constant needs a tensor");
  const ValueId id = new_value(std::move(value_name), Type::tensor(tensor->dtype(), symbolic(tensor->shape())));
  value(id).constant = std::move(tensor);
  return id;
}

Result<NodeId> Graph::add_node(std::string op, std::string node_name, std::vector<ValueId> inputs, Attrs attrs,
                               std::vector<NewOutput> outputs, NodeId before) {
  if (before != kNoNode && !has(before)) return internal("node '{}': the place to insert at does not exist", node_name);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == kNoValue) continue;
    if (!has(inputs[i])) return internal("node '{}' ({}): operand {} does not exist", node_name, op, i);
    const NodeId maker = value(inputs[i]).producer;
    if (before != kNoNode && maker != kNoNode && !is_before(maker, before))
      return internal("node '{}' ({}): operand {} ('{}') is computed after it", node_name, op, i,
                      value(inputs[i]).name);
  }
  const auto id = static_cast<NodeId>(nodes_.size());
  auto node = std::make_unique<Node>();
  node->id = id;
  node->op = std::move(op);
  node->name = std::move(node_name);
  node->attrs = std::move(attrs);
  node->inputs = std::move(inputs);
  for (std::size_t i = 0; i < node->inputs.size(); ++i)
    if (node->inputs[i] != kNoValue) value(node->inputs[i]).uses.push_back({id, static_cast<int>(i)});
  for (NewOutput& output : outputs) {
    if (!output.present) {
      node->outputs.push_back(kNoValue);
      continue;
    }
    const ValueId made = new_value(std::move(output.name), std::move(output.type));
    value(made).producer = id;
    value(made).producer_output = static_cast<int>(node->outputs.size());
    node->outputs.push_back(made);
  }
  nodes_.push_back(std::move(node));
  const auto place = order_.insert(before == kNoNode ? order_.end() : places_[index_of(before)], id);
  places_.push_back(place);
  ranks_.push_back(0);
  ranks_[index_of(id)] = rank_for(place);
  return id;
}

void Graph::set_outputs(std::vector<ValueId> outputs, std::vector<std::string> names) {
  INGOT_CHECK(names.empty() || names.size() == outputs.size(), "one name for each output");
  for (const ValueId id : outputs_)
    if (has(id)) --output_counts_[index_of(id)];
  outputs_ = std::move(outputs);
  output_names_ = std::move(names);
  for (const ValueId id : outputs_) {
    INGOT_CHECK(has(id), "a graph output does not exist");
    ++output_counts_[index_of(id)];
    if (output_names_.size() < outputs_.size()) output_names_.push_back(value(id).name);
  }
}

bool Graph::has(NodeId id) const { return index_of(id) < nodes_.size() && nodes_[index_of(id)] != nullptr; }
bool Graph::has(ValueId id) const { return index_of(id) < values_.size() && values_[index_of(id)] != nullptr; }

const Node& Graph::node(NodeId id) const {
  INGOT_CHECK(has(id), "node {} does not exist", index_of(id));
  return *nodes_[index_of(id)];
}

Node& Graph::node(NodeId id) { return const_cast<Node&>(static_cast<const Graph*>(this)->node(id)); }

const Value& Graph::value(ValueId id) const {
  INGOT_CHECK(has(id), "value {} does not exist", index_of(id));
  return *values_[index_of(id)];
}

Value& Graph::value(ValueId id) { return const_cast<Value&>(static_cast<const Graph*>(this)->value(id)); }

ValueId Graph::find_value(std::string_view value_name) const {
  if (names_ == nullptr) return kNoValue;
  const auto found = names_->ids.find(value_name);
  return found == names_->ids.end() ? kNoValue : found->second;
}

bool Graph::is_output(ValueId id) const {
  return index_of(id) < output_counts_.size() && output_counts_[index_of(id)] != 0;
}

const Node* Graph::producer(ValueId id) const {
  const NodeId maker = value(id).producer;
  return maker == kNoNode ? nullptr : &node(maker);
}

const HostTensor* Graph::constant(ValueId id) const { return has(id) ? value(id).constant.get() : nullptr; }

std::vector<ValueId> Graph::values() const {
  std::vector<ValueId> out;
  for (const auto& value : values_)
    if (value != nullptr) out.push_back(value->id);
  return out;
}

bool Graph::is_before(NodeId a, NodeId b) const {
  INGOT_CHECK(has(a) && has(b), "no such node");
  return ranks_[index_of(a)] < ranks_[index_of(b)];
}

NodeId Graph::next(NodeId id) const {
  INGOT_CHECK(has(id), "no such node");
  const auto place = std::next(places_[index_of(id)]);
  return place == order_.end() ? kNoNode : *place;
}

ValueId Graph::next_value_id() const { return static_cast<ValueId>(values_.size()); }

std::shared_ptr<Graph> Graph::clone() const {
  auto copy = std::make_shared<Graph>();
  copy->name = name;
  copy->nodes_.reserve(nodes_.size());
  for (const auto& node : nodes_) {
    copy->nodes_.push_back(node != nullptr ? std::make_unique<Node>(*node) : nullptr);
    if (node == nullptr) continue;
    for (auto& [attribute, body] : copy->nodes_.back()->subgraphs) body = body->clone();
  }
  copy->values_.reserve(values_.size());
  for (const auto& value : values_)
    copy->values_.push_back(value != nullptr ? std::make_unique<Value>(*value) : nullptr);
  copy->order_ = order_;
  copy->places_.resize(places_.size());
  for (auto place = copy->order_.begin(); place != copy->order_.end(); ++place) copy->places_[index_of(*place)] = place;
  copy->ranks_ = ranks_;
  copy->inputs_ = inputs_;
  copy->outputs_ = outputs_;
  copy->output_names_ = output_names_;
  copy->output_counts_ = output_counts_;
  if (names_ != nullptr) copy->names_ = std::make_shared<NameTable>(*names_);
  return copy;
}

}  // namespace ingot::ir
