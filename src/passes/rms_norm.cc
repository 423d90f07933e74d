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
  return normalise(graph, root, "rms_norm", "RMSNormalization", {quotient->numerator, mean->axes}, quotient->epsilon);
}

Match scale(const Graph& graph, const Node& root) {
  return draw_in_scale(graph, root, "rms_norm_scale", "RMSNormalization");
}

}  // namespace

Rules rms_norm_rules() { return {{"rms_norm", {"Div", "Mul"}, rms_norm}, {"rms_norm_scale", {"Mul"}, scale}}; }

}  // namespace ingot::passes
