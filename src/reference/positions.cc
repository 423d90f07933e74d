// SPDX-License-Identifier: Apache-2.0
#include "reference/positions.h"

#include "reference/indexing.h"

namespace ingot::reference {

Result<const HostTensor*> integer_operand(const Call& call, std::size_t index, std::string_view name) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, required_operand(call, index, name));
  if (!is_integer(operand->dtype()))
    return invalid_argument("operand {} ({}) has type {}; an integer type is needed", index, name,
                            to_string(operand->dtype()));
  return operand;
}

namespace {

Result<std::int64_t> position(std::int64_t index, std::int64_t dim, std::size_t operand, std::string_view name) {
  if (index < -dim || index >= dim)
    return invalid_argument("operand {} ({}) has the index {}, out of range for a dimension of {}", operand, name,
                            index, dim);
  return index < 0 ? index + dim : index;
}

}  // namespace

Result<Ints> positions(const HostTensor& indices, std::int64_t dim, std::size_t operand, std::string_view name) {
  Ints values = to_numbers<std::int64_t>(indices);
  for (std::int64_t& value : values) {
    INGOT_ASSIGN_OR_RETURN(value, position(value, dim, operand, name));
  }
  return values;
}

Result<Ints> element_positions(const HostTensor& data, const HostTensor& indices, std::int64_t axis_attribute) {
  const std::size_t rank = data.shape().size();
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(axis_attribute, rank, "axis"));
  if (indices.shape().size() != rank)
    return invalid_argument("operand 1 (indices) has shape {}; rank {} is needed", to_string(indices.shape()), rank);
  for (std::size_t d = 0; d < rank; ++d)
    if (d != axis && indices.shape()[d] > data.shape()[d])
      return invalid_argument("operand 1 (indices) of shape {} exceeds operand 0 (data) of shape {} along axis {}",
                              to_string(indices.shape()), to_string(data.shape()), d);
  INGOT_ASSIGN_OR_RETURN(const Ints at, positions(indices, data.shape()[axis], 1, "indices"));
  const Shape strides = strides_of(data.shape());
  Shape others = strides;
  others[axis] = 0;
  Ints offsets;
  offsets.reserve(at.size());
  for_each_element(indices.shape(), {others},
                   [&](const auto& base) { offsets.push_back(base[0] + at[offsets.size()] * strides[axis]); });
  return offsets;
}

Result<Blocks> block_positions(const HostTensor& data, const HostTensor& indices, std::int64_t batch_dims) {
  const Shape& shape = data.shape();
  const Shape& rows = indices.shape();
  if (shape.empty() || rows.empty()) return invalid_argument("operands data and indices need at least one dimension");
  if (batch_dims < 0 || batch_dims >= data.rank() || batch_dims >= indices.rank())
    return invalid_argument("batch_dims {} is out of range for data {} and indices {}", batch_dims, to_string(shape),
                            to_string(rows));
  const std::size_t batch = to_size(batch_dims);
  const std::int64_t depth = rows.back();
  if (depth > data.rank() - batch_dims)
    return invalid_argument(
        "operand 1 (indices) of shape {} addresses more dimensions than operand 0 (data) of shape "
        "{} has",
        to_string(rows), to_string(shape));
  for (std::size_t d = 0; d < batch; ++d)
    if (rows[d] != shape[d])
      return invalid_argument("operand 1 (indices) of shape {} differs from data {} in a batch dimension",
                              to_string(rows), to_string(shape));
  const std::size_t inner = batch + to_size(depth);
  Blocks blocks;
  blocks.elements = product(shape, inner, shape.size());
  blocks.updates_shape.assign(rows.begin(), rows.end() - 1);
  blocks.updates_shape.insert(blocks.updates_shape.end(), shape.begin() + to_signed(inner), shape.end());
  const Ints values = to_numbers<std::int64_t>(indices);
  const Shape strides = strides_of(shape);
  const std::int64_t count = product(rows, 0, rows.size() - 1);
  const std::int64_t per_batch = product(rows, batch, rows.size() - 1);
  const std::int64_t batch_stride = product(shape, batch, shape.size());
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t offset = i / per_batch * batch_stride;
    for (std::int64_t d = 0; d < depth; ++d) {
      const std::size_t axis = batch + to_size(d);
      INGOT_ASSIGN_OR_RETURN(const std::int64_t at,
                             position(values[to_size(i * depth + d)], shape[axis], 1, "indices"));
      offset += at * strides[axis];
    }
    blocks.offsets.push_back(offset);
  }
  return blocks;
}

}  // namespace ingot::reference
