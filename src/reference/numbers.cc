// SPDX-License-Identifier: Apache-2.0
#include "reference/numbers.h"

#include <cmath>
#include <limits>
#include <type_traits>

namespace ingot::reference {

namespace {

// Calls body with a zero of the C++ type stored in memory, or returns false for the types that have none.
template <typename Body>
bool with_native_type(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::f32: body(float{}); return true;
    case DType::f64: body(double{}); return true;
    case DType::i8: body(std::int8_t{}); return true;
    case DType::i16: body(std::int16_t{}); return true;
    case DType::i32: body(std::int32_t{}); return true;
    case DType::i64: body(std::int64_t{}); return true;
    case DType::boolean:
    case DType::u8: body(std::uint8_t{}); return true;
    case DType::u16: body(std::uint16_t{}); return true;
    case DType::u32: body(std::uint32_t{}); return true;
    case DType::u64: body(std::uint64_t{}); return true;
    default: return false;
  }
}

template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, std::uint64_t>) {
    if (value >= 9223372036854775808.0 && value < 18446744073709551616.0) return static_cast<std::uint64_t>(value);
    return static_cast<std::uint64_t>(truncate_to_int(static_cast<double>(value)));
  } else if constexpr (std::is_floating_point_v<From> && !std::is_floating_point_v<To>) {
    return static_cast<To>(truncate_to_int(static_cast<double>(value)));
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

std::int64_t truncate_to_int(double value) {
  if (std::isnan(value)) return 0;
  if (value >= 9223372036854775808.0) return std::numeric_limits<std::int64_t>::max();
  if (value <= -9223372036854775808.0) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

template <typename T>
std::vector<T> to_numbers(const HostTensor& tensor) {
  const auto count = static_cast<std::size_t>(tensor.elements());
  std::vector<T> numbers(count);
  const bool native = with_native_type(tensor.dtype(), [&](auto zero) {
    const auto* data = tensor.data<decltype(zero)>();
    for (std::size_t i = 0; i < count; ++i) numbers[i] = convert<T>(data[i]);
  });
  if (native) return numbers;
  for (std::size_t i = 0; i < count; ++i) {
    const auto index = static_cast<std::int64_t>(i);
    numbers[i] = is_float(tensor.dtype()) ? convert<T>(tensor.as_double(index)) : convert<T>(tensor.as_int(index));
  }
  return numbers;
}

template <typename T>
Result<HostTensor> from_numbers(DType dtype, Shape shape, const std::vector<T>& values) {
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, std::move(shape)));
  if (tensor.elements() != static_cast<std::int64_t>(values.size()))
    return invalid_argument("{} values computed for shape {}", values.size(), to_string(tensor.shape()));
  const std::size_t count = values.size();
  if (dtype == DType::boolean) {
    for (std::size_t i = 0; i < count; ++i) tensor.mutable_data<std::uint8_t>()[i] = values[i] != T{} ? 1 : 0;
    return tensor;
  }
  const bool native = with_native_type(dtype, [&](auto zero) {
    auto* data = tensor.mutable_data<decltype(zero)>();
    for (std::size_t i = 0; i < count; ++i) data[i] = convert<decltype(zero)>(values[i]);
  });
  if (native) return tensor;
  for (std::size_t i = 0; i < count; ++i) {
    const auto index = static_cast<std::int64_t>(i);
    if (is_float(dtype)) {
      tensor.set_double(index, static_cast<double>(values[i]));
    } else {
      tensor.set_int(index, convert<std::int64_t>(values[i]));
    }
  }
  return tensor;
}

template std::vector<double> to_numbers(const HostTensor&);
template std::vector<std::int64_t> to_numbers(const HostTensor&);
template std::vector<std::uint64_t> to_numbers(const HostTensor&);
template Result<HostTensor> from_numbers(DType, Shape, const std::vector<double>&);
template Result<HostTensor> from_numbers(DType, Shape, const std::vector<std::int64_t>&);
template Result<HostTensor> from_numbers(DType, Shape, const std::vector<std::uint64_t>&);

double round_to(DType dtype, double value) {
  if (dtype == DType::f64 || !is_float(dtype)) return value;
  if (dtype == DType::f32) return static_cast<double>(static_cast<float>(value));
  return HostTensor::scalar(dtype, value).as_double(0);
}

Limits limits_of(DType dtype) {
  Limits limits;
  const int bits = bits_of(dtype);
  switch (kind_of(dtype)) {
    case 'f':
      limits.highest_float = std::numeric_limits<double>::infinity();
      limits.lowest_float = -limits.highest_float;
      return limits;
    case 'i':
      limits.lowest = std::numeric_limits<std::int64_t>::min() >> (64 - bits);
      limits.highest = static_cast<std::uint64_t>(~limits.lowest);
      break;
    case 'u': limits.highest = ~std::uint64_t{0} >> (64 - bits); break;
    case 'b': limits.highest = 1; break;
    default: break;
  }
  limits.lowest_float = static_cast<double>(limits.lowest);
  limits.highest_float = static_cast<double>(limits.highest);
  return limits;
}

}  // namespace ingot::reference
