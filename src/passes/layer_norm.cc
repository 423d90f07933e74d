// SPDX-License-Identifier: Apache-2.0
// LayerNormalization: with d = x - mean(x) over the trailing axes,
//   d / sqrt(mean(d * d) + epsilon) * scale + bias.
// The quotient is recognised first, with a scale of ones; the Mul and Add that follow are then drawn in.
#include "passes/norm_match.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// x when value = x - mean(x) over `axes` trailing axes.
ValueId centred(const Graph& graph, ValueId value, int axes) {
  const Node* difference = producer(graph, value, "Sub");
  const auto mean = difference != nullptr ? trailing_mean(graph, difference->inputs[1]) : std::nullopt;
  return mean && mean->of == difference->inputs[0] && mean->axes == axes ? mean->of : kNoValue;
}

Match layer_norm(const Graph& graph, const Node& root) {
  const auto quotient = divided_by_root(graph, root);
  const auto variance = quotient ? trailing_mean(graph, quotient->variance) : std::nullopt;
  if (!variance || !is_float(dtype_of(graph, root.outputs[0]))) return no_match();
  const ValueId difference = squared(graph, variance->of);
  if (difference == kNoValue) return no_match();
  const ValueId x = centred(graph, difference, variance->axes);
  if (x == kNoValue || centred(graph, quotient->numerator, variance->axes) != x) return no_match();
  return normalise(graph, root, "layer_norm", "LayerNormalization", {x, variance->axes}, quotient->epsilon);
}

Match scale(const Graph& graph, const Node& root) {
  return draw_in_scale(graph, root, "layer_norm_scale", "LayerNormalization");
}

Match bias(const Graph& graph, const Node& root) {
  const auto affine = affine_of(graph, root, "LayerNormalization");
  if (!affine) return no_match();
  // A bias that is there already may be zeros, as exporters write for a layer without one.
  if (const ValueId old = input(*affine->norm, 2); old != kNoValue && splat(graph, old) != 0.0) return no_match();
  if (graph.constant(affine->operand) == nullptr) return no_match();
  ir::Patch patch = new_patch(graph, "layer_norm_bias");
  INGOT_ASSIGN_OR_RETURN(const ValueId summand, reshape(patch, affine->operand, symbolic(affine->extents), root.id));
  INGOT_ASSIGN_OR_RETURN(const ValueId y,
                         patch.add("LayerNormalization", {affine->norm->inputs[0], affine->norm->inputs[1], summand},
                                   affine->norm->attrs, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules layer_norm_rules() {
  return {{"layer_norm", {"Div", "Mul"}, layer_norm},
          {"layer_norm_scale", {"Mul"}, scale},
          {"layer_norm_bias", {"Add"}, bias}};
}

}  // namespace ingot::passes
