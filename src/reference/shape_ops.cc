// SPDX-License-Identifier: Apache-2.0
// Operators that keep the elements and change the shape alone, or that ask for it.
#include <algorithm>
#include <cstring>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

// A copy, since an operand may be a view of memory that outlives the call no longer than its owner likes.
Result<Outputs> copy_as(const HostTensor& in, Shape shape) {
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(in.dtype(), std::move(shape)));
  if (out.elements() != in.elements())
    return invalid_argument("operand 0 of shape {} does not hold the elements of {}", to_string(in.shape()),
                            to_string(out.shape()));
  if (!in.bytes().empty()) std::memcpy(out.mutable_data<std::byte>(), in.data<std::byte>(), in.bytes().size());
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_identity(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  INGOT_ASSIGN_OR_RETURN(Outputs outputs, copy_as(*in, in->shape()));
  return outputs;
}

// Inference only: the data passes, the mask is all true.
Result<Outputs> evaluate_dropout(const Call& call) {
  const HostTensor* training = optional_operand(call, 2);
  if (training != nullptr && training->elements() == 1 && training->as_int(0) != 0)
    return unsupported("operand 2 (training_mode) is true; only inference is served");
  INGOT_ASSIGN_OR_RETURN(Outputs outputs, evaluate_identity(call));
  if (call.output_count > 1) {
    const std::vector<std::int64_t> ones(to_size(outputs[0].elements()), 1);
    INGOT_ASSIGN_OR_RETURN(HostTensor mask, from_numbers(DType::boolean, outputs[0].shape(), ones));
    outputs.push_back(std::move(mask));
  }
  return outputs;
}

Result<Outputs> evaluate_reshape(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "data"));
  INGOT_ASSIGN_OR_RETURN(Shape shape, ints_operand(call, 1, "shape"));
  const bool allow_zero = call.attrs->get_int("allowzero", 0) != 0;
  std::size_t free_axis = shape.size();
  std::int64_t known = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 0 && !allow_zero) {
      if (axis >= in->shape().size())
        return invalid_argument("operand 1 (shape) copies dimension {} of {}", axis, to_string(in->shape()));
      shape[axis] = in->shape()[axis];
    }
    if (shape[axis] == -1) {
      if (free_axis != shape.size()) return invalid_argument("operand 1 (shape) has more than one -1");
      free_axis = axis;
    } else if (__builtin_mul_overflow(known, shape[axis], &known)) {
      return invalid_argument("operand 1 (shape) {} is too large", to_string(shape));
    }
  }
  if (free_axis != shape.size()) {
    if (known <= 0 || in->elements() % known != 0)
      return invalid_argument("operand 0 (data) of shape {} does not divide into {}", to_string(in->shape()),
                              to_string(shape));
    shape[free_axis] = in->elements() / known;
  }
  return copy_as(*in, std::move(shape));
}

Result<Outputs> evaluate_flatten(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  std::int64_t axis = call.attrs->get_int("axis", 1);
  if (axis < -in->rank() || axis > in->rank())
    return invalid_argument("axis {} is out of range for rank {}", axis, in->rank());
  if (axis < 0) axis += in->rank();
  const std::int64_t outer = product(in->shape(), 0, to_size(axis));
  return copy_as(*in, {outer, product(in->shape(), to_size(axis), in->shape().size())});
}

Result<Outputs> evaluate_squeeze(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "data"));
  Ints ones;
  for (std::int64_t axis = 0; axis < in->rank(); ++axis)
    if (in->shape()[to_size(axis)] == 1) ones.push_back(axis);
  INGOT_ASSIGN_OR_RETURN(const Ints listed, ints_operand(call, 1, "axes", ones));
  INGOT_ASSIGN_OR_RETURN(const auto axes, normalize_axes(listed, in->shape().size(), "operand 1 (axes): axis"));
  Shape shape;
  for (std::size_t axis = 0; axis < in->shape().size(); ++axis) {
    const bool dropped = std::find(axes.begin(), axes.end(), axis) != axes.end();
    if (dropped && in->shape()[axis] != 1)
      return invalid_argument("operand 1 (axes) drops axis {} of {}, which is not 1", axis, to_string(in->shape()));
    if (!dropped) shape.push_back(in->shape()[axis]);
  }
  return copy_as(*in, std::move(shape));
}

Result<Outputs> evaluate_unsqueeze(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "data"));
  INGOT_ASSIGN_OR_RETURN(const Ints listed, ints_operand(call, 1, "axes"));
  const std::size_t rank = in->shape().size() + listed.size();
  INGOT_ASSIGN_OR_RETURN(const auto axes, normalize_axes(listed, rank, "operand 1 (axes): axis"));
  Shape shape;
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < rank; ++axis)
    shape.push_back(std::find(axes.begin(), axes.end(), axis) != axes.end() ? 1 : in->shape()[next++]);
  return copy_as(*in, std::move(shape));
}

Result<Outputs> evaluate_shape(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "data"));
  const auto clamped = [&](std::int64_t at) {
    return std::clamp(at < 0 ? at + in->rank() : at, std::int64_t{0}, in->rank());
  };
  const std::int64_t start = clamped(call.attrs->get_int("start", 0));
  const std::int64_t end = std::max(start, clamped(call.attrs->get_int("end", in->rank())));
  return outputs_of(HostTensor::of_ints(std::span(in->shape()).subspan(to_size(start), to_size(end - start))));
}

Result<Outputs> evaluate_size(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "data"));
  return single_output(DType::i64, {}, Ints{in->elements()});
}

Result<Outputs> evaluate_bit_cast(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  const DType to = output_type(call, 0, in->dtype());
  if (bits_of(to) != bits_of(in->dtype()) || to == DType::string)
    return invalid_argument("operand 0 has type {}; {} is of another width", to_string(in->dtype()), to_string(to));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(to, in->shape()));
  if (!in->bytes().empty()) std::memcpy(out.mutable_data<std::byte>(), in->data<std::byte>(), in->bytes().size());
  return outputs_of(std::move(out));
}

constexpr Row kRows[] = {
    {"Identity", evaluate_identity, 0}, {"Dropout", evaluate_dropout},    {"Reshape", evaluate_reshape, 0},
    {"Flatten", evaluate_flatten, 0},   {"Squeeze", evaluate_squeeze, 0}, {"Unsqueeze", evaluate_unsqueeze, 0},
    {"Shape", evaluate_shape},          {"Size", evaluate_size},          {"BitCast", evaluate_bit_cast},
};

}  // namespace

std::span<const Row> shape_rows() { return kRows; }

}  // namespace ingot::reference
