// SPDX-License-Identifier: Apache-2.0
// Arithmetic on sizes that come from files: nullopt instead of an overflow.
#pragma once

#include <concepts>
#include <optional>

namespace ingot {

template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T out{};
  return __builtin_add_overflow(a, b, &out) ? std::nullopt : std::optional<T>(out);
}

template <std::integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
  T out{};
  return __builtin_mul_overflow(a, b, &out) ? std::nullopt : std::optional<T>(out);
}

// True when [offset, offset + length) lies within [0, size).
template <std::unsigned_integral T>
constexpr bool range_fits(T offset, T length, T size) {
  return offset <= size && length <= size - offset;
}

}  // namespace ingot
