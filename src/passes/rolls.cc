// SPDX-License-Identifier: Apache-2.0
// Concat of slices of one tensor, all along the axis that they are joined on, is one Gather: exporters write a roll as
// two slices and their concatenation.
#include <algorithm>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

constexpr std::int64_t kMostIndices = 1 << 16;

// The indices of `axis` that a Slice of step 1 takes along that axis alone.
std::optional<std::pair<std::int64_t, std::int64_t>> sliced_range(const Graph& graph, const Node& slice, int axis,
                                                                  std::int64_t size) {
  const int rank = rank_of(graph, slice.inputs[0]);
  const auto starts = ints(graph, input(slice, 1)), ends = ints(graph, input(slice, 2));
  if (!starts || !ends || starts->size() != 1 || ends->size() != 1) return std::nullopt;
  std::int64_t along = 0;
  if (input(slice, 3) != kNoValue) {
    const auto axes = ints(graph, input(slice, 3));
    if (!axes || axes->size() != 1) return std::nullopt;
    along = (*axes)[0];
  }
  if (input(slice, 4) != kNoValue) {
    const auto steps = ints(graph, input(slice, 4));
    if (!steps || *steps != Ints{1}) return std::nullopt;
  }
  if (normal_axis(along, rank) != axis) return std::nullopt;
  const auto clamped = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
  const std::int64_t first = clamped((*starts)[0]), last = clamped((*ends)[0]);
  if (first >= last) return std::nullopt;
  return std::pair{first, last};
}

Match gather_slices(const Graph& graph, const Node& root) {
  if (root.inputs.size() < 2) return no_match();
  const Node* first = producer(graph, root.inputs[0], "Slice");
  if (first == nullptr) return no_match();
  const ValueId x = first->inputs[0];
  const SymShape* shape = shape_of(graph, x);
  if (shape == nullptr) return no_match();
  const int axis = normal_axis(root.attrs.get_int("axis", 0), static_cast<int>(shape->size()));
  if (axis < 0) return no_match();
  const std::optional<std::int64_t> size = (*shape)[static_cast<std::size_t>(axis)].constant();
  if (!size) return no_match();
  Ints indices;
  for (const ValueId operand : root.inputs) {
    const Node* slice = sole_producer(graph, operand, "Slice");
    if (slice == nullptr || slice->inputs[0] != x) return no_match();
    const auto range = sliced_range(graph, *slice, axis, *size);
    if (!range || static_cast<std::int64_t>(indices.size()) + range->second - range->first > kMostIndices)
      return no_match();
    for (std::int64_t i = range->first; i < range->second; ++i) indices.push_back(i);
  }
  ir::Patch patch = new_patch(graph, "gather_slices");
  Attrs attrs;
  attrs.set("axis", std::int64_t{axis});
  INGOT_ASSIGN_OR_RETURN(const ValueId y, patch.add("Gather", {x, int_constant(patch, indices)}, attrs, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules roll_rules() { return {{"gather_slices", {"Concat"}, gather_slices}}; }

}  // namespace ingot::passes
