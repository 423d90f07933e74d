// SPDX-License-Identifier: Apache-2.0
#include "passes/match.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ingot::passes {

ValueId input(const Node& node, std::size_t i) { return i < node.inputs.size() ? node.inputs[i] : kNoValue; }

const Node* producer(const Graph& graph, ValueId value, std::string_view op) {
  if (value == kNoValue) return nullptr;
  const Node* node = graph.producer(value);
  return node != nullptr && node->op == op ? node : nullptr;
}

bool used_once(const Graph& graph, ValueId value) {
  return graph.value(value).uses.size() == 1 && !graph.is_output(value);
}

const Node* sole_producer(const Graph& graph, ValueId value, std::string_view op) {
  const Node* node = producer(graph, value, op);
  return node != nullptr && used_once(graph, value) ? node : nullptr;
}

const Node* sole_user(const Graph& graph, ValueId value) {
  return used_once(graph, value) ? &graph.node(graph.value(value).uses[0].node) : nullptr;
}

const SymShape* shape_of(const Graph& graph, ValueId value) {
  if (value == kNoValue) return nullptr;
  const ir::Type& type = graph.value(value).type;
  return type.is_tensor() && type.shape ? &*type.shape : nullptr;
}

int rank_of(const Graph& graph, ValueId value) {
  const SymShape* shape = shape_of(graph, value);
  return shape != nullptr ? static_cast<int>(shape->size()) : -1;
}

DType dtype_of(const Graph& graph, ValueId value) { return graph.value(value).type.dtype; }

bool same_shape(const Graph& graph, ValueId a, ValueId b) {
  const SymShape* first = shape_of(graph, a);
  const SymShape* second = shape_of(graph, b);
  return first != nullptr && second != nullptr && *first == *second;
}

bool is_single_element(const SymShape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](const Dim& dim) { return dim == Dim(1); });
}

bool is_bound(const Graph& graph, const SymShape& dims) {
  std::vector<std::string> wanted, known;
  for (const Dim& dim : dims) dim.collect_symbols(wanted);
  if (wanted.empty()) return true;
  for (ValueId value : graph.inputs())
    if (const SymShape* shape = shape_of(graph, value))
      for (const Dim& dim : *shape) dim.collect_symbols(known);
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& symbol) {
    return std::find(known.begin(), known.end(), symbol) != known.end();
  });
}

bool is_reshape_target(const Graph& graph, const SymShape& shape) {
  const auto symbols = std::count_if(shape.begin(), shape.end(), [](const Dim& dim) { return !dim.is_constant(); });
  const bool has_zero = std::find(shape.begin(), shape.end(), Dim(0)) != shape.end();
  return symbols == 0 || (symbols == 1 && !has_zero) || is_bound(graph, shape);
}

std::optional<double> scalar(const Graph& graph, ValueId value) {
  if (value == kNoValue) return std::nullopt;
  const HostTensor* tensor = graph.constant(value);
  if (tensor == nullptr || tensor->elements() != 1) return std::nullopt;
  const char kind = kind_of(tensor->dtype());
  if (kind == 's' || kind == 'c') return std::nullopt;
  return tensor->as_double(0);
}

bool is_scalar(const Graph& graph, ValueId value, double expected) {
  const std::optional<double> number = scalar(graph, value);
  return number && std::abs(*number - expected) <= 1e-5 * std::max(std::abs(expected), 1e-30);
}

std::optional<double> splat(const Graph& graph, ValueId value) {
  if (value == kNoValue) return std::nullopt;
  const HostTensor* tensor = graph.constant(value);
  if (tensor == nullptr || tensor->elements() < 1) return std::nullopt;
  const char kind = kind_of(tensor->dtype());
  if (kind == 's' || kind == 'c') return std::nullopt;
  const double first = tensor->as_double(0);
  for (std::int64_t i = 1; i < tensor->elements(); ++i)
    if (tensor->as_double(i) != first) return std::nullopt;
  return first;
}

std::optional<Ints> ints(const Graph& graph, ValueId value) {
  if (value == kNoValue) return std::nullopt;
  const HostTensor* tensor = graph.constant(value);
  if (tensor == nullptr || tensor->elements() > 64 || !is_integer(tensor->dtype())) return std::nullopt;
  Ints values;
  for (std::int64_t i = 0; i < tensor->elements(); ++i) values.push_back(tensor->as_int(i));
  return values;
}

std::optional<ScalarOperand> scalar_operand(const Graph& graph, const Node& node) {
  if (node.inputs.size() != 2) return std::nullopt;
  for (std::size_t i : {std::size_t{1}, std::size_t{0}})
    if (const auto number = scalar(graph, node.inputs[i])) return ScalarOperand{*number, node.inputs[1 - i]};
  return std::nullopt;
}

ValueId other_operand(const Node& node, ValueId value) {
  if (node.inputs.size() != 2) return kNoValue;
  if (node.inputs[0] == value) return node.inputs[1];
  return node.inputs[1] == value ? node.inputs[0] : kNoValue;
}

int normal_axis(std::int64_t axis, int rank) {
  if (axis < 0) axis += rank;
  return axis >= 0 && axis < rank ? static_cast<int>(axis) : -1;
}

std::optional<Ints> axes_of(const Graph& graph, const Node& node, std::size_t index, int rank) {
  std::optional<Ints> axes;
  if (const ValueId operand = input(node, index); operand != kNoValue) {
    axes = ints(graph, operand);
    if (!axes) return std::nullopt;
  } else if (node.attrs.has("axes")) {
    axes = node.attrs.get_ints("axes", {});
  }
  if (!axes || axes->empty()) {
    if (node.attrs.get_int("noop_with_empty_axes", 0) != 0) return Ints{};
    axes.emplace(static_cast<std::size_t>(std::max(rank, 0)));
    std::iota(axes->begin(), axes->end(), 0);
    return axes;
  }
  for (std::int64_t& axis : *axes) {
    axis = normal_axis(axis, rank);
    if (axis < 0) return std::nullopt;
  }
  std::sort(axes->begin(), axes->end());
  return axes;
}

std::optional<AxisPart> axis_part(const Graph& graph, ValueId value, int axis) {
  const Node* node = graph.producer(value);
  if (node == nullptr || (node->op != "Slice" && node->op != "Split")) return std::nullopt;
  const SymShape* shape = shape_of(graph, node->inputs[0]);
  if (shape == nullptr || axis < 0 || axis >= std::ssize(*shape)) return std::nullopt;
  const int rank = static_cast<int>(shape->size());
  const std::optional<std::int64_t> size = (*shape)[static_cast<std::size_t>(axis)].constant();
  if (!size) return std::nullopt;
  AxisPart part{.from = node->inputs[0]};
  if (node->op == "Split") {
    if (normal_axis(node->attrs.get_int("axis", 0), rank) != axis) return std::nullopt;
    for (const ValueId output : node->outputs) {
      const SymShape* held = output == kNoValue ? nullptr : shape_of(graph, output);
      if (held == nullptr || held->size() != shape->size()) return std::nullopt;
      const auto length = (*held)[static_cast<std::size_t>(axis)].constant();
      if (!length) return std::nullopt;
      part.last = part.first + *length;
      if (output == value) break;
      part.first = part.last;
    }
  } else {
    const auto starts = ints(graph, input(*node, 1)), ends = ints(graph, input(*node, 2));
    if (!starts || !ends || starts->size() != 1 || ends->size() != 1) return std::nullopt;
    std::int64_t along = 0;
    if (input(*node, 3) != kNoValue) {
      const auto axes = ints(graph, input(*node, 3));
      if (!axes || axes->size() != 1) return std::nullopt;
      along = (*axes)[0];
    }
    if (input(*node, 4) != kNoValue) {
      const auto steps = ints(graph, input(*node, 4));
      if (!steps || *steps != Ints{1}) return std::nullopt;
    }
    if (normal_axis(along, rank) != axis) return std::nullopt;
    const auto clamped = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + *size : at, 0, *size); };
    part.first = clamped((*starts)[0]);
    part.last = clamped((*ends)[0]);
  }
  if (part.first >= part.last || part.last > *size) return std::nullopt;
  return part;
}

Ints perm_of(const Graph& graph, const Node& transpose) {
  if (transpose.attrs.has("perm")) return transpose.attrs.get_ints("perm", {});
  Ints perm(static_cast<std::size_t>(std::max(rank_of(graph, transpose.inputs[0]), 0)));
  std::iota(perm.rbegin(), perm.rend(), 0);
  return perm;
}

bool is_identity_perm(const Ints& perm) {
  for (std::size_t i = 0; i < perm.size(); ++i)
    if (perm[i] != static_cast<std::int64_t>(i)) return false;
  return true;
}

Ints inverse_perm(const Ints& perm) {
  Ints inverse(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i)
    inverse[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  return inverse;
}

Ints compose_perms(const Ints& first, const Ints& second) {
  Ints result;
  for (std::int64_t axis : second) result.push_back(first[static_cast<std::size_t>(axis)]);
  return result;
}

bool is_layout_perm(const Ints& perm) {
  const auto rank = static_cast<std::int64_t>(perm.size());
  if (rank < 3 || perm[0] != 0 || perm[1] != rank - 1) return false;
  for (std::size_t i = 2; i < perm.size(); ++i)
    if (perm[i] != static_cast<std::int64_t>(i) - 1) return false;
  return true;
}

SymShape permuted(const SymShape& shape, const Ints& perm) {
  SymShape result;
  for (std::int64_t axis : perm) result.push_back(shape[static_cast<std::size_t>(axis)]);
  return result;
}

std::optional<Expr> expression_of(const Graph& graph, const Node& node) {
  const ops::OpDef* def = ops::find_op(node.op);
  if (def == nullptr || def->expression == nullptr || node.outputs.size() != 1) return std::nullopt;
  std::vector<DType> in, out;
  for (ValueId value : node.inputs) {
    if (value != kNoValue && !graph.value(value).type.is_tensor()) return std::nullopt;
    in.push_back(value == kNoValue ? DType::undefined : dtype_of(graph, value));
  }
  out.push_back(dtype_of(graph, node.outputs[0]));
  return def->expression(node.attrs, in, out);
}

std::vector<ValueId> present_operands(const Node& node) {
  std::vector<ValueId> operands;
  std::copy_if(node.inputs.begin(), node.inputs.end(), std::back_inserter(operands),
               [](ValueId value) { return value != kNoValue; });
  return operands;
}

bool is_pointwise(const Graph& graph, const Node& node) { return expression_of(graph, node).has_value(); }

}  // namespace ingot::passes
