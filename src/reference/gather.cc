// SPDX-License-Identifier: Apache-2.0
// Operators that read elements at positions given by an operand.
#include <cstring>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/indexing.h"
#include "reference/positions.h"

namespace ingot::reference {

namespace {

Result<Outputs> evaluate_gather(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* data, required_operand(call, 0, "data"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* indices, integer_operand(call, 1, "indices"));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                         normalize_axis(call.attrs->get_int("axis", 0), data->shape().size(), "axis"));
  const std::int64_t dim = data->shape()[axis];
  INGOT_ASSIGN_OR_RETURN(const Ints at, positions(*indices, dim, 1, "indices"));
  Shape shape(data->shape().begin(), data->shape().begin() + to_signed(axis));
  shape.insert(shape.end(), indices->shape().begin(), indices->shape().end());
  shape.insert(shape.end(), data->shape().begin() + to_signed(axis) + 1, data->shape().end());
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(data->dtype(), shape));
  if (out.elements() == 0) return outputs_of(std::move(out));
  const std::int64_t outer = product(data->shape(), 0, axis);
  const std::int64_t block = product(data->shape(), axis + 1, data->shape().size()) * element_bytes(*data);
  std::byte* to = out.mutable_data<std::byte>();
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t index : at) {
      std::memcpy(to, data->data<std::byte>() + (o * dim + index) * block, to_size(block));
      to += block;
    }
  }
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_gather_elements(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* data, required_operand(call, 0, "data"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* indices, integer_operand(call, 1, "indices"));
  INGOT_ASSIGN_OR_RETURN(const Ints from, element_positions(*data, *indices, call.attrs->get_int("axis", 0)));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(data->dtype(), indices->shape()));
  const std::int64_t bytes = element_bytes(*data);
  for (std::size_t i = 0; i < from.size(); ++i)
    std::memcpy(out.mutable_data<std::byte>() + to_signed(i) * bytes, data->data<std::byte>() + from[i] * bytes,
                to_size(bytes));
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_gather_nd(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* data, required_operand(call, 0, "data"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* indices, integer_operand(call, 1, "indices"));
  INGOT_ASSIGN_OR_RETURN(const Blocks blocks, block_positions(*data, *indices, call.attrs->get_int("batch_dims", 0)));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(data->dtype(), blocks.updates_shape));
  const std::int64_t bytes = blocks.elements * element_bytes(*data);
  if (bytes == 0) return outputs_of(std::move(out));
  for (std::size_t i = 0; i < blocks.offsets.size(); ++i)
    std::memcpy(out.mutable_data<std::byte>() + to_signed(i) * bytes,
                data->data<std::byte>() + blocks.offsets[i] * element_bytes(*data), to_size(bytes));
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_compress(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* input, required_operand(call, 0, "input"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* condition, numeric_operand(call, 1, "condition", 1));
  const bool flat = !call.attrs->has("axis");
  HostTensor data = *input;
  if (flat) {
    INGOT_ASSIGN_OR_RETURN(data, input->reshaped({input->elements()}));
  }
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                         normalize_axis(call.attrs->get_int("axis", 0), data.shape().size(), "axis"));
  std::vector<Ints> maps;
  for (std::int64_t dim : data.shape()) {
    maps.emplace_back();
    for (std::int64_t i = 0; i < dim; ++i) maps.back().push_back(i);
  }
  const Ints flags = to_numbers<std::int64_t>(*condition);
  if (to_signed(flags.size()) > data.shape()[axis])
    return invalid_argument("operand 1 (condition) is longer than axis {} of {}", axis, to_string(data.shape()));
  maps[axis].clear();
  for (std::size_t i = 0; i < flags.size(); ++i)
    if (flags[i] != 0) maps[axis].push_back(to_signed(i));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, gather_by_axis(data, maps, nullptr));
  return outputs_of(std::move(out));
}

constexpr Row kRows[] = {
    {"Gather", evaluate_gather, 0},
    {"GatherElements", evaluate_gather_elements, 0},
    {"GatherND", evaluate_gather_nd, 0},
    {"Compress", evaluate_compress, 0},
};

}  // namespace

std::span<const Row> gather_rows() { return kRows; }

}  // namespace ingot::reference
