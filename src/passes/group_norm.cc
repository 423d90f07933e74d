// SPDX-License-Identifier: Apache-2.0
// GroupNormalization as exporters write it: x [N, C, spatial...] is reshaped to [N, groups, rest], normalised per
// instance with a scale of ones and a bias of zeros, and reshaped back; then it is multiplied and shifted per channel.
#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

ValueId filled(ir::Patch& patch, DType dtype, std::int64_t count, double value) {
  HostTensor tensor = HostTensor::create(dtype, {count}).value();
  for (std::int64_t i = 0; i < count; ++i) tensor.set_double(i, value);
  return patch.add_constant("", share(std::move(tensor)));
}

Match group_norm(const Graph& graph, const Node& root) {
  const Node* norm = sole_producer(graph, root.inputs[0], "InstanceNormalization");
  const Node* there = norm != nullptr ? producer(graph, norm->inputs[0], "Reshape") : nullptr;
  if (there == nullptr || norm->attrs.has("epilogue") || norm->attrs.get_int("channels_last", 0) != 0)
    return no_match();
  const ValueId x = there->inputs[0];
  const SymShape* shape = shape_of(graph, x);
  const SymShape* grouped = shape_of(graph, norm->inputs[0]);
  if (shape == nullptr || grouped == nullptr || shape->size() < 3 || grouped->size() < 3) return no_match();
  if (!same_shape(graph, x, root.outputs[0]) || !((*grouped)[0] == (*shape)[0])) return no_match();
  const auto groups = (*grouped)[1].constant(), channels = (*shape)[1].constant();
  if (!groups || !channels || *groups < 1 || *channels % *groups != 0) return no_match();
  if (splat(graph, norm->inputs[1]) != 1.0 || splat(graph, norm->inputs[2]) != 0.0) return no_match();
  ir::Patch patch = new_patch(graph, "group_norm");
  const DType dtype = dtype_of(graph, x);
  const ValueId scale = filled(patch, dtype, *channels, 1), bias = filled(patch, dtype, *channels, 0);
  Attrs attrs{{"num_groups", *groups}, {"epsilon", norm->attrs.get_float("epsilon", 1e-5)}};
  INGOT_ASSIGN_OR_RETURN(const ValueId y, patch.add("GroupNormalization", {x, scale, bias}, attrs, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

// A constant [C, 1, ...] (against the rank of the result) as a vector over the channels.
std::optional<HostTensor> channel_vector(const Graph& graph, ValueId value, int rank, std::int64_t channels) {
  const HostTensor* tensor = graph.constant(value);
  if (tensor == nullptr || tensor->elements() != channels || tensor->rank() > rank) return std::nullopt;
  const std::int64_t axis = 1 - (rank - tensor->rank());
  if (axis < 0 || tensor->shape()[static_cast<std::size_t>(axis)] != channels) return std::nullopt;
  auto vector = tensor->reshaped({channels});
  if (!vector.is_ok()) return std::nullopt;
  return std::move(*vector);
}

// Mul while scale is still ones and bias zeros; Add while bias is zeros.
Match affine(const Graph& graph, const Node& root) {
  for (std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const Node* norm = sole_producer(graph, root.inputs[i], "GroupNormalization");
    if (norm == nullptr || norm->attrs.has("epilogue") || !same_shape(graph, root.inputs[i], root.outputs[0])) continue;
    if (splat(graph, norm->inputs[2]) != 0.0 || (root.op == "Mul" && splat(graph, norm->inputs[1]) != 1.0)) continue;
    const auto channels = (*shape_of(graph, root.inputs[i]))[1].constant();
    auto vector =
        channels ? channel_vector(graph, root.inputs[1 - i], rank_of(graph, root.inputs[i]), *channels) : std::nullopt;
    if (!vector) continue;
    ir::Patch patch = new_patch(graph, "group_norm_affine");
    std::vector<ValueId> operands = norm->inputs;
    operands[root.op == "Mul" ? 1 : 2] =
        patch.add_constant(graph.value(root.inputs[1 - i]).name, share(std::move(*vector)));
    INGOT_ASSIGN_OR_RETURN(const ValueId y, patch.add("GroupNormalization", operands, norm->attrs, root.id));
    return replace(std::move(patch), root.outputs[0], y);
  }
  return no_match();
}

}  // namespace

Rules group_norm_rules() {
  return {{"group_norm", {"Reshape"}, group_norm}, {"group_norm_affine", {"Mul", "Add"}, affine}};
}

}  // namespace ingot::passes
