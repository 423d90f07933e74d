// SPDX-License-Identifier: Apache-2.0
// Tensors as vectors of numbers: the evaluator computes in double, int64 or uint64, whichever holds the type exactly.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace ingot::reference {

// T is double, std::int64_t or std::uint64_t. Booleans count as 0 and 1; a float read as an integer truncates.
template <typename T>
std::vector<T> to_numbers(const HostTensor& tensor);

// Stores with the element type's rounding; integers wrap, a double outside int64 saturates first.
template <typename T>
Result<HostTensor> from_numbers(DType dtype, Shape shape, const std::vector<T>& values);

// The nearest value that the floating type can hold (the identity for other types).
double round_to(DType dtype, double value);

// Truncates toward zero; NaN gives 0, values outside int64 the nearest end.
std::int64_t truncate_to_int(double value);

// The least and greatest value of a type, infinities for floating ones.
struct Limits {
  double lowest_float = 0, highest_float = 0;
  std::int64_t lowest = 0;
  std::uint64_t highest = 0;
};
Limits limits_of(DType dtype);

// Calls body with a zero of the number type that holds dtype exactly.
template <typename Body>
auto with_number_type(DType dtype, Body&& body) {
  if (is_float(dtype)) return body(double{});
  if (dtype == DType::u64) return body(std::uint64_t{});
  return body(std::int64_t{});
}

}  // namespace ingot::reference
