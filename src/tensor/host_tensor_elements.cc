// SPDX-License-Identifier: Apache-2.0
// Access to single elements of a HostTensor, whatever their type.
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "tensor/convert.h"
#include "tensor/host_tensor.h"

namespace ingot {
namespace {

template <typename T>
T load(const std::byte* data, std::int64_t i) {
  T value;
  std::memcpy(&value, data + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <typename T>
void store(std::byte* data, std::int64_t i, T value) {
  std::memcpy(data + i * static_cast<std::int64_t>(sizeof(T)), &value, sizeof(T));
}

std::uint8_t load_bits(const std::byte* data, std::int64_t i, int bits) {
  const int per_byte = 8 / bits;
  const auto shift = static_cast<int>(i % per_byte) * bits;
  return static_cast<std::uint8_t>((std::to_integer<unsigned>(data[i / per_byte]) >> shift) & ((1U << bits) - 1U));
}

void store_bits(std::byte* data, std::int64_t i, int bits, std::uint64_t value) {
  const int per_byte = 8 / bits;
  const auto shift = static_cast<int>(i % per_byte) * bits;
  const unsigned mask = ((1U << bits) - 1U) << shift;
  const unsigned old = std::to_integer<unsigned>(data[i / per_byte]);
  data[i / per_byte] = static_cast<std::byte>((old & ~mask) | ((static_cast<unsigned>(value) << shift) & mask));
}

// Calls visit(T{}) for the C++ arithmetic type that holds the elements; false when there is none.
template <typename F>
bool with_native_type(DType dtype, F&& visit) {
  switch (dtype) {
    case DType::f32: visit(float{}); return true;
    case DType::f64: visit(double{}); return true;
    case DType::i8: visit(std::int8_t{}); return true;
    case DType::i16: visit(std::int16_t{}); return true;
    case DType::i32: visit(std::int32_t{}); return true;
    case DType::i64: visit(std::int64_t{}); return true;
    case DType::u8: visit(std::uint8_t{}); return true;
    case DType::u16: visit(std::uint16_t{}); return true;
    case DType::u32: visit(std::uint32_t{}); return true;
    case DType::u64: visit(std::uint64_t{}); return true;
    default: return false;
  }
}

std::int64_t truncate(double value) {
  if (std::isnan(value)) return 0;
  if (value >= 0x1p63) return std::numeric_limits<std::int64_t>::max();
  if (value < -0x1p63) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

std::int64_t sign_extend(std::uint8_t value, int bits) {
  const int sign = 1 << (bits - 1);
  return (value ^ sign) - sign;
}

std::int64_t element_int(const std::byte* data, std::int64_t i, DType dtype) {
  const int bits = bits_of(dtype);
  return kind_of(dtype) == 'i' ? sign_extend(load_bits(data, i, bits), bits) : load_bits(data, i, bits);
}

}  // namespace

double HostTensor::as_double(std::int64_t i) const {
  double value = 0;
  if (with_native_type(dtype_, [&](auto zero) { value = static_cast<double>(load<decltype(zero)>(data_, i)); }))
    return value;
  switch (dtype_) {
    case DType::f16: return f16_to_float(load<std::uint16_t>(data_, i));
    case DType::bf16: return bf16_to_float(load<std::uint16_t>(data_, i));
    case DType::f8e4m3fn:
    case DType::f8e4m3fnuz:
    case DType::f8e5m2:
    case DType::f8e5m2fnuz:
    case DType::f8e8m0:
    case DType::f6e2m3:
    case DType::f6e3m2: return small_float_to_float(dtype_, load<std::uint8_t>(data_, i));
    case DType::f4e2m1: return small_float_to_float(dtype_, load_bits(data_, i, 4));
    case DType::boolean: return load<std::uint8_t>(data_, i) != 0 ? 1 : 0;
    case DType::c64: return load<float>(data_, 2 * i);
    case DType::c128: return load<double>(data_, 2 * i);
    case DType::u4:
    case DType::i4:
    case DType::u2:
    case DType::i2: return static_cast<double>(element_int(data_, i, dtype_));
    default: return 0;
  }
}

std::int64_t HostTensor::as_int(std::int64_t i) const {
  std::int64_t value = 0;
  const bool native = with_native_type(dtype_, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) {
      value = static_cast<std::int64_t>(load<T>(data_, i));
    } else {
      value = truncate(static_cast<double>(load<T>(data_, i)));
    }
  });
  return native ? value : truncate(as_double(i));
}

void HostTensor::set_double(std::int64_t i, double value) {
  switch (dtype_) {
    case DType::f32: return store(data_, i, static_cast<float>(value));
    case DType::f64: return store(data_, i, value);
    case DType::f16: return store(data_, i, float_to_f16(round_to_odd(value)));
    case DType::bf16: return store(data_, i, float_to_bf16(round_to_odd(value)));
    case DType::f8e4m3fn:
    case DType::f8e4m3fnuz:
    case DType::f8e5m2:
    case DType::f8e5m2fnuz:
    case DType::f8e8m0:
    case DType::f6e2m3:
    case DType::f6e3m2: return store(data_, i, float_to_small_float(dtype_, round_to_odd(value)));
    case DType::f4e2m1: return store_bits(data_, i, 4, float_to_small_float(dtype_, round_to_odd(value)));
    case DType::boolean: return store(data_, i, static_cast<std::uint8_t>(value != 0 ? 1 : 0));
    case DType::c64: store(data_, 2 * i, static_cast<float>(value)); return store(data_, 2 * i + 1, 0.0F);
    case DType::c128: store(data_, 2 * i, value); return store(data_, 2 * i + 1, 0.0);
    case DType::u64:
      // Beyond int64 and not yet beyond uint64.
      if (value >= 0x1p63 && value < 0x1p64) return store(data_, i, static_cast<std::uint64_t>(value));
      return set_int(i, truncate(value));
    default: return set_int(i, truncate(value));
  }
}

void HostTensor::set_int(std::int64_t i, std::int64_t value) {
  if (with_native_type(dtype_, [&](auto zero) { store(data_, i, static_cast<decltype(zero)>(value)); })) return;
  switch (dtype_) {
    case DType::u4:
    case DType::i4:
    case DType::u2:
    case DType::i2: return store_bits(data_, i, bits_of(dtype_), static_cast<std::uint64_t>(value));
    case DType::string:
    case DType::undefined: return;
    default: return set_double(i, static_cast<double>(value));
  }
}

}  // namespace ingot
