// SPDX-License-Identifier: Apache-2.0
// GroupNormalization as exporters write it: x [N, C, spatial...] is reshaped to [N, groups, rest], normalised per instance
// with a scale of ones and a bias of zeros, reshaped back, and then multiplied and shifted per channel.
#include "passes/build.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// The constant as a vector over the channels, when it is [C, 1, ...] against a result of this rank.
std::optional<ValueId> channel_constant(ir::Patch& patch, const Graph& graph, ValueId value, int rank, std::int64_t channels) {
  const HostTensor* tensor = graph.constant(value);
  if (tensor == nullptr || tensor->elements() != channels || tensor->rank() > rank) return std::nullopt;
  const std::int64_t axis = 1 - (rank - tensor->rank());
  if (axis < 0 || tensor->shape()[static_cast<std::size_t>(axis)] != channels) return std::nullopt;
  auto vector = tensor->reshaped({channels});
  if (!vector.is_ok()) return std::nullopt;
  return patch.add_constant(graph.value(value).name, share(std::move(*vector)));
}

Match group_norm(const Graph& graph, const Node& root) {
  for (std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const Node* scaled = sole_producer(graph, root.inputs[i], "Mul");
    if (scaled == nullptr) continue;
    for (std::size_t j : {std::size_t{0}, std::size_t{1}}) {
      const Node* back = sole_producer(graph, scaled->inputs[j], "Reshape");
      const Node* norm = back != nullptr ? sole_producer(graph, back->inputs[0], "InstanceNormalization") : nullptr;
      const Node* there = norm != nullptr ? producer(graph, norm->inputs[0], "Reshape") : nullptr;
      if (there == nullptr || norm->attrs.has("epilogue")) continue;
      const ValueId x = there->inputs[0];
      const SymShape* shape = shape_of(graph, x);
      const SymShape* grouped = shape_of(graph, norm->inputs[0]);
      if (shape == nullptr || grouped == nullptr || shape->size() < 3 || grouped->size() < 3) continue;
      if (!same_shape(graph, x, root.outputs[0]) || !same_shape(graph, x, scaled->inputs[j])) continue;
      const auto groups = (*grouped)[1].constant(), channels = (*shape)[1].constant();
      if (!groups || !channels || *groups < 1 || *channels % *groups != 0 || !((*grouped)[0] == (*shape)[0])) continue;
      if (splat(graph, norm->inputs[1]) != 1.0 || splat(graph, norm->inputs[2]) != 0.0) continue;
      ir::Patch patch = new_patch(graph, "group_norm");
      const int rank = static_cast<int>(shape->size());
      const auto scale = channel_constant(patch, graph, scaled->inputs[1 - j], rank, *channels);
      const auto bias = channel_constant(patch, graph, root.inputs[1 - i], rank, *channels);
      if (!scale || !bias) continue;
      Attrs attrs{{"num_groups", *groups}, {"epsilon", norm->attrs.get_float("epsilon", 1e-5)}};
      INGOT_ASSIGN_OR_RETURN(const ValueId y, patch.add("GroupNormalization", {x, *scale, *bias}, attrs, root.id));
      return replace(std::move(patch), root.outputs[0], y);
    }
  }
  return no_match();
}

}  // namespace

Rules group_norm_rules() { return {{"group_norm", {"Add"}, group_norm}}; }

}  // namespace ingot::passes
