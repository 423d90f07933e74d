// SPDX-License-Identifier: Apache-2.0
// Operators that make a tensor from a few numbers.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

Result<Outputs> evaluate_constant(const Call& call) {
  const TensorPtr value = call.attrs->get_tensor("value");
  if (value == nullptr) return invalid_argument("the attribute value is missing");
  return outputs_of(*value);
}

Result<Outputs> evaluate_constant_of_shape(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Shape shape, ints_operand(call, 0, "input"));
  const TensorPtr value = call.attrs->get_tensor("value");
  if (value == nullptr) {
    INGOT_ASSIGN_OR_RETURN(HostTensor zeros, HostTensor::create(DType::f32, shape));
    return outputs_of(std::move(zeros));
  }
  if (value->elements() != 1) return invalid_argument("value must have one element, not {}", value->elements());
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(value->dtype(), shape));
  if (bits_of(value->dtype()) < 8) {
    for (std::int64_t i = 0; i < out.elements(); ++i) out.set_double(i, value->as_double(0));
    return outputs_of(std::move(out));
  }
  if (value->dtype() == DType::string) {
    for (std::string& text : out.strings()) text = value->strings()[0];
    return outputs_of(std::move(out));
  }
  copy_strided(shape, out, {0, strides_of(shape)}, *value, {0, Shape(shape.size(), 0)});
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_range(const Call& call) {
  const HostTensor* operands[3] = {};
  for (std::size_t k = 0; k < 3; ++k) {
    constexpr std::string_view kNames[] = {"start", "limit", "delta"};
    INGOT_ASSIGN_OR_RETURN(operands[k], numeric_operand(call, k, kNames[k]));
    if (operands[k]->elements() != 1) return invalid_argument("operand {} ({}) must have one element", k, kNames[k]);
  }
  const DType dtype = operands[0]->dtype();
  if (is_float(dtype)) {
    const double start = operands[0]->as_double(0);
    const double delta = operands[2]->as_double(0);
    const double count = std::max(0.0, std::ceil((operands[1]->as_double(0) - start) / delta));
    if (!(count < 9e18)) return invalid_argument("operand 2 (delta) of {} gives no finite range", delta);
    INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(dtype, {static_cast<std::int64_t>(count)}));
    for (std::int64_t i = 0; i < out.elements(); ++i) out.set_double(i, start + static_cast<double>(i) * delta);
    return outputs_of(std::move(out));
  }
  const std::int64_t start = operands[0]->as_int(0);
  const std::int64_t limit = operands[1]->as_int(0);
  const std::int64_t delta = operands[2]->as_int(0);
  if (delta == 0) return invalid_argument("operand 2 (delta) is zero");
  std::int64_t distance = 0;
  if (__builtin_sub_overflow(limit, start, &distance)) return invalid_argument("operand 1 (limit) is too far away");
  const bool empty = distance == 0 || (distance < 0) != (delta < 0);
  const std::int64_t count = empty ? 0 : distance / delta + (distance % delta != 0 ? 1 : 0);
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(dtype, {count}));
  for (std::int64_t i = 0; i < count; ++i) out.set_int(i, start + i * delta);
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_eye_like(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  if (in->rank() != 2) return invalid_argument("operand 0 (input) of shape {} needs rank 2", to_string(in->shape()));
  const std::int64_t k = call.attrs->get_int("k", 0);
  const std::int64_t columns = in->shape()[1];
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(output_type(call, 0, in->dtype()), in->shape()));
  if (k < -in->shape()[0] || k > columns) return outputs_of(std::move(out));
  for (std::int64_t row = std::max(std::int64_t{0}, -k); row < in->shape()[0] && row + k < columns; ++row)
    out.set_double(row * columns + row + k, 1);
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_one_hot(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* indices, numeric_operand(call, 0, "indices"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* depth_operand, numeric_operand(call, 1, "depth"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* values, required_operand(call, 2, "values"));
  if (depth_operand->elements() != 1) return invalid_argument("operand 1 (depth) must have one element");
  if (values->elements() != 2) return invalid_argument("operand 2 (values) must hold [off, on]");
  const std::int64_t depth = to_numbers<std::int64_t>(*depth_operand)[0];
  if (depth < 1) return invalid_argument("operand 1 (depth) is {}; at least 1 is needed", depth);
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                         normalize_axis(call.attrs->get_int("axis", -1), indices->shape().size() + 1, "axis"));
  Shape shape = indices->shape();
  shape.insert(shape.begin() + to_signed(axis), depth);
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(values->dtype(), shape));
  copy_strided(shape, out, {0, strides_of(shape)}, *values, {0, Shape(shape.size(), 0)});
  const Ints at = to_numbers<std::int64_t>(*indices);
  const std::int64_t inner = product(shape, axis + 1, shape.size());
  const std::int64_t bytes = element_bytes(*values);
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (at[i] < -depth || at[i] >= depth) continue;  // out of range: the whole row stays off
    const std::int64_t hot = at[i] < 0 ? at[i] + depth : at[i];
    const std::int64_t offset = (to_signed(i) / inner * depth + hot) * inner + to_signed(i) % inner;
    std::memcpy(out.mutable_data<std::byte>() + offset * bytes, values->data<std::byte>() + bytes, to_size(bytes));
  }
  return outputs_of(std::move(out));
}

constexpr Row kRows[] = {
    {"Constant", evaluate_constant}, {"ConstantOfShape", evaluate_constant_of_shape},
    {"Range", evaluate_range},       {"EyeLike", evaluate_eye_like},
    {"OneHot", evaluate_one_hot, 2},
};

}  // namespace

std::span<const Row> generator_rows() { return kRows; }

}  // namespace ingot::reference
