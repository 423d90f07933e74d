// SPDX-License-Identifier: Apache-2.0
// Operators that move elements by position alone: transposes, concatenation, slices, padding, repetition.
#include <algorithm>
#include <numeric>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

Result<Outputs> evaluate_transpose(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "data"));
  const std::size_t rank = in->shape().size();
  Ints reversed(rank);
  for (std::size_t axis = 0; axis < rank; ++axis) reversed[axis] = to_signed(rank - 1 - axis);
  const Ints perm = call.attrs->get_ints("perm", reversed);
  INGOT_ASSIGN_OR_RETURN(const std::vector<std::size_t> axes, normalize_axes(perm, rank, "perm axis"));
  if (axes.size() != rank) return invalid_argument("perm has {} axes; operand 0 (data) has {}", axes.size(), rank);
  INGOT_ASSIGN_OR_RETURN(HostTensor out, transpose(*in, axes));
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_concat(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* first, required_operand(call, 0, "inputs"));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                         normalize_axis(call.attrs->get_int("axis", 0), first->shape().size(), "axis"));
  Shape shape = first->shape();
  shape[axis] = 0;
  for (std::size_t k = 0; k < call.inputs.size(); ++k) {
    INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, k, "inputs"));
    if (in->dtype() != first->dtype() || in->rank() != first->rank())
      return invalid_argument("operand {} is {}{}; operand 0 is {}{}", k, to_string(in->dtype()),
                              to_string(in->shape()), to_string(first->dtype()), to_string(first->shape()));
    for (std::size_t d = 0; d < shape.size(); ++d) {
      if (d == axis) {
        shape[d] += in->shape()[d];
      } else if (in->shape()[d] != shape[d]) {
        return invalid_argument("operand {} has shape {}; only axis {} may differ from {}", k, to_string(in->shape()),
                                axis, to_string(first->shape()));
      }
    }
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(first->dtype(), shape));
  const Shape strides = strides_of(shape);
  std::int64_t offset = 0;
  for (const HostTensor* in : call.inputs) {
    copy_strided(in->shape(), out, {offset, strides}, *in, {0, strides_of(in->shape())});
    offset += in->shape()[axis] * strides[axis];
  }
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_split(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                         normalize_axis(call.attrs->get_int("axis", 0), in->shape().size(), "axis"));
  const std::int64_t size = in->shape()[axis];
  Ints parts;
  if (optional_operand(call, 1) != nullptr) {
    INGOT_ASSIGN_OR_RETURN(parts, ints_operand(call, 1, "split"));
  } else {
    const std::int64_t count = call.attrs->get_int("num_outputs", to_signed(call.output_count));
    if (count < 1) return invalid_argument("num_outputs is {}; at least 1 is needed", count);
    const std::int64_t part = (size + count - 1) / count;
    for (std::int64_t k = 0; k < count; ++k) parts.push_back(std::clamp(size - k * part, std::int64_t{0}, part));
  }
  if (parts.size() != call.output_count)
    return invalid_argument("operand 1 (split) has {} parts for {} outputs", parts.size(), call.output_count);
  std::int64_t left = size;
  for (std::int64_t part : parts) {
    if (part < 0 || part > left)
      return invalid_argument("operand 1 (split) does not add up to the {} of axis {}", size, axis);
    left -= part;
  }
  if (left != 0) return invalid_argument("operand 1 (split) does not add up to the {} of axis {}", size, axis);
  const Shape strides = strides_of(in->shape());
  Outputs outputs;
  std::int64_t offset = 0;
  for (std::int64_t part : parts) {
    Shape shape = in->shape();
    shape[axis] = part;
    INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(in->dtype(), shape));
    copy_strided(shape, out, {0, strides_of(shape)}, *in, {offset, strides});
    offset += part * strides[axis];
    outputs.push_back(std::move(out));
  }
  return outputs;
}

Ints iota(std::int64_t count) {
  Ints values(to_size(count));
  std::iota(values.begin(), values.end(), std::int64_t{0});
  return values;
}

Result<Outputs> evaluate_slice(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "data"));
  INGOT_ASSIGN_OR_RETURN(const Ints starts, ints_operand(call, 1, "starts"));
  INGOT_ASSIGN_OR_RETURN(const Ints ends, ints_operand(call, 2, "ends"));
  INGOT_ASSIGN_OR_RETURN(const Ints listed, ints_operand(call, 3, "axes", iota(to_signed(starts.size()))));
  INGOT_ASSIGN_OR_RETURN(const Ints steps, ints_operand(call, 4, "steps", Ints(starts.size(), 1)));
  INGOT_ASSIGN_OR_RETURN(const auto axes, normalize_axes(listed, in->shape().size(), "operand 3 (axes): axis"));
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return invalid_argument("operands starts, ends, axes and steps have {}, {}, {} and {} elements", starts.size(),
                            ends.size(), axes.size(), steps.size());
  Shape shape = in->shape();
  Side from{0, strides_of(shape)};
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const std::int64_t dim = in->shape()[axes[k]];
    const std::int64_t step = steps[k];
    if (step == 0) return invalid_argument("operand 4 (steps) has a zero");
    // Counted from the front, then clamped to where a walk in that direction may begin and must stop.
    const std::int64_t high = step > 0 ? dim : dim - 1;
    const auto clamped = [&](std::int64_t at, std::int64_t low) {
      return std::min(std::max(at < 0 ? at + dim : at, low), high);
    };
    const std::int64_t start = clamped(starts[k], 0);
    const std::int64_t end = clamped(ends[k], step > 0 ? 0 : -1);
    const std::int64_t distance = step > 0 ? end - start : start - end;
    const std::uint64_t stride = step > 0 ? static_cast<std::uint64_t>(step) : ~static_cast<std::uint64_t>(step) + 1;
    const std::int64_t count =
        distance <= 0 ? 0 : static_cast<std::int64_t>((static_cast<std::uint64_t>(distance) - 1) / stride) + 1;
    shape[axes[k]] = count;
    from.offset += count > 0 ? start * from.strides[axes[k]] : 0;
    if (count > 1) from.strides[axes[k]] *= step;
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(in->dtype(), shape));
  copy_strided(shape, out, {0, strides_of(shape)}, *in, std::move(from));
  return outputs_of(std::move(out));
}

// The element of an axis of `dim` elements that position `at` shows under a padding mode; -1 for the constant.
std::int64_t padded_source(std::int64_t at, std::int64_t dim, std::string_view mode) {
  if (at >= 0 && at < dim) return at;
  if (mode == "edge") return std::clamp(at, std::int64_t{0}, dim - 1);
  if (mode == "wrap") return (at % dim + dim) % dim;
  if (mode == "reflect") {
    if (dim == 1) return 0;
    const std::int64_t period = 2 * (dim - 1);
    const std::int64_t phase = (at % period + period) % period;
    return std::min(phase, period - phase);
  }
  return -1;
}

Result<Outputs> evaluate_pad(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "data"));
  INGOT_ASSIGN_OR_RETURN(const Ints pads, ints_operand(call, 1, "pads"));
  const HostTensor* value = optional_operand(call, 2);
  if (value != nullptr && (value->elements() != 1 || value->dtype() != in->dtype()))
    return invalid_argument("operand 2 (constant_value) must be one element of type {}", to_string(in->dtype()));
  INGOT_ASSIGN_OR_RETURN(const Ints listed, ints_operand(call, 3, "axes", iota(in->rank())));
  INGOT_ASSIGN_OR_RETURN(const auto axes, normalize_axes(listed, in->shape().size(), "operand 3 (axes): axis"));
  if (pads.size() != 2 * axes.size())
    return invalid_argument("operand 1 (pads) has {} elements; {} are needed", pads.size(), 2 * axes.size());
  const std::string mode = call.attrs->get_string("mode", "constant");
  if (mode != "constant" && mode != "edge" && mode != "wrap" && mode != "reflect")
    return invalid_argument("mode \"{}\" is none of constant, reflect, edge, wrap", mode);
  std::vector<Ints> maps;
  for (std::int64_t dim : in->shape()) maps.push_back(iota(dim));
  Shape shape = in->shape();
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const std::int64_t dim = in->shape()[axes[k]];
    const std::int64_t before = pads[k];
    std::int64_t size = 0;
    if (__builtin_add_overflow(dim, before, &size) || __builtin_add_overflow(size, pads[axes.size() + k], &size) ||
        size < 0)
      return invalid_argument("operand 1 (pads) leaves a size of {} along axis {}", size, axes[k]);
    if (dim == 0 && size > 0 && mode != "constant")
      return invalid_argument("operand 0 (data) is empty along axis {}; mode {} cannot pad it", axes[k], mode);
    shape[axes[k]] = size;
    INGOT_RETURN_IF_ERROR(HostTensor::create(DType::u8, {size}).status());
    maps[axes[k]].resize(to_size(size));
    for (std::int64_t i = 0; i < size; ++i) maps[axes[k]][to_size(i)] = padded_source(i - before, dim, mode);
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor out,
                         gather_by_axis(*in, maps, value != nullptr ? value->data<std::byte>() : nullptr));
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_tile(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  INGOT_ASSIGN_OR_RETURN(const Ints repeats, ints_operand(call, 1, "repeats"));
  if (repeats.size() != in->shape().size())
    return invalid_argument("operand 1 (repeats) has {} elements; {} are needed", repeats.size(), in->rank());
  // [d0, d1] repeated is [r0, d0, r1, d1] read with stride 0 along the r's.
  const Shape dense = strides_of(in->shape());
  Shape shape;
  Shape tiled;
  Shape strides;
  for (std::size_t axis = 0; axis < repeats.size(); ++axis) {
    shape.push_back(0);
    if (repeats[axis] < 0 || __builtin_mul_overflow(repeats[axis], in->shape()[axis], &shape.back()))
      return invalid_argument("operand 1 (repeats) has {} for axis {}", repeats[axis], axis);
    tiled.insert(tiled.end(), {repeats[axis], in->shape()[axis]});
    strides.insert(strides.end(), {0, dense[axis]});
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(in->dtype(), shape));
  if (out.elements() > 0) copy_strided(tiled, out, {0, strides_of(tiled)}, *in, {0, strides});
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_expand(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  INGOT_ASSIGN_OR_RETURN(const Ints wanted, ints_operand(call, 1, "shape"));
  INGOT_ASSIGN_OR_RETURN(const Shape shape, broadcast_shapes({in->shape(), wanted}));
  INGOT_ASSIGN_OR_RETURN(Shape strides, broadcast_strides(in->shape(), shape));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(in->dtype(), shape));
  copy_strided(shape, out, {0, strides_of(shape)}, *in, {0, std::move(strides)});
  return outputs_of(std::move(out));
}

// depth = [.., b, b, ..] in one order or the other: both directions split an axis in three and transpose.
Result<Outputs> evaluate_depth_space(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  const std::int64_t b = call.attrs->get_int("blocksize", 0);
  const bool to_space = call.op == "DepthToSpace";
  const bool crd = call.attrs->get_string("mode", "DCR") == "CRD";
  const Shape& x = in->shape();
  if (x.size() != 4 || b < 1 || b > 65536)
    return invalid_argument(
        "operand 0 (input) has shape {} and blocksize is {}; rank 4 and a positive blocksize are "
        "needed",
        to_string(x), b);
  if (to_space ? x[1] % (b * b) != 0 : x[2] % b != 0 || x[3] % b != 0)
    return invalid_argument("operand 0 (input) of shape {} is not divisible by blocks of {}", to_string(x), b);
  Shape split;
  std::vector<std::size_t> perm;
  Shape shape;
  if (to_space) {
    const std::int64_t c = x[1] / (b * b);
    split = crd ? Shape{x[0], c, b, b, x[2], x[3]} : Shape{x[0], b, b, c, x[2], x[3]};
    perm = crd ? std::vector<std::size_t>{0, 1, 4, 2, 5, 3} : std::vector<std::size_t>{0, 3, 4, 1, 5, 2};
    shape = {x[0], c, x[2] * b, x[3] * b};
  } else {
    split = {x[0], x[1], x[2] / b, b, x[3] / b, b};
    perm = crd ? std::vector<std::size_t>{0, 1, 3, 5, 2, 4} : std::vector<std::size_t>{0, 3, 5, 1, 2, 4};
    shape = {x[0], x[1] * b * b, x[2] / b, x[3] / b};
  }
  INGOT_ASSIGN_OR_RETURN(const HostTensor blocks, in->reshaped(split));
  INGOT_ASSIGN_OR_RETURN(const HostTensor moved, transpose(blocks, perm));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, moved.reshaped(shape));
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_center_crop_pad(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input_data"));
  INGOT_ASSIGN_OR_RETURN(const Ints sizes, ints_operand(call, 1, "shape"));
  Ints all(in->shape().size());
  std::iota(all.begin(), all.end(), std::int64_t{0});
  INGOT_ASSIGN_OR_RETURN(const auto axes,
                         normalize_axes(call.attrs->get_ints("axes", all), in->shape().size(), "axes"));
  if (sizes.size() != axes.size())
    return invalid_argument("operand 1 (shape) has {} elements for {} axes", sizes.size(), axes.size());
  Shape shape = in->shape();
  for (std::size_t k = 0; k < axes.size(); ++k) shape[axes[k]] = sizes[k];
  if (!element_count(shape)) return invalid_argument("operand 1 (shape) is {}", to_string(sizes));
  std::vector<std::vector<std::int64_t>> maps;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t dim = in->shape()[axis];
    const std::int64_t crop = shape[axis] < dim ? (dim - shape[axis]) / 2 : 0;
    const std::int64_t pad = shape[axis] > dim ? (shape[axis] - dim) / 2 : 0;
    auto& map = maps.emplace_back(to_size(shape[axis]), -1);
    for (std::int64_t i = 0; i < std::min(dim, shape[axis]); ++i) map[to_size(pad + i)] = crop + i;
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor out, gather_by_axis(*in, maps, nullptr));
  return outputs_of(std::move(out));
}

constexpr Row kRows[] = {
    {"Transpose", evaluate_transpose, 0},
    {"Concat", evaluate_concat, 0},
    {"Split", evaluate_split, 0},
    {"Slice", evaluate_slice, 0},
    {"Pad", evaluate_pad, 0},
    {"Tile", evaluate_tile, 0},
    {"Expand", evaluate_expand, 0},
    {"DepthToSpace", evaluate_depth_space, 0},
    {"SpaceToDepth", evaluate_depth_space, 0},
    {"CenterCropPad", evaluate_center_crop_pad, 0},
};

}  // namespace

std::span<const Row> movement_rows() { return kRows; }

}  // namespace ingot::reference
