// SPDX-License-Identifier: Apache-2.0
#include "verify/decisions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "expr/expr.h"
#include "ops/moving.h"
#include "reference/copy.h"

namespace ingot::verify {
namespace {

using ir::ValueId;

constexpr auto kDeciding = std::to_array<std::string_view>({
    "Equal",
    "Less",
    "LessOrEqual",
    "Greater",
    "GreaterOrEqual",
    "ArgMax",
    "ArgMin",
    "TopK",
    "NonMaxSuppression",
    "NonZero",
    "Unique",
    "Hardmax",
    "Sign",
    "Floor",
    "Ceil",
    "Round",
    "Mod",
    "QuantizeLinear",
    "DynamicQuantizeLinear",
});
// They pass on some of their operands' numbers as they are (or with another sign), so what is decided on is what they
// take. So do the operators that only move elements.
constexpr auto kPassing = std::to_array<std::string_view>({
    "MaxPool",
    "GlobalMaxPool",
    "ReduceMax",
    "ReduceMin",
    "Max",
    "Min",
    "Clip",
    "Relu",
    "Abs",
    "Neg",
    "TopK",
    "Where",
    "GatherND",
    "GatherElements",
});

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool decides(const ExprInstr& instr, const Expr& expr) {
  if (instr.op == ExprOp::kCast) return is_float(expr.type_of(instr.args[0])) && !is_float(instr.type);
  return class_of(instr.op) == 'c' || instr.op == ExprOp::k_floor || instr.op == ExprOp::k_ceil ||
         instr.op == ExprOp::k_round || instr.op == ExprOp::k_sign || instr.op == ExprOp::k_mod;
}

// By itself, or by the expression that it holds.
bool decides(const ir::Graph& graph, const ir::Node& node) {
  if (contains(kDeciding, node.op)) return true;
  const ValueId first = node.inputs.empty() ? ir::kNoValue : node.inputs[0];
  if (node.op == "Cast" && first != ir::kNoValue)
    return is_float(graph.value(first).type.dtype) && !is_float(graph.value(node.outputs[0]).type.dtype);
  if (node.op == "MaxPool" && node.outputs.size() > 1) return true;  // the places of the largest
  const auto expr = Expr::parse(node.attrs.get_string(node.op == "Pointwise" ? "expr" : "epilogue", ""));
  return expr.is_ok() && std::ranges::any_of(expr->instrs(), [&](const ExprInstr& i) { return decides(i, *expr); });
}

// The floating-point values that decisions of the graph are taken on.
class Frontier {
 public:
  explicit Frontier(const ir::Graph& graph) : graph_(graph) {
    for (const ir::NodeId id : graph.nodes())
      if (decides(graph, graph.node(id)))
        for (const ValueId input : graph.node(id).inputs) add(input);
  }
  [[nodiscard]] bool contains_value(ValueId id) const { return values_.contains(id); }

 private:
  void add(ValueId id) {
    std::vector<ValueId> open{id};
    while (!open.empty()) {
      const ValueId next = open.back();
      open.pop_back();
      if (next == ir::kNoValue || !seen_.insert(next).second) continue;
      const ir::Node* node = graph_.producer(next);
      if (node == nullptr || !graph_.value(next).type.is_tensor() || !is_float(graph_.value(next).type.dtype)) continue;
      if ((contains(kPassing, node->op) || ops::only_moves(node->op)) && !node->attrs.has("epilogue")) {
        open.insert(open.end(), node->inputs.begin(), node->inputs.end());
      } else {
        values_.insert(next);
      }
    }
  }

  const ir::Graph& graph_;
  std::unordered_set<ValueId> seen_, values_;
};

// A tensor as seen with its dimensions in another order.
struct View {
  const HostTensor* tensor;
  std::vector<std::size_t> order;
  Shape strides;
};

// max |view - reference|, or nothing once it exceeds `limit`.
std::optional<double> largest_error(const View& view, const HostTensor& reference, double limit) {
  const Shape& shape = reference.shape();
  Shape index(shape.size(), 0);
  std::int64_t from = 0;
  double largest = 0;
  for (std::int64_t i = 0; i < reference.elements(); ++i) {
    const double a = view.tensor->as_double(from), b = reference.as_double(i);
    const bool same = a == b || (std::isnan(a) && std::isnan(b));
    if (!same && !(std::abs(a - b) <= limit)) return std::nullopt;
    if (!same) largest = std::max(largest, std::abs(a - b));
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      from += view.strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= view.strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return largest;
}

double root_mean_square(const HostTensor& tensor) {
  double squares = 0;
  for (std::int64_t i = 0; i < tensor.elements(); ++i)
    if (const double value = tensor.as_double(i); std::isfinite(value)) squares += value * value;
  return tensor.elements() == 0 ? 0 : std::sqrt(squares / static_cast<double>(tensor.elements()));
}

struct Match {
  View view;
  std::size_t which = 0;
  double error = 0;
};

// The nearest computed tensor that lies within `limit`.
std::optional<Match> find_witness(const HostTensor& reference, const std::vector<NamedTensor>& computed, double limit) {
  constexpr std::size_t kMaxRank = 5;  // all orders of dimensions are tried
  std::optional<Match> best;
  for (std::size_t which = 0; which < computed.size(); ++which) {
    const HostTensor& tensor = computed[which].second;
    const std::size_t rank = tensor.shape().size();
    if (tensor.dtype() != reference.dtype() || rank != reference.shape().size() || rank > kMaxRank ||
        tensor.elements() != reference.elements())
      continue;
    Shape strides(rank, 1);
    for (std::size_t axis = rank; axis-- > 1;) strides[axis - 1] = strides[axis] * tensor.shape()[axis];
    std::vector<std::size_t> order(rank);
    std::iota(order.begin(), order.end(), std::size_t{0});
    do {
      View view{&tensor, order, Shape(rank)};
      bool fits = true;
      for (std::size_t axis = 0; axis < rank; ++axis) {
        fits = fits && tensor.shape()[order[axis]] == reference.shape()[axis];
        view.strides[axis] = strides[order[axis]];
      }
      if (!fits) continue;
      const auto error = largest_error(view, reference, best ? best->error : limit);
      if (error && (!best || *error < best->error)) best = Match{view, which, *error};
    } while (std::next_permutation(order.begin(), order.end()));
  }
  return best;
}

}  // namespace

Revise with_own_numbers(const ir::Graph& graph, const std::vector<NamedTensor>& computed, double tolerance,
                        std::vector<Witness>& witnesses) {
  return [&, frontier = Frontier(graph), tolerance](const ir::Value& value, TensorPtr tensor) {
    if (!frontier.contains_value(value.id)) return tensor;
    const double rms = root_mean_square(*tensor);
    const auto match = find_witness(*tensor, computed, rms > 0 ? tolerance * rms : tolerance);
    if (!match) return tensor;
    auto own = reference::transpose(*match->view.tensor, match->view.order);
    if (!own.is_ok()) return tensor;
    witnesses.push_back({value.name, computed[match->which].first, rms > 0 ? match->error / rms : match->error});
    return share(*std::move(own));
  };
}

}  // namespace ingot::verify
