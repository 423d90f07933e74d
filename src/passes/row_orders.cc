// SPDX-License-Identifier: Apache-2.0
// The order of rows. Normalisation over the last axis, products with constant matrices and elementwise work treat every
// row (all axes but the last) alike, so they may run on rows in any order. Where a network permutes rows between them
// (rolls and cuts images into windows, and back; swaps batch and sequence), each such operator is given an order of its
// own so that as few rows as possible move: what remains are gathers of whole rows, several permutations in one.
//
// A region is what rows flow through: those operators, permutations, and reshapes that keep the last axis. Its values
// are rebuilt with their rows in the chosen order; what leaves the region has its own order again.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// Row i is row order[i] of something else. All orders of a region have one length, of which its rows are a multiple:
// the order repeats.
using Order = std::vector<std::int32_t>;

constexpr std::int64_t kMostRows = std::int64_t{1} << 20;

Order identity(std::size_t size) {
  Order order(size);
  std::iota(order.begin(), order.end(), 0);
  return order;
}
bool is_identity(const Order& order) { return order == identity(order.size()); }
// x[a[b[i]]].
Order compose(const Order& a, const Order& b) {
  Order order(b.size());
  for (std::size_t i = 0; i < b.size(); ++i) order[i] = a[static_cast<std::size_t>(b[i])];
  return order;
}
Order inverse(const Order& a) {
  Order order(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) order[static_cast<std::size_t>(a[i])] = static_cast<std::int32_t>(i);
  return order;
}
Order repeated(const Order& a, std::size_t size) {
  Order order(size);
  for (std::size_t i = 0; i < size; ++i)
    order[i] = static_cast<std::int32_t>(i / a.size() * a.size()) + a[i % a.size()];
  return order;
}

Dim rows_of(const SymShape& shape) {
  Dim rows(1);
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows = rows * shape[i];
  return rows;
}

// The permutation that an operator applies to rows of its first operand, or nullopt.
std::optional<Order> shuffle_of(const Graph& graph, const Node& node) {
  const SymShape* shape = node.inputs.empty() ? nullptr : shape_of(graph, node.inputs[0]);
  if (shape == nullptr || shape->size() < 3) return std::nullopt;
  const std::size_t last = shape->size() - 1;
  std::size_t first = 0;
  std::vector<Ints> places(last);  // along each axis that moves, what each index of the result reads
  Ints perm(last);
  std::iota(perm.begin(), perm.end(), 0);
  if (node.op == "Transpose") {
    const Ints all = perm_of(graph, node);
    if (all[last] != static_cast<std::int64_t>(last)) return std::nullopt;
    perm.assign(all.begin(), all.end() - 1);
    while (first < last && perm[first] == static_cast<std::int64_t>(first)) ++first;
  } else if (node.op == "Gather") {
    const int axis = normal_axis(node.attrs.get_int("axis", 0), static_cast<int>(shape->size()));
    const auto list = ints(graph, node.inputs[1]);
    if (axis < 0 || axis >= static_cast<int>(last) || !list || rank_of(graph, node.inputs[1]) != 1) return std::nullopt;
    first = static_cast<std::size_t>(axis);
    Ints sorted = *list;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); ++i)
      if (sorted[i] != static_cast<std::int64_t>(i)) return std::nullopt;
    if (!((*shape)[first] == Dim(std::ssize(*list)))) return std::nullopt;
    places[first] = *list;
  } else {
    return std::nullopt;
  }
  Ints dims;  // of the operand, from the first axis that moves
  std::int64_t count = 1;
  for (std::size_t i = first; i < last; ++i) {
    const auto extent = (*shape)[i].constant();
    if (!extent || *extent < 1 || *extent > kMostRows / count) return std::nullopt;
    count *= *extent;
    dims.push_back(*extent);
  }
  Ints strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  Order order(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t rest = i, from = 0;
    for (std::size_t d = dims.size(); d-- > 0;) {
      const auto axis = static_cast<std::size_t>(perm[first + d]) - first;
      std::int64_t at = rest % dims[axis];
      rest /= dims[axis];
      if (const Ints& list = places[first + axis]; !list.empty()) at = list[static_cast<std::size_t>(at)];
      from += at * strides[axis];
    }
    order[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(from);
  }
  return order;
}

bool keeps_rows(const Graph& graph, const Node& node) {
  if (node.op != "Reshape") return false;
  const SymShape* from = shape_of(graph, node.inputs[0]);
  const SymShape* to = shape_of(graph, node.outputs[0]);
  return from != nullptr && to != nullptr && from->size() >= 2 && to->size() >= 2 && from->back() == to->back() &&
         rows_of(*from) == rows_of(*to);
}

bool is_one_row(const Graph& graph, ValueId value) {
  const SymShape* shape = shape_of(graph, value);
  return shape != nullptr && (shape->empty() || rows_of(*shape) == Dim(1));
}

// The operands of an operator that treats rows alike which are rows themselves; empty for any other operator.
std::vector<std::size_t> row_operands(const Graph& graph, const Node& node) {
  const SymShape* out = node.outputs.empty() ? nullptr : shape_of(graph, node.outputs[0]);
  if (out == nullptr || out->size() < 2 || node.attrs.has("epilogue") || rows_of(*out) == Dim(1)) return {};
  for (std::size_t i = 1; i < node.outputs.size(); ++i)
    if (node.outputs[i] != kNoValue) return {};
  std::vector<std::size_t> found;
  if (node.op == "LayerNormalization" || node.op == "RMSNormalization") {
    if (normal_axis(node.attrs.get_int("axis", -1), static_cast<int>(out->size())) != std::ssize(*out) - 1) return {};
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
      if (node.inputs[i] != kNoValue && rank_of(graph, node.inputs[i]) != 1) return {};
    found.push_back(0);
  } else if (node.op == "MatMul") {
    if (graph.constant(node.inputs[1]) == nullptr || rank_of(graph, node.inputs[1]) != 2 ||
        node.attrs.get_int("transA", 0) != 0 || node.attrs.has("exact"))
      return {};
    found.push_back(0);
  } else if (node.op == "Pointwise") {
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (!is_one_row(graph, node.inputs[i])) found.push_back(i);
  }
  for (const std::size_t i : found) {
    const SymShape* shape = shape_of(graph, node.inputs[i]);
    if (shape == nullptr || shape->size() != out->size() || !std::equal(shape->begin(), shape->end() - 1, out->begin()))
      return {};
  }
  return found;
}

struct Ref {
  ValueId base = kNoValue;  // made by an operator of the region, or from outside
  Order order;              // row i is row order[i] of the base
};
struct Step {
  ir::NodeId node;
  std::vector<std::size_t> operands;
};
struct Region {
  std::size_t period = 1;
  std::vector<Step> steps;  // in order
  std::vector<std::pair<ir::NodeId, Order>> shuffles;
  std::map<ValueId, Ref> refs;
  std::set<ir::NodeId> nodes;
  std::vector<ValueId> exits;  // used outside
};

std::int64_t columns_of(const Graph& graph, ValueId value) {
  return shape_of(graph, value)->back().constant().value_or(1);
}

class Planner {
 public:
  Planner(const Graph& graph, const Region& region) : graph_(graph), region_(region) {}

  // The patch, when it moves less than the graph does now.
  Match run() {
    make_wishes();
    choose();
    std::int64_t now = 0, then = 0;
    for (const auto& [node, order] : region_.shuffles)
      if (!is_identity(order)) now += columns_of(graph_, graph_.node(node).outputs[0]);
    for (const auto& [base, orders] : moved_) then += columns_of(graph_, base) * std::ssize(orders);
    if (then >= now) return no_match();
    return rebuild_all();
  }

 private:
  [[nodiscard]] Order order_of(ValueId base) const {
    const auto found = orders_.find(base);
    return found == orders_.end() ? identity(region_.period) : found->second;
  }
  [[nodiscard]] const Ref& operand(const Node& node, std::size_t i) const { return region_.refs.at(node.inputs[i]); }

  // The order in which all users want a value, where they agree.
  void make_wishes() {
    std::set<ValueId> torn;
    const auto want = [&](ValueId base, const Order* order) {
      const auto found = wishes_.find(base);
      if (order == nullptr || torn.contains(base) || (found != wishes_.end() && found->second != *order)) {
        torn.insert(base);
        wishes_.erase(base);
      } else {
        wishes_.emplace(base, *order);
      }
    };
    for (const ValueId value : region_.exits) {
      const Ref& ref = region_.refs.at(value);
      want(ref.base, &ref.order);
    }
    for (auto step = region_.steps.rbegin(); step != region_.steps.rend(); ++step) {
      const Node& node = graph_.node(step->node);
      const auto wish = wishes_.find(node.outputs[0]);
      for (const std::size_t i : step->operands) {
        const Ref& ref = operand(node, i);
        if (wish == wishes_.end()) {
          want(ref.base, nullptr);
        } else {
          const Order order = compose(ref.order, wish->second);
          want(ref.base, &order);
        }
      }
    }
  }

  // How the stored rows of an operand must be gathered for a result in `order`.
  [[nodiscard]] Order gather_for(const Ref& ref, const Order& order) const {
    return compose(inverse(order_of(ref.base)), compose(ref.order, order));
  }

  [[nodiscard]] std::int64_t cost(const Step& step, const Order& order) const {
    const Node& node = graph_.node(step.node);
    std::int64_t sum = 0;
    for (const std::size_t i : step.operands) {
      const Ref& ref = operand(node, i);
      const Order move = gather_for(ref, order);
      const auto found = moved_.find(ref.base);
      if (!is_identity(move) && (found == moved_.end() || !found->second.contains(move)))
        sum += columns_of(graph_, ref.base);
    }
    const auto wish = wishes_.find(node.outputs[0]);
    if (wish != wishes_.end() && wish->second != order) sum += columns_of(graph_, node.outputs[0]);
    return sum;
  }

  void note_move(const Ref& ref, const Order& order) {
    const Order move = gather_for(ref, order);
    if (!is_identity(move)) moved_[ref.base].insert(move);
  }

  void choose() {
    for (const Step& step : region_.steps) {
      const Node& node = graph_.node(step.node);
      std::vector<Order> candidates;
      for (const std::size_t i : step.operands) {
        const Ref& ref = operand(node, i);
        candidates.push_back(compose(inverse(ref.order), order_of(ref.base)));
      }
      // Of equals the first is taken: what only this operator reads moves as late as possible, what others read too is
      // moved for all of them.
      const bool shared =
          step.operands.size() > 1 || graph_.value(operand(node, step.operands[0]).base).uses.size() > 1;
      if (const auto wish = wishes_.find(node.outputs[0]); wish != wishes_.end())
        candidates.insert(shared ? candidates.begin() : candidates.end(), wish->second);
      const auto best = std::min_element(candidates.begin(), candidates.end(),
                                         [&](const Order& a, const Order& b) { return cost(step, a) < cost(step, b); });
      for (const std::size_t i : step.operands) note_move(operand(node, i), *best);
      orders_[node.outputs[0]] = *best;
    }
    for (const ValueId value : region_.exits) note_move(region_.refs.at(value), identity(region_.period));
  }

  // ---- the new nodes: every value has the leading axes of the first one ----
  [[nodiscard]] SymShape shape_with(const Dim& columns) const {
    SymShape shape = leading_;
    shape.push_back(columns);
    return shape;
  }

  Result<ValueId> stored(ir::Patch& patch, ValueId base, ir::NodeId origin) {
    if (const auto found = made_.find(base); found != made_.end()) return found->second;
    INGOT_ASSIGN_OR_RETURN(made_[base], reshape(patch, base, shape_with(shape_of(graph_, base)->back()), origin));
    return made_[base];
  }

  // The rows of a reference for a result in `order`.
  Result<ValueId> arranged(ir::Patch& patch, const Ref& ref, const Order& order, ir::NodeId origin) {
    INGOT_ASSIGN_OR_RETURN(const ValueId rows, stored(patch, ref.base, origin));
    const Order move = gather_for(ref, order);
    if (is_identity(move)) return rows;
    const auto key = std::pair(ref.base, move);
    if (const auto found = gathered_.find(key); found != gathered_.end()) return found->second;
    auto list = lists_.find(move);
    if (list == lists_.end()) list = lists_.emplace(move, int_constant(patch, Ints(move.begin(), move.end()))).first;
    const Dim period(static_cast<std::int64_t>(region_.period)), columns = shape_of(graph_, ref.base)->back();
    const SymShape cut{floor_div(rows_of(shape_with(columns)), period), period, columns};
    INGOT_ASSIGN_OR_RETURN(ValueId y, reshape(patch, rows, cut, origin));
    INGOT_ASSIGN_OR_RETURN(y, patch.add("Gather", {y, list->second}, Attrs{{"axis", std::int64_t{1}}}, origin));
    INGOT_ASSIGN_OR_RETURN(y, reshape(patch, y, shape_with(columns), origin));
    gathered_[key] = y;
    return y;
  }

  Match rebuild_all() {
    const SymShape& first = *shape_of(graph_, graph_.node(region_.steps.front().node).outputs[0]);
    leading_.assign(first.begin(), first.end() - 1);
    if (!is_reshape_target(graph_, leading_)) return no_match();
    ir::Patch patch = new_patch(graph_, "order_rows");
    for (const Step& step : region_.steps) {
      const Node& node = graph_.node(step.node);
      std::vector<ValueId> operands = node.inputs;
      for (ValueId& value : operands)
        if (value != kNoValue && rank_of(graph_, value) > 1 && is_one_row(graph_, value)) {
          INGOT_ASSIGN_OR_RETURN(value, reshape(patch, value, {shape_of(graph_, value)->back()}, node.id));
        }
      for (const std::size_t i : step.operands) {
        INGOT_ASSIGN_OR_RETURN(operands[i], arranged(patch, operand(node, i), orders_.at(node.outputs[0]), node.id));
      }
      Attrs attrs = node.attrs;
      if (attrs.has("axis")) attrs.set("axis", std::int64_t{-1});
      INGOT_ASSIGN_OR_RETURN(made_[node.outputs[0]], rebuild(patch, node, operands, attrs));
    }
    for (const ValueId value : region_.exits) {
      const ir::NodeId origin = graph_.value(value).producer;
      INGOT_ASSIGN_OR_RETURN(ValueId y, arranged(patch, region_.refs.at(value), identity(region_.period), origin));
      INGOT_ASSIGN_OR_RETURN(y, reshape(patch, y, *shape_of(graph_, value), origin));
      // A name of the network stays with a node of its own.
      if (graph_.is_output(value) && std::find(ends_.begin(), ends_.end(), y) != ends_.end()) return no_match();
      ends_.push_back(y);
      patch.replace(value, y);
    }
    return std::optional<ir::Patch>(std::move(patch));
  }

  const Graph& graph_;
  const Region& region_;
  std::map<ValueId, Order> wishes_, orders_;
  std::map<ValueId, std::set<Order>> moved_;
  SymShape leading_;
  std::map<ValueId, ValueId> made_;
  std::map<std::pair<ValueId, Order>, ValueId> gathered_;
  std::map<Order, ValueId> lists_;
  std::vector<ValueId> ends_;
};

class Regions {
 public:
  explicit Regions(const Graph& graph) : graph_(graph) {
    for (const ir::NodeId id : graph.nodes()) {
      const Node& node = graph.node(id);
      if (auto order = shuffle_of(graph, node)) {
        join(node.inputs[0], node.outputs[0]);
        shuffles_.emplace(id, std::move(*order));
      } else if (keeps_rows(graph, node)) {
        join(node.inputs[0], node.outputs[0]);
        views_.insert(id);
      } else if (auto operands = row_operands(graph, node); !operands.empty()) {
        for (const std::size_t i : operands) join(node.inputs[i], node.outputs[0]);
        steps_.emplace(id, std::move(operands));
      }
    }
  }

  // Regions in which rows move, and operators treat them alike.
  std::vector<Region> find() {
    std::map<ValueId, Region> regions;
    for (const auto& [id, order] : shuffles_) {
      Region& region = regions[root(graph_.node(id).outputs[0])];
      region.period = std::max(region.period, order.size());
    }
    for (const ir::NodeId id : graph_.nodes()) {
      const Node& node = graph_.node(id);
      if (node.outputs.empty() || !parents_.contains(node.outputs[0])) continue;
      const auto found = regions.find(root(node.outputs[0]));
      if (found != regions.end()) add(found->second, node);
    }
    std::vector<Region> out;
    for (auto& [key, region] : regions) {
      const auto whole = [period = region.period](const auto& shuffle) { return shuffle.second.size() == period; };
      const bool fits = std::all_of(region.shuffles.begin(), region.shuffles.end(), whole);
      if (!fits || region.steps.empty()) continue;
      for (const auto& [value, ref] : region.refs)
        if (graph_.value(value).producer != ir::kNoNode && region.nodes.contains(graph_.value(value).producer) &&
            leaves(region, value))
          region.exits.push_back(value);
      out.push_back(std::move(region));
    }
    return out;
  }

 private:
  ValueId root(ValueId value) {
    parents_.emplace(value, value);
    while (parents_[value] != value) value = parents_[value] = parents_[parents_[value]];
    return value;
  }
  void join(ValueId a, ValueId b) { parents_[root(a)] = root(b); }

  const Ref& ref_of(Region& region, ValueId value) {
    return region.refs.try_emplace(value, Ref{value, identity(region.period)}).first->second;
  }

  // Orders that do not divide the period are left short, which find() refuses.
  void add(Region& region, const Node& node) {
    if (const auto shuffle = shuffles_.find(node.id); shuffle != shuffles_.end()) {
      Order order = shuffle->second;
      if (region.period % order.size() == 0) order = repeated(order, region.period);
      const Ref from = ref_of(region, node.inputs[0]);
      region.refs[node.outputs[0]] = order.size() == region.period ? Ref{from.base, compose(from.order, order)} : from;
      region.shuffles.emplace_back(node.id, std::move(order));
    } else if (views_.contains(node.id)) {
      const Ref from = ref_of(region, node.inputs[0]);
      region.refs[node.outputs[0]] = from;
    } else if (const auto step = steps_.find(node.id); step != steps_.end()) {
      for (const std::size_t i : step->second) ref_of(region, node.inputs[i]);
      ref_of(region, node.outputs[0]);
      region.steps.push_back({node.id, step->second});
    } else {
      return;  // makes a value that flows in
    }
    region.nodes.insert(node.id);
  }

  [[nodiscard]] bool leaves(const Region& region, ValueId value) const {
    const auto& uses = graph_.value(value).uses;
    return graph_.is_output(value) ||
           std::any_of(uses.begin(), uses.end(), [&](const ir::Use& use) { return !region.nodes.contains(use.node); });
  }

  const Graph& graph_;
  std::map<ValueId, ValueId> parents_;
  std::map<ir::NodeId, Order> shuffles_;
  std::set<ir::NodeId> views_;
  std::map<ir::NodeId, std::vector<std::size_t>> steps_;
};

// Applies the first patch that there is.
Result<bool> improve_one(ir::Graph& graph, Session& session) {
  for (const Region& region : Regions(graph).find()) {
    INGOT_ASSIGN_OR_RETURN(std::optional<ir::Patch> patch, Planner(graph, region).run());
    if (!patch) continue;
    const std::string name = graph.node(region.steps.front().node).name;
    INGOT_RETURN_IF_ERROR(std::move(*patch).apply(graph));
    session.record("order_rows", name);
    return true;
  }
  return false;
}

}  // namespace

Status order_rows(ir::Graph& graph, Session& session) {
  while (!session.stopped()) {
    INGOT_ASSIGN_OR_RETURN(const bool improved, improve_one(graph, session));
    if (!improved) break;
  }
  return {};
}

}  // namespace ingot::passes
