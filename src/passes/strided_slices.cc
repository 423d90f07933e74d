// SPDX-License-Identifier: Apache-2.0
// Every element of a small neighbourhood as channels: Concat over the last axis of slices that start at each place of
// the neighbourhood and step by its size (x[:, 0::2, 0::2], x[:, 1::2, 0::2], ...) is one Transpose between reshapes.
#include <algorithm>
#include <limits>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// What a chain of slices takes of a tensor: along each axis every step-th index from start.
struct Strided {
  ValueId x = kNoValue;
  Ints start, step;
};

std::optional<Strided> strided(const Graph& graph, ValueId value) {
  const SymShape* result = shape_of(graph, value);
  if (result == nullptr) return std::nullopt;
  Strided out{value, Ints(result->size(), 0), Ints(result->size(), 1)};
  while (const Node* slice = producer(graph, out.x, "Slice")) {
    const SymShape* shape = shape_of(graph, slice->inputs[0]);
    const auto starts = ints(graph, slice->inputs[1]), ends = ints(graph, slice->inputs[2]);
    if (shape == nullptr || !starts || !ends) return std::nullopt;
    Ints axes(starts->size()), steps(starts->size(), 1);
    for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
    for (const auto& [index, list] : {std::pair(std::size_t{3}, &axes), std::pair(std::size_t{4}, &steps)}) {
      if (input(*slice, index) == kNoValue) continue;
      const auto given = ints(graph, slice->inputs[index]);
      if (!given || given->size() != starts->size()) return std::nullopt;
      *list = *given;
    }
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const int axis = normal_axis(axes[i], static_cast<int>(shape->size()));
      if (axis < 0 || steps[i] < 1 || steps[i] > 64) return std::nullopt;
      const auto at = static_cast<std::size_t>(axis);
      const auto size = (*shape)[at].constant();
      const bool whole = (*starts)[i] == 0 && steps[i] == 1 && (*ends)[i] == std::numeric_limits<std::int64_t>::max();
      if (whole) continue;
      if (!size || (*starts)[i] < 0 || (*starts)[i] >= *size || (*ends)[i] < *size) return std::nullopt;
      // In the tensor that this slice reads, an index i of `out` stands at start + i * step.
      out.start[at] = (*starts)[i] + out.start[at] * steps[i];
      out.step[at] *= steps[i];
    }
    out.x = slice->inputs[0];
  }
  return out;
}

// The axes of the neighbourhood, slowest first, in whose order the parts come; empty when they do not cover it.
Ints order_of_parts(const std::vector<Strided>& parts) {
  Ints axes;
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < parts[0].step.size(); ++axis)
    if (parts[0].step[axis] > 1) {
      axes.push_back(static_cast<std::int64_t>(axis));
      count *= parts[0].step[axis];
    }
  if (count != std::ssize(parts) || axes.size() > 3) return {};
  do {
    const bool fits = std::all_of(parts.begin(), parts.end(), [&](const Strided& part) {
      std::int64_t place = 0;
      for (const std::int64_t axis : axes)
        place = place * part.step[static_cast<std::size_t>(axis)] + part.start[static_cast<std::size_t>(axis)];
      return place == &part - parts.data();
    });
    if (fits) return axes;
  } while (std::next_permutation(axes.begin(), axes.end()));
  return {};
}

Match gather_neighbours(const Graph& graph, const Node& root) {
  const SymShape* result = shape_of(graph, root.outputs[0]);
  if (result == nullptr || root.inputs.size() < 2 ||
      normal_axis(root.attrs.get_int("axis", 0), static_cast<int>(result->size())) != std::ssize(*result) - 1)
    return no_match();
  std::vector<Strided> parts;
  for (const ValueId value : root.inputs) {
    auto part = strided(graph, value);
    if (!part || (!parts.empty() && (part->x != parts[0].x || part->step != parts[0].step))) return no_match();
    parts.push_back(std::move(*part));
  }
  const ValueId x = parts[0].x;
  const SymShape& shape = *shape_of(graph, x);
  const Ints axes = order_of_parts(parts);
  if (axes.empty() || axes.size() + shape.size() > 8 || parts[0].step.back() != 1) return no_match();
  SymShape split;
  Ints perm, neighbours(shape.size(), 0);  // of the split tensor: where an axis goes on within the neighbourhood
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t step = parts[0].step[axis];
    if (axis + 1 < shape.size()) perm.push_back(std::ssize(split));
    if (step == 1) {
      split.push_back(shape[axis]);
      continue;
    }
    const auto size = shape[axis].constant();
    if (!size || *size % step != 0) return no_match();
    split.emplace_back(*size / step);
    neighbours[axis] = std::ssize(split);
    split.emplace_back(step);
  }
  for (const std::int64_t axis : axes) perm.push_back(neighbours[static_cast<std::size_t>(axis)]);
  perm.push_back(std::ssize(split) - 1);
  if (!is_reshape_target(graph, split) || !is_reshape_target(graph, *result)) return no_match();
  ir::Patch patch = new_patch(graph, "gather_neighbours");
  INGOT_ASSIGN_OR_RETURN(ValueId y, reshape(patch, x, split, root.id));
  INGOT_ASSIGN_OR_RETURN(y, transpose(patch, y, perm, root.id));
  INGOT_ASSIGN_OR_RETURN(y, reshape(patch, y, *result, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules strided_slice_rules() { return {{"gather_neighbours", {"Concat"}, gather_neighbours}}; }

}  // namespace ingot::passes
