// SPDX-License-Identifier: Apache-2.0
// Elements of 8 bits and fewer: floats with a few bits, integers of 4 and 2 bits, packed from the low bits on. A format
// is what the host prints for a type: see narrow.h.
struct SmallFloat {
  int mantissa_bits, bias, max_code, sign_bit, nan_code, inf_code;
  bool negative_zero;
};

INGOT_INLINE double decode_small(const SmallFloat& f, unsigned bits) {
  if (!f.negative_zero && static_cast<int>(bits) == f.nan_code) return static_cast<double>(__uint_as_float(0x7fffffffu));
  const int magnitude = static_cast<int>(bits) & (f.sign_bit - 1);
  const double sign = (static_cast<int>(bits) & f.sign_bit) != 0 ? -1.0 : 1.0;
  if (magnitude > f.max_code)
    return magnitude == f.inf_code ? sign * static_cast<double>(kInfinity) : static_cast<double>(__uint_as_float(0x7fffffffu));
  const int exponent = magnitude >> f.mantissa_bits;
  const int mantissa = magnitude & ((1 << f.mantissa_bits) - 1);
  const int significand = exponent == 0 ? mantissa : mantissa + (1 << f.mantissa_bits);
  return sign * ldexp(static_cast<double>(significand), (exponent == 0 ? 1 : exponent) - f.bias - f.mantissa_bits);
}
// To the nearest, ties to even; saturating, unless what lies beyond the range has codes of its own.
INGOT_INLINE unsigned encode_small(const SmallFloat& f, double value, bool saturate, double beyond, bool beyond_at_tie,
                                   int beyond_code) {
  if (value != value) return static_cast<unsigned>(f.nan_code != 0 ? f.nan_code : f.max_code);
  const int sign = __double_as_longlong(value) < 0 ? f.sign_bit : 0;
  const double magnitude = fabs(value);
  if (!saturate && (magnitude > beyond || (beyond_at_tie && magnitude == beyond)))
    return static_cast<unsigned>(f.negative_zero ? sign | beyond_code : beyond_code);
  int code = f.max_code;
  if (magnitude == 0) {
    code = 0;
  } else if (magnitude < 1e18) {
    int exponent = 0;
    frexp(magnitude, &exponent);
    --exponent;
    if (exponent < 1 - f.bias) exponent = 1 - f.bias;
    const int units = static_cast<int>(rint(ldexp(magnitude, f.mantissa_bits - exponent)));
    code = ((exponent + f.bias - 1) << f.mantissa_bits) + units;
    if (code > f.max_code) code = f.max_code;
  }
  if (code == 0 && !f.negative_zero) return 0;
  return static_cast<unsigned>(sign | code);
}
INGOT_INLINE double decode_exponent(unsigned bits) {
  return bits == 255 ? static_cast<double>(__uint_as_float(0x7fffffffu)) : ldexp(1.0, static_cast<int>(bits) - 127);
}
// mode: 0 up, 1 nearest, 2 down.
INGOT_INLINE unsigned encode_exponent(double value, bool saturate, int mode) {
  if (value != value) return 255;
  value = fabs(value);
  if (value > 1e300) return saturate ? 254 : 255;
  if (value == 0) return saturate ? 0 : 255;
  int exponent = 0;
  const double fraction = frexp(value, &exponent) * 2;
  const bool up = mode == 0 ? fraction > 1 : mode == 1 && fraction >= 1.5;
  const int biased = exponent - 1 + 127 + (up ? 1 : 0);
  if (biased > 254) return saturate ? 254 : 255;
  if (biased < 0) return saturate ? 0 : 255;
  return static_cast<unsigned>(biased);
}
// Element `at` of packed memory.
template <int BITS>
INGOT_INLINE unsigned unpack(const void* from, long long at) {
  const unsigned byte = static_cast<const unsigned char*>(from)[at * BITS / 8];
  return byte >> (at * BITS % 8) & ((1u << BITS) - 1);
}
template <int BITS>
INGOT_INLINE long long sign_extend(unsigned v) {
  return static_cast<long long>(static_cast<int>(v << (32 - BITS)) >> (32 - BITS));
}
