// SPDX-License-Identifier: Apache-2.0
// A Transpose moves below a Reshape that only splits and merges axes which also stand together before the transpose:
// [N, H, W, C] -> [N, C, H, W] -> [N, C, H * W] is [N, H, W, C] -> [N, H * W, C] -> [N, C, H * W]. Axes within one
// group may stand in another order before the transpose (the channel shuffle); a small transpose then stays above.
#include <algorithm>
#include <numeric>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// Axes of the transposed tensor and of the reshaped one that hold the same elements. Of extents of 1 before, only those
// that stand against one after count, in a group of their own.
struct Group {
  Ints before, after;
  bool is_unit = false;
};

// How far the products of the extents from `j` on must go to equal `wanted`; 0 when they never do.
std::size_t reach(const SymShape& extents, std::size_t j, const Dim& wanted) {
  Dim product(1);
  for (std::size_t end = j; end < extents.size(); ++end) {
    product = product * extents[end];
    if (product == wanted) return end + 1;
  }
  return 0;
}

// Each group splits one axis or merges several. Extents of 1 after that have no partner join a neighbour.
std::optional<std::vector<Group>> group_axes(const SymShape& before, const SymShape& after) {
  std::vector<Group> groups;
  std::size_t j = 0;
  for (std::size_t i = 0; i < before.size();) {
    if (before[i] == Dim(1)) {
      if (j < after.size() && after[j] == Dim(1))
        groups.push_back({{static_cast<std::int64_t>(i)}, {static_cast<std::int64_t>(j++)}, true});
      ++i;
      continue;
    }
    std::size_t i_end = i + 1, j_end = reach(after, j, before[i]);
    if (j_end == 0) {
      j_end = j;
      while (j_end < after.size() && after[j_end] == Dim(1)) ++j_end;
      if (j_end == after.size()) return std::nullopt;
      i_end = reach(before, i, after[j_end++]);
      if (i_end == 0) return std::nullopt;
    }
    Group group;
    for (; i < i_end; ++i)
      if (!(before[i] == Dim(1))) group.before.push_back(static_cast<std::int64_t>(i));
    for (; j < j_end; ++j) group.after.push_back(static_cast<std::int64_t>(j));
    groups.push_back(std::move(group));
  }
  if (groups.empty()) return std::nullopt;
  for (; j < after.size(); ++j) {
    if (!(after[j] == Dim(1))) return std::nullopt;
    groups.back().after.push_back(static_cast<std::int64_t>(j));
  }
  return groups;
}

Match sink(const Graph& graph, const Node& root) {
  const Node* above = sole_producer(graph, root.inputs[0], "Transpose");
  const SymShape* source = above != nullptr ? shape_of(graph, above->inputs[0]) : nullptr;
  const SymShape* before = shape_of(graph, root.inputs[0]);
  const SymShape* after = shape_of(graph, root.outputs[0]);
  if (source == nullptr || before == nullptr || after == nullptr) return no_match();
  const Ints perm = perm_of(graph, *above);
  auto groups = group_axes(*before, *after);
  if (!groups) return no_match();

  // Non-unit axes of the source are ranked, so that "standing together" does not see units.
  std::vector<std::int64_t> rank_of_axis(source->size(), -1);
  std::int64_t count = 0;
  for (std::size_t axis = 0; axis < source->size(); ++axis)
    if (!((*source)[axis] == Dim(1))) rank_of_axis[axis] = count++;
  std::vector<std::size_t> order(groups->size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::int64_t> first(groups->size());
  bool small_transpose = false;
  for (std::size_t g = 0; g < groups->size(); ++g) {
    std::int64_t low = count, high = -1, last = -1;
    first[g] = static_cast<std::int64_t>(source->size());
    for (std::int64_t axis : (*groups)[g].before) {
      const std::int64_t from = perm[static_cast<std::size_t>(axis)];
      const std::int64_t place = rank_of_axis[static_cast<std::size_t>(from)];
      first[g] = std::min(first[g], from);
      small_transpose |= place < last;
      last = place;
      low = std::min(low, place);
      high = std::max(high, place);
    }
    if (!(*groups)[g].is_unit && high - low + 1 != static_cast<std::int64_t>((*groups)[g].before.size()))
      return no_match();
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return first[a] < first[b]; });

  SymShape wanted;                     // the reshaped source, groups in the order of the source
  Ints place_of_after(after->size());  // where each axis of the result stands in it
  Ints inner;                          // the small transpose of the source's axes; units first
  for (std::size_t axis = 0; axis < source->size(); ++axis)
    if (rank_of_axis[axis] < 0) inner.push_back(static_cast<std::int64_t>(axis));
  for (std::size_t g : order) {
    for (std::int64_t axis : (*groups)[g].before)
      if (!(*groups)[g].is_unit) inner.push_back(perm[static_cast<std::size_t>(axis)]);
    for (std::int64_t axis : (*groups)[g].after) {
      place_of_after[static_cast<std::size_t>(axis)] = static_cast<std::int64_t>(wanted.size());
      wanted.push_back((*after)[static_cast<std::size_t>(axis)]);
    }
  }
  if (!is_reshape_target(graph, wanted)) return no_match();
  const bool gone = is_identity_perm(place_of_after);
  const Node* user = sole_user(graph, root.outputs[0]);
  const bool met = user != nullptr && user->op == "Transpose" && !small_transpose;
  if (!gone && (after->size() < 4 || !is_layout_perm(place_of_after)) && !met) return no_match();
  ir::Patch patch = new_patch(graph, "sink_transpose_reshape");
  ValueId x = above->inputs[0];
  if (small_transpose) {
    if (inner == perm && gone) return no_match();  // nothing would be gained
    INGOT_ASSIGN_OR_RETURN(x, transpose(patch, x, inner, above->id));
  }
  INGOT_ASSIGN_OR_RETURN(x, reshape(patch, x, wanted, root.id));
  INGOT_ASSIGN_OR_RETURN(x, transpose(patch, x, place_of_after, root.id));
  if (x == above->inputs[0] && graph.is_output(root.outputs[0])) return no_match();
  return replace(std::move(patch), root.outputs[0], x);
}

}  // namespace

Rules reshape_sinking_rules() { return {{"sink_transpose_reshape", {"Reshape"}, sink}}; }

}  // namespace ingot::passes
