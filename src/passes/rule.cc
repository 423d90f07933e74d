// SPDX-License-Identifier: Apache-2.0
#include "passes/rule.h"

#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "ops/infer.h"
#include "passes/match.h"

namespace ingot::passes {
namespace {

// Nodes to look at, each at most once at a time, in the order of arrival.
class Worklist {
 public:
  void push(ir::NodeId id) {
    if (waiting_.insert(id).second) queue_.push_back(id);
  }
  bool empty() const { return queue_.empty(); }
  ir::NodeId pop() {
    const ir::NodeId id = queue_.front();
    queue_.pop_front();
    waiting_.erase(id);
    return id;
  }

 private:
  std::deque<ir::NodeId> queue_;
  std::unordered_set<ir::NodeId> waiting_;
};

class Driver {
 public:
  Driver(Graph& graph, const Rules& rules, Session& session) : graph_(graph), session_(session) {
    for (const Rule& rule : rules) {
      if (!session.enabled(rule.name)) continue;
      if (rule.roots.empty()) any_.push_back(&rule);
      for (std::string_view op : rule.roots) by_op_[std::string(op)].push_back(&rule);
    }
  }

  Status run() {
    // Far above what sound rules need: every node may be rewritten a few times.
    limit_ = 1000 + 40 * static_cast<int>(graph_.node_count());
    bool changed = true;
    while (changed && !session_.stopped()) {
      changed = false;
      for (ir::NodeId id : graph_.nodes()) work_.push(id);
      while (!work_.empty() && !session_.stopped()) {
        const ir::NodeId id = work_.pop();
        if (!graph_.has(id)) continue;
        INGOT_ASSIGN_OR_RETURN(const bool fired, visit(id));
        changed |= fired;
      }
    }
    return {};
  }

 private:
  Result<bool> visit(ir::NodeId id) {
    const auto found = by_op_.find(graph_.node(id).op);
    for (const std::vector<const Rule*>* list : {found != by_op_.end() ? &found->second : nullptr, &any_}) {
      if (list == nullptr) continue;
      for (const Rule* rule : *list) {
        Match match = rule->match(graph_, graph_.node(id));
        if (!match.is_ok()) return describe(std::move(match).status(), *rule, id);
        if (!match->has_value()) continue;
        if (Status applied = apply(**match, *rule, id); !applied.is_ok())
          return describe(std::move(applied), *rule, id);
        return true;
      }
    }
    return false;
  }

  Status describe(Status status, const Rule& rule, ir::NodeId id) const {
    const std::string name = graph_.has(id) ? graph_.node(id).name : "?";
    return std::move(status).annotate(fmt::format("rule {} at node '{}'", rule.name, name));
  }

  Status apply(ir::Patch& patch, const Rule& rule, ir::NodeId root) {
    if (++applied_[rule.name] > limit_)
      return internal("the rewrites do not come to rest: the rule has fired {} times", limit_);
    const std::vector<ir::ValueId> created = patch.created();
    const auto replaced = patch.replacements();
    std::string text;
    if (session_.options.trace) text = describe_old(replaced);
    // The neighbourhood before: use counts around what dies change, and single-use rules may then match.
    push_around(root);
    for (const auto& [from, to] : replaced) {
      if (const Node* node = graph_.producer(from)) push_around(node->id);
      for (const ir::Use& use : graph_.value(from).uses) work_.push(use.node);
    }
    INGOT_RETURN_IF_ERROR(std::move(patch).apply(graph_));
    std::deque<ir::NodeId> doubtful;
    for (ir::ValueId id : created) {
      const Node* node = graph_.has(id) ? graph_.producer(id) : nullptr;
      if (node == nullptr) continue;
      doubtful.push_back(node->id);
      push_around(node->id);
      if (session_.options.trace) text += fmt::format(" {}", node->op);
    }
    for (const auto& [from, to] : replaced) {
      if (!graph_.has(to)) continue;
      for (const ir::Use& use : graph_.value(to).uses) {
        work_.push(use.node);
        doubtful.push_back(use.node);
      }
    }
    INGOT_RETURN_IF_ERROR(infer_again(std::move(doubtful)));
    session_.record(rule.name, text);
    return {};
  }

  std::string describe_old(const std::vector<std::pair<ir::ValueId, ir::ValueId>>& replaced) const {
    std::string text;
    for (const auto& [from, to] : replaced)
      if (const Node* node = graph_.producer(from)) text += fmt::format("{} '{}', ", node->op, node->name);
    if (!text.empty()) text.resize(text.size() - 2);
    return text + " ->";
  }

  // Infers the nodes again, and their users while something changes: a patch infers types from types, but in the graph
  // symbolic values count too, and an operand that became a constant can tell the shape of everything below it.
  Status infer_again(std::deque<ir::NodeId> nodes) {
    for (std::size_t steps = 0; !nodes.empty() && steps < 4 * graph_.node_count() + 64; ++steps) {
      const Node& node = graph_.node(nodes.front());
      nodes.pop_front();
      auto inferred = ops::infer(graph_, node.op, node.attrs, node.inputs, node.outputs.size(), node.subgraphs);
      if (!inferred.is_ok()) return std::move(inferred).status().annotate(fmt::format("{} '{}'", node.op, node.name));
      for (std::size_t i = 0; i < node.outputs.size() && i < inferred->size(); ++i) {
        if (node.outputs[i] == kNoValue || !update(graph_.value(node.outputs[i]), std::move((*inferred)[i]))) continue;
        for (const ir::Use& use : graph_.value(node.outputs[i]).uses) {
          nodes.push_back(use.node);
          work_.push(use.node);
        }
      }
    }
    return {};
  }

  // Takes over what is newly known; what was known stays.
  static bool update(ir::Value& value, ops::InferredOutput now) {
    bool changed = false;
    if (now.type.is_tensor() && now.type.shape) {
      SymShape shape = *now.type.shape;
      const bool comparable = value.type.shape && value.type.shape->size() == shape.size();
      for (std::size_t i = 0; comparable && i < shape.size(); ++i)
        if (!shape[i].is_constant() && (*value.type.shape)[i].is_constant()) shape[i] = (*value.type.shape)[i];
      changed = !comparable || !(shape == *value.type.shape);
      value.type.shape = std::move(shape);
    }
    if (now.symbolic_value && now.symbolic_value != value.symbolic_value) {
      value.symbolic_value = std::move(now.symbolic_value);
      changed = true;
    }
    return changed;
  }

  // The node, what feeds it and what uses it, two steps up and one down: as far as most patterns reach from their root.
  void push_around(ir::NodeId id) {
    work_.push(id);
    for (ir::ValueId value : graph_.node(id).inputs) {
      const Node* above = value != kNoValue ? graph_.producer(value) : nullptr;
      if (above == nullptr) continue;
      work_.push(above->id);
      for (ir::ValueId far : above->inputs)
        if (const Node* second = far != kNoValue ? graph_.producer(far) : nullptr) work_.push(second->id);
    }
    for (ir::ValueId value : graph_.node(id).outputs) {
      if (value == kNoValue) continue;
      for (const ir::Use& use : graph_.value(value).uses) work_.push(use.node);
    }
  }

  Graph& graph_;
  Session& session_;
  std::unordered_map<std::string, std::vector<const Rule*>> by_op_;
  std::vector<const Rule*> any_;
  std::map<std::string_view, int> applied_;
  Worklist work_;
  int limit_ = 0;
};

}  // namespace

Rules operator+(Rules a, const Rules& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Status run_rules(ir::Graph& graph, const Rules& rules, Session& session) { return Driver(graph, rules, session).run(); }

}  // namespace ingot::passes
