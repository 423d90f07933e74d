// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/axes.h"

namespace ingot::cpu {

std::optional<std::size_t> normal_axis(std::int64_t axis, std::size_t rank) {
  const auto size = static_cast<std::int64_t>(rank);
  if (axis < 0) axis += size;
  if (axis < 0 || axis >= size) return std::nullopt;
  return static_cast<std::size_t>(axis);
}

std::optional<Ints> constant_ints(const Operand& operand) {
  if (!operand.constant || operand.value == nullptr || !is_integer(operand.dtype)) return std::nullopt;
  Ints out;
  for (std::int64_t i = 0; i < operand.value->elements(); ++i) out.push_back(operand.value->as_int(i));
  return out;
}

std::int64_t product(const Shape& shape, std::size_t begin, std::size_t end) {
  std::int64_t out = 1;
  for (std::size_t i = begin; i < end; ++i) out *= shape[i];
  return out;
}

Ints dense_strides(const Shape& shape) {
  Ints strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

}  // namespace ingot::cpu
