// SPDX-License-Identifier: Apache-2.0
// ordered_key: numbers of every type as unsigned integers of 64 bits in the same order. Zeros of both signs are one,
// NaN is above all numbers.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "tensor/convert.h"
#include "tensor/dtype.h"

namespace ingot::cpu {

template <typename T>
std::uint64_t ordered_key(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr Bits kSign = Bits{1} << (8 * sizeof(T) - 1);
    if (value != value) return static_cast<Bits>(~Bits{0});
    const auto bits = std::bit_cast<Bits>(value + T{0});  // -0 + 0 is +0
    return (bits & kSign) != 0 ? static_cast<Bits>(~bits) : static_cast<Bits>(bits | kSign);
  } else if constexpr (std::is_signed_v<T>) {
    using Bits = std::make_unsigned_t<T>;
    return static_cast<Bits>(static_cast<Bits>(value) ^ (Bits{1} << (8 * sizeof(T) - 1)));
  } else {
    return value;
  }
}

// Calls f with a function (const void* data, std::int64_t i) -> number, where the type has one; false otherwise.
template <typename F>
bool with_element_reader(DType type, F f) {
  const auto plain = [&f]<typename T>(T) {
    f([](const void* data, std::int64_t i) { return static_cast<const T*>(data)[i]; });
    return true;
  };
  switch (type) {
    case DType::f32: return plain(float());
    case DType::f64: return plain(double());
    case DType::i8: return plain(std::int8_t());
    case DType::i16: return plain(std::int16_t());
    case DType::i32: return plain(std::int32_t());
    case DType::i64: return plain(std::int64_t());
    case DType::u8: return plain(std::uint8_t());
    case DType::u16: return plain(std::uint16_t());
    case DType::u32: return plain(std::uint32_t());
    case DType::u64: return plain(std::uint64_t());
    case DType::f16:
      f([](const void* data, std::int64_t i) { return f16_to_float(static_cast<const std::uint16_t*>(data)[i]); });
      return true;
    case DType::bf16:
      f([](const void* data, std::int64_t i) { return bf16_to_float(static_cast<const std::uint16_t*>(data)[i]); });
      return true;
    default: return false;
  }
}

}  // namespace ingot::cpu
