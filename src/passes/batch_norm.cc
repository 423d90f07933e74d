// SPDX-License-Identifier: Apache-2.0
// BatchNormalization at inference is y = x * s + t per channel, with s = scale / sqrt(variance + epsilon) and
// t = bias - mean * s. It becomes that Mul and Add, computed in double; weight folding moves both into a convolution or
// matrix product before it, and otherwise they are pointwise work.
#include <cmath>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

Match batch_norm(const Graph& graph, const Node& root) {
  if (root.attrs.get_int("training_mode", 0) != 0 || root.attrs.get_int("channels_last", 0) != 0) return no_match();
  for (std::size_t i = 1; i < root.outputs.size(); ++i)
    if (root.outputs[i] != kNoValue && !graph.value(root.outputs[i]).uses.empty()) return no_match();
  const int rank = rank_of(graph, root.inputs[0]);
  const DType dtype = dtype_of(graph, root.inputs[0]);
  if (rank < 2 || root.attrs.has("epilogue")) return no_match();
  const HostTensor* parameters[4];
  for (std::size_t i = 0; i < 4; ++i) {
    parameters[i] = input(root, i + 1) == kNoValue ? nullptr : graph.constant(root.inputs[i + 1]);
    if (parameters[i] == nullptr || parameters[i]->elements() != parameters[0]->elements()) return no_match();
  }
  const auto& [scale, bias, mean, variance] = parameters;
  const double epsilon = root.attrs.get_float("epsilon", 1e-5);
  Shape shape(static_cast<std::size_t>(rank - 1), 1);
  shape[0] = scale->elements();
  INGOT_ASSIGN_OR_RETURN(HostTensor s, HostTensor::create(dtype, shape));
  INGOT_ASSIGN_OR_RETURN(HostTensor t, HostTensor::create(dtype, shape));
  for (std::int64_t c = 0; c < scale->elements(); ++c) {
    const double factor = scale->as_double(c) / std::sqrt(variance->as_double(c) + epsilon);
    s.set_double(c, factor);
    t.set_double(c, bias->as_double(c) - mean->as_double(c) * factor);
  }
  ir::Patch patch = new_patch(graph, "batch_norm_to_scale");
  INGOT_ASSIGN_OR_RETURN(ValueId y,
                         patch.add("Mul", {root.inputs[0], patch.add_constant("", share(std::move(s)))}, {}, root.id));
  INGOT_ASSIGN_OR_RETURN(y, patch.add("Add", {y, patch.add_constant("", share(std::move(t)))}, {}, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules batch_norm_rules() { return {{"batch_norm_to_scale", {"BatchNormalization"}, batch_norm}}; }

}  // namespace ingot::passes
