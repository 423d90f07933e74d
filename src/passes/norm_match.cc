// SPDX-License-Identifier: Apache-2.0
#include "passes/norm_match.h"

namespace ingot::passes {
namespace {

// v and eps of Add(v, eps); v alone with eps 0 otherwise.
bool split_epsilon(const Graph& graph, ValueId value, DividedByRoot& found) {
  if (const Node* sum = producer(graph, value, "Add")) {
    if (const auto epsilon = scalar_operand(graph, *sum)) {
      found.variance = epsilon->other;
      found.epsilon = epsilon->value;
      return true;
    }
  }
  return false;
}

// value = sqrt(v + eps)
bool is_root(const Graph& graph, ValueId value, DividedByRoot& found) {
  if (const Node* root = producer(graph, value, "Sqrt")) return split_epsilon(graph, root->inputs[0], found);
  const Node* power = producer(graph, value, "Pow");
  return power != nullptr && is_scalar(graph, power->inputs[1], 0.5) && split_epsilon(graph, power->inputs[0], found);
}

// value = 1 / sqrt(v + eps)
bool is_reciprocal_root(const Graph& graph, ValueId value, DividedByRoot& found) {
  if (const Node* node = producer(graph, value, "Reciprocal")) return is_root(graph, node->inputs[0], found);
  if (const Node* node = producer(graph, value, "Div"))
    return is_scalar(graph, node->inputs[0], 1.0) && is_root(graph, node->inputs[1], found);
  const Node* power = producer(graph, value, "Pow");
  return power != nullptr && is_scalar(graph, power->inputs[1], -0.5) && split_epsilon(graph, power->inputs[0], found);
}

}  // namespace

std::optional<DividedByRoot> divided_by_root(const Graph& graph, const Node& root) {
  DividedByRoot found;
  if (root.op == "Div" && is_root(graph, root.inputs[1], found)) {
    found.numerator = root.inputs[0];
    return found;
  }
  if (root.op != "Mul") return std::nullopt;
  for (std::size_t i : {std::size_t{1}, std::size_t{0}}) {
    if (!is_reciprocal_root(graph, root.inputs[i], found)) continue;
    found.numerator = root.inputs[1 - i];
    return found;
  }
  return std::nullopt;
}

std::optional<TrailingMean> trailing_mean(const Graph& graph, ValueId value) {
  const Node* mean = producer(graph, value, "ReduceMean");
  if (mean == nullptr || mean->attrs.has("epilogue") || mean->attrs.get_int("keepdims", 1) == 0) return std::nullopt;
  const int rank = rank_of(graph, mean->inputs[0]);
  const auto axes = rank > 0 ? axes_of(graph, *mean, 1, rank) : std::nullopt;
  if (!axes || axes->empty()) return std::nullopt;
  for (std::size_t i = 0; i < axes->size(); ++i)
    if ((*axes)[i] != rank - static_cast<std::int64_t>(axes->size() - i)) return std::nullopt;
  return TrailingMean{mean->inputs[0], static_cast<int>(axes->size())};
}

ValueId squared(const Graph& graph, ValueId value) {
  if (const Node* power = producer(graph, value, "Pow"); power != nullptr && is_scalar(graph, power->inputs[1], 2.0))
    return power->inputs[0];
  const Node* product = producer(graph, value, "Mul");
  return product != nullptr && product->inputs[0] == product->inputs[1] ? product->inputs[0] : kNoValue;
}

std::optional<Shape> trailing_extents(const Graph& graph, ValueId value, int axes) {
  const SymShape* shape = shape_of(graph, value);
  if (shape == nullptr || static_cast<int>(shape->size()) < axes) return std::nullopt;
  return concrete(SymShape(shape->end() - axes, shape->end()));
}

Result<ValueId> ones(ir::Patch& patch, DType dtype, const Shape& shape) {
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, shape));
  for (std::int64_t i = 0; i < tensor.elements(); ++i) tensor.set_double(i, 1.0);
  return patch.add_constant("", share(std::move(tensor)));
}

std::optional<Affine> affine_of(const Graph& graph, const Node& root, std::string_view norm) {
  for (std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const Node* node = sole_producer(graph, root.inputs[i], norm);
    if (node == nullptr || node->attrs.has("epilogue") || !same_shape(graph, root.inputs[i], root.outputs[0])) continue;
    const int rank = rank_of(graph, node->inputs[0]);
    const int axis = normal_axis(node->attrs.get_int("axis", -1), rank);
    const auto extents = axis < 0 ? std::nullopt : trailing_extents(graph, node->inputs[0], rank - axis);
    const ValueId operand = root.inputs[1 - i];
    const SymShape* shape = shape_of(graph, operand);
    if (!extents || shape == nullptr || dtype_of(graph, operand) != dtype_of(graph, node->inputs[0])) continue;
    // Leading units, then exactly the normalised extents.
    if (shape->size() < extents->size()) continue;
    const auto split = shape->end() - static_cast<std::ptrdiff_t>(extents->size());
    if (!is_single_element(SymShape(shape->begin(), split)) || !(SymShape(split, shape->end()) == symbolic(*extents)))
      continue;
    return Affine{node, operand, *extents};
  }
  return std::nullopt;
}

}  // namespace ingot::passes
