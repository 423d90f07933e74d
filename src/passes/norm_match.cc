// SPDX-License-Identifier: Apache-2.0
#include "passes/norm_match.h"

namespace ingot::passes {
namespace {

// value = v + eps
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

// The extents of the last `axes` axes when they are constant.
std::optional<Shape> trailing_extents(const Graph& graph, ValueId value, int axes) {
  const SymShape* shape = shape_of(graph, value);
  if (shape == nullptr || static_cast<int>(shape->size()) < axes) return std::nullopt;
  return concrete(SymShape(shape->end() - axes, shape->end()));
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

Match normalise(const Graph& graph, const Node& root, std::string_view rule, std::string_view op, TrailingMean x,
                double epsilon) {
  const auto extents = trailing_extents(graph, x.of, x.axes);
  if (!extents) return no_match();
  ir::Patch patch = new_patch(graph, rule);
  INGOT_ASSIGN_OR_RETURN(HostTensor ones, HostTensor::create(dtype_of(graph, x.of), *extents));
  for (std::int64_t i = 0; i < ones.elements(); ++i) ones.set_double(i, 1.0);
  const ValueId scale = patch.add_constant("", share(std::move(ones)));
  Attrs attrs{{"axis", std::int64_t{-x.axes}}, {"epsilon", epsilon}};
  INGOT_ASSIGN_OR_RETURN(const ValueId y, patch.add(std::string(op), {x.of, scale}, attrs, root.id));
  return replace(std::move(patch), root.outputs[0], y);
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

Match draw_in_scale(const Graph& graph, const Node& root, std::string_view rule, std::string_view norm) {
  const auto affine = affine_of(graph, root, norm);
  if (!affine || input(*affine->norm, 2) != kNoValue || splat(graph, affine->norm->inputs[1]) != 1.0) return no_match();
  ir::Patch patch = new_patch(graph, rule);
  INGOT_ASSIGN_OR_RETURN(const ValueId factor, reshape(patch, affine->operand, symbolic(affine->extents), root.id));
  INGOT_ASSIGN_OR_RETURN(const ValueId y,
                         patch.add(std::string(norm), {affine->norm->inputs[0], factor}, affine->norm->attrs, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace ingot::passes
