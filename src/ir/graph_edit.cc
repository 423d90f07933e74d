// SPDX-License-Identifier: Apache-2.0
// The changing half of Graph.
#include <algorithm>

#include "ir/graph.h"
#include "ir/graph_names.h"

namespace ingot::ir {
namespace {

// Distance between the ranks of neighbours: about 32 insertions at one place before all are renumbered.
constexpr std::uint64_t kRankStep = std::uint64_t{1} << 32;

std::size_t index_of(NodeId id) { return static_cast<std::size_t>(id); }
std::size_t index_of(ValueId id) { return static_cast<std::size_t>(id); }

}  // namespace

std::uint64_t Graph::rank_for(std::list<NodeId>::iterator place) {
  const auto rank_of = [this](std::list<NodeId>::iterator at) { return ranks_[index_of(*at)]; };
  const std::uint64_t low = place == order_.begin() ? 0 : rank_of(std::prev(place));
  if (std::next(place) == order_.end()) return low + kRankStep;
  const std::uint64_t high = rank_of(std::next(place));
  if (high - low < 2) {
    renumber();
    return rank_of(place);
  }
  return low + (high - low) / 2;
}

void Graph::renumber() {
  std::uint64_t rank = 0;
  for (const NodeId id : order_) ranks_[index_of(id)] = rank += kRankStep;
}

void Graph::remove_use(ValueId id, Use use) {
  std::vector<Use>& uses = value(id).uses;
  const auto found = std::find(uses.begin(), uses.end(), use);
  INGOT_CHECK(found != uses.end(), "the uses of '{}' are wrong", value(id).name);
  uses.erase(found);
}

void Graph::set_input(NodeId id, int index, ValueId to) {
  Node& user = node(id);
  INGOT_CHECK(index >= 0 && static_cast<std::size_t>(index) < user.inputs.size(), "node '{}' has no operand {}",
              user.name, index);
  INGOT_CHECK(to == kNoValue || has(to), "the new operand of '{}' does not exist", user.name);
  ValueId& slot = user.inputs[static_cast<std::size_t>(index)];
  if (slot == to) return;
  if (slot != kNoValue) remove_use(slot, {id, index});
  slot = to;
  if (to != kNoValue) value(to).uses.push_back({id, index});
}

void Graph::replace_all_uses(ValueId from, ValueId to) {
  if (from == to) return;
  Value& source = value(from);
  Value& target = value(to);
  for (const Use& use : source.uses) {
    node(use.node).inputs[static_cast<std::size_t>(use.input)] = to;
    target.uses.push_back(use);
  }
  source.uses.clear();
  replace_outputs(from, to);
}

void Graph::replace_outputs(ValueId from, ValueId to) {
  if (from == to || !is_output(from)) return;
  const bool named_by_user = value(to).producer == kNoNode || is_output(to);
  for (ValueId& output : outputs_)
    if (output == from) output = to;
  output_counts_[index_of(to)] += output_counts_[index_of(from)];
  output_counts_[index_of(from)] = 0;
  if (!named_by_user) swap_names(from, to);
}

void Graph::swap_names(ValueId a, ValueId b) {
  std::swap(value(a).name, value(b).name);
  names().ids[value(a).name] = a;
  names().ids[value(b).name] = b;
}

void Graph::drop_value(ValueId id) {
  names().ids.erase(value(id).name);
  values_[index_of(id)].reset();
}

void Graph::remove_node(NodeId id) {
  const Node& dead = node(id);
  for (const ValueId output : dead.outputs)
    INGOT_CHECK(output == kNoValue || (value(output).uses.empty() && !is_output(output)), "'{}' of node '{}' is in use",
                value(output).name, dead.name);
  for (std::size_t i = 0; i < dead.inputs.size(); ++i)
    if (dead.inputs[i] != kNoValue) remove_use(dead.inputs[i], {id, static_cast<int>(i)});
  for (const ValueId output : dead.outputs)
    if (output != kNoValue) drop_value(output);
  order_.erase(places_[index_of(id)]);
  nodes_[index_of(id)].reset();
}

void Graph::remove_value(ValueId id) {
  const Value& dead = value(id);
  INGOT_CHECK(dead.constant != nullptr && dead.uses.empty() && !is_output(id), "'{}' is not an unused constant",
              dead.name);
  drop_value(id);
}

void Graph::move_before(NodeId id, NodeId before) {
  INGOT_CHECK(has(id) && has(before), "no such node");
  if (id == before) return;
  const auto place = places_[index_of(id)];
  order_.splice(places_[index_of(before)], order_, place);
  ranks_[index_of(id)] = rank_for(place);
}

int Graph::remove_dead_nodes() {
  return remove_dead_nodes([](const Node&) { return false; });
}

int Graph::remove_dead_nodes(FunctionRef<bool(const Node&)> keep) {
  int removed = 0;
  // Users stand after their operands, so one pass from the end sees every node after all its users.
  for (auto place = order_.end(); place != order_.begin();) {
    --place;
    const Node& candidate = node(*place);
    const bool used = std::any_of(candidate.outputs.begin(), candidate.outputs.end(), [this](ValueId output) {
      return output != kNoValue && (!value(output).uses.empty() || is_output(output));
    });
    if (used || keep(candidate)) continue;
    const NodeId dead = *place;
    ++place;
    remove_node(dead);
    ++removed;
  }
  for (const ValueId id : values())
    if (value(id).constant != nullptr && value(id).uses.empty() && !is_output(id)) remove_value(id);
  return removed;
}

Status Graph::sort() {
  // Depth first from each node in the present order, operands before users: keeps the order where it is right already.
  enum class Mark : std::uint8_t { fresh, open, done };
  std::vector<Mark> marks(nodes_.size(), Mark::fresh);
  std::vector<NodeId> sorted;
  sorted.reserve(order_.size());
  struct Frame {
    NodeId id;
    std::size_t next_input;
  };
  std::vector<Frame> stack;
  for (const NodeId root : order_) {
    if (marks[index_of(root)] != Mark::fresh) continue;
    marks[index_of(root)] = Mark::open;
    stack.push_back({root, 0});
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const Node& at = node(frame.id);
      if (frame.next_input == at.inputs.size()) {
        marks[index_of(frame.id)] = Mark::done;
        sorted.push_back(frame.id);
        stack.pop_back();
        continue;
      }
      const ValueId operand = at.inputs[frame.next_input++];
      const NodeId maker = operand == kNoValue ? kNoNode : value(operand).producer;
      if (maker == kNoNode || marks[index_of(maker)] == Mark::done) continue;
      if (marks[index_of(maker)] == Mark::open)
        return invalid_argument("node '{}' ({}) is on a cycle through '{}'", node(maker).name, node(maker).op,
                                value(operand).name);
      marks[index_of(maker)] = Mark::open;
      stack.push_back({maker, 0});
    }
  }
  for (const NodeId id : sorted) order_.splice(order_.end(), order_, places_[index_of(id)]);
  renumber();
  return Status::ok();
}

}  // namespace ingot::ir
