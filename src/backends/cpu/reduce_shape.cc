// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/reduce_shape.h"

#include "backends/cpu/axes.h"

namespace ingot::cpu {

Result<std::vector<bool>> reduced_axes(const Problem& problem, std::span<const Operand> inputs) {
  const std::size_t rank = inputs[0].shape.size();
  std::vector<bool> reduced(rank, false);
  if (problem.kind.starts_with("Global")) {
    const bool last = problem.attrs.get_int("channels_last", 0) != 0;
    for (std::size_t i = 1; i < rank; ++i) reduced[i] = last ? i + 1 < rank : i > 1;
    return reduced;
  }
  Ints axes;
  if (problem.has_input(1)) {
    const std::optional<Ints> listed = constant_ints(inputs[1]);
    if (!listed) return unsupported("axes that are not constant");
    axes = *listed;
  }
  if (axes.empty() && problem.attrs.get_int("noop_with_empty_axes", 0) != 0) return unsupported("no axes");
  if (axes.empty()) reduced.assign(rank, true);
  for (const std::int64_t axis : axes) {
    const std::optional<std::size_t> at = normal_axis(axis, rank);
    if (!at) return invalid_argument("{}: axis {} of {}", problem.kind, axis, to_string(inputs[0].shape));
    reduced[*at] = true;
  }
  return reduced;
}

Result<ReduceExtents> reduce_extents(const Shape& shape, const std::vector<bool>& reduced) {
  if (shape.size() != reduced.size())
    return invalid_argument("rank {} expected, got {}", reduced.size(), to_string(shape));
  ReduceExtents extents;
  enum class Stage : std::uint8_t { outer, length, inner } stage = Stage::outer;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    if (reduced[i]) {
      if (stage == Stage::inner) return unsupported("reduced dimensions apart in {}", to_string(shape));
      stage = Stage::length;
      extents.length *= shape[i];
    } else {
      if (stage == Stage::length) stage = Stage::inner;
      (stage == Stage::outer ? extents.outer : extents.inner) *= shape[i];
    }
  }
  return extents;
}

Support reduce_support(const Problem& problem) {
  const auto reduced = reduced_axes(problem, problem.inputs);
  if (!reduced.is_ok()) return Support::no(Refusal::kConstant, reduced.status().message());
  const auto extents = reduce_extents(problem.inputs[0].shape, *reduced);
  return extents.is_ok() ? Support::yes() : Support::no(Refusal::kShape, extents.status().message());
}

Result<ReduceLayout> reduce_layout(const Shape& shape, const std::vector<bool>& reduced) {
  if (shape.size() != reduced.size())
    return invalid_argument("rank {} expected, got {}", reduced.size(), to_string(shape));
  ReduceLayout layout;
  bool begun = false;
  bool last = false;  // whether the group that was begun last goes
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0; stride *= shape[i]) {
    if (shape[i] == 1) continue;
    if (reduced[i]) layout.length *= shape[i];
    std::vector<ReduceLayout::Group>& groups = reduced[i] ? layout.reduced : layout.kept;
    if (!begun) {
      layout.run_reduced = reduced[i];
      layout.run = shape[i];
    } else if (last != reduced[i]) {
      groups.insert(groups.begin(), {shape[i], stride});
    } else if (groups.empty()) {
      layout.run *= shape[i];
    } else {
      groups.front().size *= shape[i];
    }
    begun = true;
    last = reduced[i];
  }
  for (const ReduceLayout::Group& group : layout.kept) layout.units *= group.size;
  for (const ReduceLayout::Group& group : layout.reduced) layout.rows *= group.size;
  return layout;
}

}  // namespace ingot::cpu
