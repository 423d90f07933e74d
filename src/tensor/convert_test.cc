// SPDX-License-Identifier: Apache-2.0
// Every code of every small type against the definition of its format, in double.
#include "tensor/convert.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace ingot {
namespace {

struct Format {
  const char* name;
  DType type;
  int exponent_bits, mantissa_bits, bias;
  enum { ieee, finite_only, no_negative_zero, plain } specials;
  bool saturates;
};

constexpr Format kFormats[] = {
    {"f16", DType::f16, 5, 10, 15, Format::ieee, false},
    {"bf16", DType::bf16, 8, 7, 127, Format::ieee, false},
    {"f8e4m3fn", DType::f8e4m3fn, 4, 3, 7, Format::finite_only, true},
    {"f8e4m3fnuz", DType::f8e4m3fnuz, 4, 3, 8, Format::no_negative_zero, true},
    {"f8e5m2", DType::f8e5m2, 5, 2, 15, Format::ieee, true},
    {"f8e5m2fnuz", DType::f8e5m2fnuz, 5, 2, 16, Format::no_negative_zero, true},
    {"f4e2m1", DType::f4e2m1, 2, 1, 1, Format::plain, true},
    {"f6e2m3", DType::f6e2m3, 2, 3, 1, Format::plain, true},
    {"f6e3m2", DType::f6e3m2, 3, 2, 3, Format::plain, true},
};

int width(const Format& f) { return 1 + f.exponent_bits + f.mantissa_bits; }

float decode(const Format& f, std::uint32_t code) {
  if (f.type == DType::f16) return f16_to_float(static_cast<std::uint16_t>(code));
  if (f.type == DType::bf16) return bf16_to_float(static_cast<std::uint16_t>(code));
  return small_float_to_float(f.type, static_cast<std::uint8_t>(code));
}

std::uint32_t encode(const Format& f, float value) {
  if (f.type == DType::f16) return float_to_f16(value);
  if (f.type == DType::bf16) return float_to_bf16(value);
  return float_to_small_float(f.type, value);
}

double defined_value(const Format& f, std::uint32_t code) {
  const std::uint32_t sign = code >> (width(f) - 1);
  const std::uint32_t exponent = (code >> f.mantissa_bits) & ((1U << f.exponent_bits) - 1);
  const std::uint32_t mantissa = code & ((1U << f.mantissa_bits) - 1);
  const std::uint32_t top = (1U << f.exponent_bits) - 1;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (f.specials == Format::ieee && exponent == top)
    return mantissa != 0 ? nan : (sign != 0 ? -1 : 1) * std::numeric_limits<double>::infinity();
  if (f.specials == Format::finite_only && exponent == top && mantissa == (1U << f.mantissa_bits) - 1) return nan;
  if (f.specials == Format::no_negative_zero && sign != 0 && exponent == 0 && mantissa == 0) return nan;
  const double fraction = mantissa / std::ldexp(1.0, f.mantissa_bits);
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, 1 - f.bias) : std::ldexp(1 + fraction, static_cast<int>(exponent) - f.bias);
  return sign != 0 ? -magnitude : magnitude;
}

class ConvertTest : public testing::TestWithParam<Format> {
 protected:
  // Non-negative finite values in ascending order of their codes.
  std::vector<double> magnitudes() const {
    std::vector<double> out;
    for (std::uint32_t code = 0; code < 1U << (width(GetParam()) - 1); ++code) {
      const double value = defined_value(GetParam(), code);
      if (std::isfinite(value)) out.push_back(value);
    }
    return out;
  }
};

TEST_P(ConvertTest, EveryCodeDecodesAndRoundTrips) {
  const Format& f = GetParam();
  for (std::uint32_t code = 0; code < 1U << width(f); ++code) {
    const double wanted = defined_value(f, code);
    const float got = decode(f, code);
    if (std::isnan(wanted)) {
      EXPECT_TRUE(std::isnan(got)) << code;
      EXPECT_TRUE(std::isnan(decode(f, encode(f, got)))) << code;
      continue;
    }
    ASSERT_EQ(static_cast<double>(got), wanted) << code;
    ASSERT_EQ(std::signbit(got), std::signbit(wanted)) << code;
    if (std::isinf(wanted) && f.saturates) {
      EXPECT_EQ(std::fabs(decode(f, encode(f, got))), magnitudes().back());
    } else {
      ASSERT_EQ(encode(f, got), code);
    }
  }
}

TEST_P(ConvertTest, RoundsToNearestTiesToEven) {
  const Format& f = GetParam();
  const std::vector<double> values = magnitudes();
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    const auto middle = static_cast<float>((values[i] + values[i + 1]) / 2);
    if (static_cast<double>(middle) != (values[i] + values[i + 1]) / 2) continue;  // bf16 next to the float denormals
    const auto low = static_cast<std::uint32_t>(i), high = low + 1;
    ASSERT_EQ(encode(f, middle), low % 2 == 0 ? low : high) << middle;
    ASSERT_EQ(encode(f, std::nextafter(middle, 0.0F)), low) << middle;
    ASSERT_EQ(encode(f, std::nextafter(middle, std::numeric_limits<float>::infinity())), high) << middle;
    const std::uint32_t even = low % 2 == 0 ? low : high;
    const bool unsigned_zero = even == 0 && f.specials == Format::no_negative_zero;
    ASSERT_EQ(encode(f, -middle), unsigned_zero ? 0 : even | 1U << (width(f) - 1)) << middle;
  }
}

TEST_P(ConvertTest, LargeValues) {
  const Format& f = GetParam();
  const float inf = std::numeric_limits<float>::infinity();
  const auto largest = static_cast<float>(magnitudes().back());
  const float beyond = f.type == DType::bf16 ? inf : largest * 4;
  EXPECT_EQ(decode(f, encode(f, beyond)), f.saturates ? largest : inf);
  EXPECT_EQ(decode(f, encode(f, -inf)), f.saturates ? -largest : -inf);
  EXPECT_EQ(decode(f, encode(f, std::nextafter(largest, inf))), largest);
  EXPECT_EQ(std::isnan(decode(f, encode(f, std::numeric_limits<float>::quiet_NaN()))), f.specials != Format::plain);
}

INSTANTIATE_TEST_SUITE_P(Formats, ConvertTest, testing::ValuesIn(kFormats),
                         [](const auto& test) { return test.param.name; });

TEST(Convert, E8m0IsAPowerOfTwo) {
  for (int code = 0; code < 255; ++code) {
    const float value = small_float_to_float(DType::f8e8m0, static_cast<std::uint8_t>(code));
    EXPECT_EQ(static_cast<double>(value), std::ldexp(1.0, code - 127));
    EXPECT_EQ(float_to_small_float(DType::f8e8m0, value), code);
  }
  EXPECT_TRUE(std::isnan(small_float_to_float(DType::f8e8m0, 255)));
  EXPECT_EQ(float_to_small_float(DType::f8e8m0, 1.49F), 127);
  EXPECT_EQ(float_to_small_float(DType::f8e8m0, 1.5F), 128);
  EXPECT_EQ(float_to_small_float(DType::f8e8m0, -1.0F), 255);
  EXPECT_EQ(float_to_small_float(DType::f8e8m0, 0.0F), 0);
  EXPECT_EQ(float_to_small_float(DType::f8e8m0, 3e38F), 254);
}

TEST(Convert, RoundToOddAvoidsDoubleRounding) {
  // Just above the tie between two f16 values, by less than a float can show.
  const double value = 1.0 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(float_to_f16(round_to_odd(value)), 0x3c01);
  EXPECT_EQ(float_to_f16(static_cast<float>(value)), 0x3c00);
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    const double x = std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 60) - 80);
    const double got = f16_to_float(float_to_f16(round_to_odd(x)));
    if (x >= 65520) continue;
    const int exponent = x == 0 ? -14 : std::max(std::ilogb(x), -14);
    EXPECT_EQ(got, std::ldexp(std::nearbyint(std::ldexp(x, 10 - exponent)), exponent - 10)) << x;
  }
}

}  // namespace
}  // namespace ingot
