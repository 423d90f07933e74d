// SPDX-License-Identifier: Apache-2.0
// Index arithmetic for dense row-major tensors of any rank. Strides count elements.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/dim.h"

namespace ingot::reference {

Shape strides_of(const Shape& shape);

// Product of shape[begin, end); the shape is that of an existing tensor, so it cannot overflow.
std::int64_t product(const Shape& shape, std::size_t begin, std::size_t end);
inline std::int64_t product(const Shape& shape) { return product(shape, 0, shape.size()); }

// An axis in [-rank, rank) as one in [0, rank).
Result<std::size_t> normalize_axis(std::int64_t axis, std::size_t rank, std::string_view what);
// The same for a list without repetitions.
Result<std::vector<std::size_t>> normalize_axes(const std::vector<std::int64_t>& axes, std::size_t rank,
                                                std::string_view what);

Result<Shape> broadcast_shapes(const std::vector<Shape>& shapes);
// Strides with which a tensor of shape `from` is read as if it had shape `to` (0 where it repeats).
// `from` must broadcast to `to`.
Result<Shape> broadcast_strides(const Shape& from, const Shape& to);

// Visits all elements of `shape` in row-major order as runs along the last axis:
// body(offsets, steps, count) with, for every tensor, the offset of the run's first element and the step inside it.
template <typename Body>
void for_each_run(const Shape& shape, const std::vector<Shape>& strides, Body&& body) {
  const std::size_t rank = shape.size();
  const std::size_t tensors = strides.size();
  std::vector<std::int64_t> offsets(tensors, 0);
  std::vector<std::int64_t> steps(tensors, 0);
  if (rank == 0) {
    body(offsets, steps, std::int64_t{1});
    return;
  }
  for (std::int64_t dim : shape)
    if (dim == 0) return;
  const std::size_t last = rank - 1;
  for (std::size_t t = 0; t < tensors; ++t) steps[t] = strides[t][last];
  Shape index(rank, 0);
  while (true) {
    body(offsets, steps, shape[last]);
    std::size_t axis = last;
    while (true) {
      if (axis == 0) return;
      --axis;
      ++index[axis];
      for (std::size_t t = 0; t < tensors; ++t) offsets[t] += strides[t][axis];
      if (index[axis] < shape[axis]) break;
      for (std::size_t t = 0; t < tensors; ++t) offsets[t] -= strides[t][axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

// Visits all elements: body(offsets).
template <typename Body>
void for_each_element(const Shape& shape, const std::vector<Shape>& strides, Body&& body) {
  for_each_run(shape, strides,
               [&](std::vector<std::int64_t> offsets, const std::vector<std::int64_t>& steps, std::int64_t count) {
                 for (std::int64_t i = 0; i < count; ++i) {
                   body(static_cast<const std::vector<std::int64_t>&>(offsets));
                   for (std::size_t t = 0; t < offsets.size(); ++t) offsets[t] += steps[t];
                 }
               });
}

// Advances a row-major index; false when it wraps around to the first one.
inline bool next_index(Shape& index, const Shape& shape) {
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (++index[axis] < shape[axis]) return true;
    index[axis] = 0;
  }
  return false;
}

}  // namespace ingot::reference
