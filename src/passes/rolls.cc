// SPDX-License-Identifier: Apache-2.0
// Concat of parts of one tensor, all along the axis that they are joined on, is one Gather, or one Slice where they lie
// in order: exporters write a roll as two slices and their concatenation, and the offsets of a deformable convolution
// as two thirds of what a split gives.
#include <algorithm>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

constexpr std::int64_t kMostIndices = 1 << 16;

Match gather_slices(const Graph& graph, const Node& root) {
  if (root.inputs.size() < 2) return no_match();
  const int axis = normal_axis(root.attrs.get_int("axis", 0), rank_of(graph, root.inputs[0]));
  if (axis < 0) return no_match();
  ValueId x = kNoValue;
  Ints indices;
  for (const ValueId operand : root.inputs) {
    const std::optional<AxisPart> part = used_once(graph, operand) ? axis_part(graph, operand, axis) : std::nullopt;
    if (!part || (x != kNoValue && part->from != x) || std::ssize(indices) + part->last - part->first > kMostIndices)
      return no_match();
    x = part->from;
    for (std::int64_t i = part->first; i < part->last; ++i) indices.push_back(i);
  }
  ir::Patch patch = new_patch(graph, "gather_slices");
  const bool in_order = std::ranges::adjacent_find(indices, [](auto a, auto b) { return b != a + 1; }) == indices.end();
  if (in_order) {
    const ValueId first = int_constant(patch, {indices.front()}), last = int_constant(patch, {indices.back() + 1});
    INGOT_ASSIGN_OR_RETURN(const ValueId y,
                           patch.add("Slice", {x, first, last, int_constant(patch, {axis})}, {}, root.id));
    return replace(std::move(patch), root.outputs[0], y);
  }
  Attrs attrs;
  attrs.set("axis", std::int64_t{axis});
  INGOT_ASSIGN_OR_RETURN(const ValueId y, patch.add("Gather", {x, int_constant(patch, indices)}, attrs, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules roll_rules() { return {{"gather_slices", {"Concat"}, gather_slices}}; }

}  // namespace ingot::passes
