// SPDX-License-Identifier: Apache-2.0
#include "reference/indexing.h"

#include <algorithm>

namespace ingot::reference {

Shape strides_of(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

std::int64_t product(const Shape& shape, std::size_t begin, std::size_t end) {
  std::int64_t result = 1;
  for (std::size_t axis = begin; axis < end; ++axis) result *= shape[axis];
  return result;
}

Result<std::size_t> normalize_axis(std::int64_t axis, std::size_t rank, std::string_view what) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank)
    return invalid_argument("{} {} is out of range for rank {}", what, axis, rank);
  return static_cast<std::size_t>(axis < 0 ? axis + signed_rank : axis);
}

Result<std::vector<std::size_t>> normalize_axes(const std::vector<std::int64_t>& axes, std::size_t rank,
                                                std::string_view what) {
  std::vector<std::size_t> result;
  for (std::int64_t axis : axes) {
    INGOT_ASSIGN_OR_RETURN(const std::size_t normal, normalize_axis(axis, rank, what));
    if (std::find(result.begin(), result.end(), normal) != result.end())
      return invalid_argument("{} {} is given twice", what, axis);
    result.push_back(normal);
  }
  return result;
}

Result<Shape> broadcast_shapes(const std::vector<Shape>& shapes) {
  std::size_t rank = 0;
  for (const Shape& shape : shapes) rank = std::max(rank, shape.size());
  Shape result(rank, 1);
  for (const Shape& shape : shapes) {
    const std::size_t lead = rank - shape.size();
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      std::int64_t& dim = result[lead + axis];
      if (shape[axis] == dim || shape[axis] == 1) continue;
      if (dim != 1)
        return invalid_argument("operand of shape {} does not broadcast to {}", to_string(shape), to_string(result));
      dim = shape[axis];
    }
  }
  return result;
}

Result<Shape> broadcast_strides(const Shape& from, const Shape& to) {
  if (from.size() > to.size())
    return invalid_argument("operand of shape {} does not broadcast to {}", to_string(from), to_string(to));
  const Shape dense = strides_of(from);
  const std::size_t lead = to.size() - from.size();
  Shape strides(to.size(), 0);
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    if (from[axis] == to[lead + axis]) {
      strides[lead + axis] = from[axis] == 1 ? 0 : dense[axis];
    } else if (from[axis] != 1) {
      return invalid_argument("operand of shape {} does not broadcast to {}", to_string(from), to_string(to));
    }
  }
  return strides;
}

}  // namespace ingot::reference
