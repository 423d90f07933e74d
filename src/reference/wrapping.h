// SPDX-License-Identifier: Apache-2.0
// Sums, differences and products of double, int64 and uint64, as ONNX Runtime computes them: integers wrap around.
#pragma once

#include <cstdint>
#include <type_traits>

namespace ingot::reference {

// Overflow of signed integers is undefined in C++, so that they are computed without sign.
template <typename T>
using Wrapping = std::conditional_t<std::is_same_v<T, std::int64_t>, std::uint64_t, T>;

template <typename T>
T add(T a, T b) {
  return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
}
template <typename T>
T subtract(T a, T b) {
  return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
}
template <typename T>
T multiply(T a, T b) {
  return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
}

}  // namespace ingot::reference
