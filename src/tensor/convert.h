// SPDX-License-Identifier: Apache-2.0
// Exact conversions between the small floating types and float. Round to nearest, ties to even.
// fp8 and fp4 formats as in "FP8 Formats for Deep Learning" (arXiv 2209.05433) and the ONNX specification's page on
// float8, fp6 as in the OCP microscaling formats; conversions to fp8, fp6 and fp4 saturate, infinity included. What a
// format cannot hold: fp4 and fp6 have no NaN (fp4 gives the largest value, fp6 -0); f8e8m0 has no sign or zero
// (negative gives NaN, zero 2^-127).
#pragma once

#include <cstdint>

#include "tensor/dtype.h"

namespace ingot {

float f16_to_float(std::uint16_t bits);
std::uint16_t float_to_f16(float value);
float bf16_to_float(std::uint16_t bits);
std::uint16_t float_to_bf16(float value);

// The 8-, 6- and 4-bit kinds: f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, f8e8m0, f6e2m3, f6e3m2, f4e2m1.
float small_float_to_float(DType type, std::uint8_t bits);
std::uint8_t float_to_small_float(DType type, float value);

// double to float, inexact results to the neighbour with an odd last bit: rounding that once more to a type of at most
// 22 bits of precision gives the same as rounding the double directly.
float round_to_odd(double value);

}  // namespace ingot
