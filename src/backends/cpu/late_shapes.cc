// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/late_shapes.h"

#include <algorithm>
#include <limits>

#include "backends/cpu/axes.h"
#include "reference/resize_plan.h"

namespace ingot::cpu {
namespace {

Result<Ints> values_of(const Problem& problem, std::size_t operand, Ints otherwise) {
  if (!problem.has_input(operand)) return otherwise;
  std::optional<Ints> values = constant_ints(problem.inputs[operand]);
  if (!values) return unsupported("{}: operand {} is no list of integers", problem.kind, operand);
  return *std::move(values);
}

Ints all_axes(std::size_t count) {
  Ints axes;
  for (std::size_t i = 0; i < count; ++i) axes.push_back(static_cast<std::int64_t>(i));
  return axes;
}

Status bad_axis(const Problem& problem, std::int64_t axis) {
  return invalid_argument("{}: axis {} of {}", problem.kind, axis, to_string(problem.inputs[0].shape));
}

Result<Shape> expanded(const Problem& problem) {
  const Shape& x = problem.inputs[0].shape;
  INGOT_ASSIGN_OR_RETURN(Shape shape, values_of(problem, 1, {}));
  if (shape.size() < x.size()) shape.insert(shape.begin(), x.size() - shape.size(), 1);
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::int64_t& size = shape[shape.size() - x.size() + i];
    if (size < 0 || (size != x[i] && size != 1 && x[i] != 1))
      return invalid_argument("Expand: {} to {}", to_string(x), to_string(shape));
    if (size == 1) size = x[i];
  }
  return shape;
}

Result<Shape> tiled(const Problem& problem) {
  Shape shape = problem.inputs[0].shape;
  INGOT_ASSIGN_OR_RETURN(const Ints repeats, values_of(problem, 1, {}));
  if (repeats.size() != shape.size()) return invalid_argument("Tile: {} repeats", repeats.size());
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (repeats[i] < 0 || __builtin_mul_overflow(shape[i], repeats[i], &shape[i]))
      return invalid_argument("Tile: {} repeats along axis {}", repeats[i], i);
  return shape;
}

Result<Shape> sliced(const Problem& problem) {
  Shape shape = problem.inputs[0].shape;
  INGOT_ASSIGN_OR_RETURN(const Ints starts, values_of(problem, 1, {}));
  INGOT_ASSIGN_OR_RETURN(const Ints ends, values_of(problem, 2, {}));
  INGOT_ASSIGN_OR_RETURN(const Ints axes, values_of(problem, 3, all_axes(starts.size())));
  INGOT_ASSIGN_OR_RETURN(const Ints steps, values_of(problem, 4, Ints(starts.size(), 1)));
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return invalid_argument("Slice: operands of different lengths");
  std::vector<bool> seen(shape.size());
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::optional<std::size_t> axis = normal_axis(axes[i], shape.size());
    if (!axis || seen[*axis]) return bad_axis(problem, axes[i]);
    seen[*axis] = true;
    const std::int64_t dim = shape[*axis];
    const std::int64_t step = steps[i];
    if (step == 0 || step == std::numeric_limits<std::int64_t>::min()) return invalid_argument("Slice: step {}", step);
    const std::int64_t high = step > 0 ? dim : dim - 1;
    const auto clamped = [&](std::int64_t at, std::int64_t low) {
      return std::min(std::max(at < 0 ? at + dim : at, low), high);
    };
    const std::int64_t start = clamped(starts[i], 0);
    const std::int64_t end = clamped(ends[i], step > 0 ? 0 : -1);
    const std::int64_t distance = step > 0 ? end - start : start - end;
    shape[*axis] = distance <= 0 ? 0 : (distance - 1) / std::abs(step) + 1;
  }
  return shape;
}

Result<Shape> padded(const Problem& problem) {
  Shape shape = problem.inputs[0].shape;
  INGOT_ASSIGN_OR_RETURN(const Ints pads, values_of(problem, 1, {}));
  INGOT_ASSIGN_OR_RETURN(const Ints axes, values_of(problem, 3, all_axes(shape.size())));
  if (pads.size() != 2 * axes.size()) return invalid_argument("Pad: {} pads for {} axes", pads.size(), axes.size());
  std::vector<bool> seen(shape.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::optional<std::size_t> axis = normal_axis(axes[i], shape.size());
    if (!axis || seen[*axis]) return bad_axis(problem, axes[i]);
    seen[*axis] = true;
    std::int64_t& size = shape[*axis];
    if (__builtin_add_overflow(size, pads[i], &size) || __builtin_add_overflow(size, pads[axes.size() + i], &size) ||
        size < 0)
      return invalid_argument("Pad: axis {} would have size {}", axes[i], size);
  }
  return shape;
}

Result<Shape> resized(const Problem& problem) {
  std::vector<const HostTensor*> operands(4, nullptr);
  for (std::size_t i = 1; i < 4 && i < problem.inputs.size(); ++i) operands[i] = problem.inputs[i].value.get();
  reference::Call call;
  call.attrs = &problem.attrs;
  call.inputs = operands;
  INGOT_ASSIGN_OR_RETURN(const reference::ResizePlan plan, reference::plan_resize(call, problem.inputs[0].shape));
  return plan.out_shape();
}

Result<Shape> reduced(const Problem& problem) {
  const Shape& x = problem.inputs[0].shape;
  INGOT_ASSIGN_OR_RETURN(Ints axes, values_of(problem, 1, {}));
  if (axes.empty() && problem.attrs.get_int("noop_with_empty_axes", 0) == 0) axes = all_axes(x.size());
  std::vector<bool> gone(x.size());
  for (const std::int64_t axis : axes) {
    const std::optional<std::size_t> at = normal_axis(axis, x.size());
    if (!at) return bad_axis(problem, axis);
    gone[*at] = true;
  }
  Shape shape;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!gone[i])
      shape.push_back(x[i]);
    else if (problem.attrs.get_int("keepdims", 1) != 0)
      shape.push_back(1);
  return shape;
}

struct Row {
  std::string_view kind;
  std::vector<std::size_t> operands;
  Result<Shape> (*shape)(const Problem&);
};

const Row* find_row(std::string_view kind) {
  static const std::vector<Row> rows{
      {"Expand", {1}, expanded},    {"Tile", {1}, tiled},           {"Slice", {1, 2, 3, 4}, sliced},
      {"Pad", {1, 2, 3}, padded},   {"Resize", {1, 2, 3}, resized}, {"ReduceSum", {1}, reduced},
      {"ReduceMean", {1}, reduced}, {"ReduceMax", {1}, reduced},    {"ReduceMin", {1}, reduced},
      {"ReduceL1", {1}, reduced},   {"ReduceL2", {1}, reduced},     {"ReduceSumSquare", {1}, reduced},
      {"ReduceProd", {1}, reduced}, {"ReduceLogSum", {1}, reduced}, {"ReduceLogSumExp", {1}, reduced}};
  const auto row = std::find_if(rows.begin(), rows.end(), [kind](const Row& r) { return r.kind == kind; });
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace

std::vector<std::size_t> late_operands(std::string_view kind) {
  const Row* row = find_row(kind);
  return row == nullptr ? std::vector<std::size_t>() : row->operands;
}

Result<Shape> late_shape(const Problem& problem) {
  const Row* row = find_row(problem.kind);
  if (row == nullptr) return internal("{} has no late operands", problem.kind);
  INGOT_ASSIGN_OR_RETURN(Shape shape, row->shape(problem));
  if (!element_count(shape)) return invalid_argument("{}: an output of shape {}", problem.kind, to_string(shape));
  return shape;
}

}  // namespace ingot::cpu
