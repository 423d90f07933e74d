// SPDX-License-Identifier: Apache-2.0
#include "tensor/convert.h"

#include <bit>
#include <cmath>
#include <limits>

#include "base/status.h"

namespace ingot {
namespace {

// A sign-magnitude format without padding; codes above max_code are NaN or infinity.
struct SmallFormat {
  int mantissa_bits;
  int bias;
  std::uint8_t max_code;  // of the largest finite magnitude
  std::uint8_t sign_bit;
  std::uint8_t nan_code;  // what NaN becomes; 0: the largest value
  std::uint8_t inf_code;  // 0 when there is none
  bool negative_zero;     // false: the code of -0 is the NaN
};

constexpr SmallFormat format_of(DType type) {
  switch (type) {
    case DType::f8e4m3fn: return {3, 7, 0x7e, 0x80, 0x7f, 0, true};
    case DType::f8e4m3fnuz: return {3, 8, 0x7f, 0x80, 0x80, 0, false};
    case DType::f8e5m2: return {2, 15, 0x7b, 0x80, 0x7e, 0x7c, true};
    case DType::f8e5m2fnuz: return {2, 16, 0x7f, 0x80, 0x80, 0, false};
    case DType::f6e2m3: return {3, 1, 0x1f, 0x20, 0x20, 0, true};
    case DType::f6e3m2: return {2, 3, 0x1f, 0x20, 0x20, 0, true};
    default: return {1, 1, 0x07, 0x08, 0, 0, true};  // f4e2m1
  }
}

constexpr int kE8m0Bias = 127;
constexpr std::uint8_t kE8m0Nan = 0xff;

float e8m0_to_float(std::uint8_t bits) {
  if (bits == kE8m0Nan) return std::numeric_limits<float>::quiet_NaN();
  return std::ldexp(1.0F, static_cast<int>(bits) - kE8m0Bias);
}

// A power of two has no even neighbour, so a tie (1.5 * 2^e) goes up.
std::uint8_t float_to_e8m0(float value) {
  if (std::isnan(value) || value < 0) return kE8m0Nan;
  if (std::isinf(value)) return kE8m0Nan - 1;
  if (value == 0) return 0;
  const int exponent = std::ilogb(value);
  const int rounded = exponent + (std::ldexp(value, -exponent) >= 1.5F ? 1 : 0) + kE8m0Bias;
  return static_cast<std::uint8_t>(rounded < 0 ? 0 : rounded >= kE8m0Nan ? kE8m0Nan - 1 : rounded);
}

}  // namespace

float f16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t magnitude = bits & 0x7fffU;
  if (magnitude >= 0x7c00U) return std::bit_cast<float>(sign | 0x7f800000U | ((magnitude & 0x3ffU) << 13));
  if (magnitude >= 0x0400U) return std::bit_cast<float>(sign | ((magnitude << 13) + (112U << 23)));
  const float denormal = static_cast<float>(magnitude) * 0x1p-24F;
  return sign != 0 ? -denormal : denormal;
}

std::uint16_t float_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return static_cast<std::uint16_t>(sign | 0x7e00U | ((magnitude >> 13) & 0x3ffU));
  if (magnitude >= 0x477ff000U) return static_cast<std::uint16_t>(sign | 0x7c00U);  // from 65520 on
  if (magnitude < 0x38800000U) {
    // Below the smallest normal, 2^-14: adding 0.5 leaves exactly the f16 denormal in the low bits, rounded by the FPU.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000U));
  }
  magnitude += 0xfffU + ((magnitude >> 13) & 1U);
  return static_cast<std::uint16_t>(sign | ((magnitude - (112U << 23)) >> 13));
}

float bf16_to_float(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

std::uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

float small_float_to_float(DType type, std::uint8_t bits) {
  if (type == DType::f8e8m0) return e8m0_to_float(bits);
  const SmallFormat format = format_of(type);
  if (!format.negative_zero && bits == format.nan_code) return std::numeric_limits<float>::quiet_NaN();
  const std::uint8_t magnitude = bits & static_cast<std::uint8_t>(format.sign_bit - 1);
  const float sign = (bits & format.sign_bit) != 0 ? -1.0F : 1.0F;
  if (magnitude > format.max_code)
    return magnitude == format.inf_code ? sign * std::numeric_limits<float>::infinity()
                                        : std::numeric_limits<float>::quiet_NaN();
  const int exponent = magnitude >> format.mantissa_bits;
  const int mantissa = magnitude & ((1 << format.mantissa_bits) - 1);
  const int significand = exponent == 0 ? mantissa : mantissa + (1 << format.mantissa_bits);
  const int scale = (exponent == 0 ? 1 : exponent) - format.bias - format.mantissa_bits;
  return sign * std::ldexp(static_cast<float>(significand), scale);
}

std::uint8_t float_to_small_float(DType type, float value) {
  if (type == DType::f8e8m0) return float_to_e8m0(value);
  const SmallFormat format = format_of(type);
  if (std::isnan(value)) return format.nan_code != 0 ? format.nan_code : format.max_code;
  const std::uint8_t sign = std::signbit(value) ? format.sign_bit : 0;
  const float magnitude = std::fabs(value);
  const int lowest = 1 - format.bias;
  int code = format.max_code;
  if (magnitude == 0) {
    code = 0;
  } else if (!std::isinf(magnitude) && std::ilogb(magnitude) < 64) {
    const int exponent = std::max(std::ilogb(magnitude), lowest);
    // In units of the last place; a carry into the next binade comes out right because codes are consecutive.
    const auto units = static_cast<int>(std::nearbyint(std::ldexp(magnitude, format.mantissa_bits - exponent)));
    code = std::min<int>(((exponent + format.bias - 1) << format.mantissa_bits) + units, format.max_code);
  }
  if (code == 0 && !format.negative_zero) return 0;
  return static_cast<std::uint8_t>(sign | code);
}

float round_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  if (std::isnan(value) || static_cast<double>(nearest) == value) return nearest;
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  if ((bits & 1U) != 0) return nearest;
  // An inexact even result: the truth lies between it and one odd neighbour.
  const bool away = std::fabs(value) > std::fabs(static_cast<double>(nearest));
  bits = away ? bits + 1 : bits - 1;
  return std::bit_cast<float>(bits);
}

}  // namespace ingot
