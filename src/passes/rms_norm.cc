// SPDX-License-Identifier: Apache-2.0
// RMSNormalization: x / sqrt(mean(x * x) + epsilon) * scale, the mean over the trailing axes.
#include "passes/norm_match.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

Match rms_norm(const Graph& graph, const Node& root) {
  const auto quotient = divided_by_root(graph, root);
  const auto mean = quotient ? trailing_mean(graph, quotient->variance) : std::nullopt;
  if (!mean || squared(graph, mean->of) != quotient->numerator || !is_float(dtype_of(graph, root.outputs[0])))
    return no_match();
  const ValueId x = quotient->numerator;
  const auto extents = trailing_extents(graph, x, mean->axes);
  if (!extents) return no_match();
  ir::Patch patch = new_patch(graph, "rms_norm");
  INGOT_ASSIGN_OR_RETURN(const ValueId scale, ones(patch, dtype_of(graph, x), *extents));
  Attrs attrs{{"axis", std::int64_t{-mean->axes}}, {"epsilon", quotient->epsilon}};
  INGOT_ASSIGN_OR_RETURN(const ValueId y, patch.add("RMSNormalization", {x, scale}, attrs, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

Match scale(const Graph& graph, const Node& root) {
  const auto affine = affine_of(graph, root, "RMSNormalization");
  if (!affine || splat(graph, affine->norm->inputs[1]) != 1.0) return no_match();
  ir::Patch patch = new_patch(graph, "rms_norm_scale");
  INGOT_ASSIGN_OR_RETURN(const ValueId factor, reshape(patch, affine->operand, symbolic(affine->extents), root.id));
  INGOT_ASSIGN_OR_RETURN(
      const ValueId y, patch.add("RMSNormalization", {affine->norm->inputs[0], factor}, affine->norm->attrs, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules rms_norm_rules() { return {{"rms_norm", {"Div", "Mul"}, rms_norm}, {"rms_norm_scale", {"Mul"}, scale}}; }

}  // namespace ingot::passes
