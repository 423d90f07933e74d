// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear and DequantizeLinear, per tensor, per axis or in blocks; DynamicQuantizeLinear. Exact: the arithmetic
// is that of the specification, in single precision or wider.
#if defined(DYNAMIC)
// One block finds the range, writes scale and zero point, and quantises.
INGOT_KERNEL(dynamic_quantize) {
  __shared__ float lows[256];
  __shared__ float highs[256];
  const int me = static_cast<int>(threadIdx.x);
  float low = 0, high = 0;
  for (i64 i = me; i < ELEMENTS; i += 256) {
    low = fminf(low, IN(0)[i]);
    high = fmaxf(high, IN(0)[i]);
  }
  lows[me] = low;
  highs[me] = high;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (me < half) {
      lows[me] = fminf(lows[me], lows[me + half]);
      highs[me] = fmaxf(highs[me], highs[me + half]);
    }
    __syncthreads();
  }
  float scale = static_cast<float>((static_cast<double>(highs[0]) - static_cast<double>(lows[0])) / 255);
  if (scale == 0) scale = 1;
  double zero = rint(-static_cast<double>(lows[0]) / static_cast<double>(scale));
  zero = zero < 0 ? 0 : zero > 255 ? 255 : zero;
#if WANTS_1
  if (me == 0) TO(1)[0] = scale;
#endif
#if WANTS_2
  if (me == 0) TO(2)[0] = static_cast<unsigned char>(zero);
#endif
  for (i64 i = me; i < ELEMENTS; i += 256) {
    const double v = rint(static_cast<double>(__fdiv_rn(IN(0)[i], scale))) + zero;
    TO(0)[i] = static_cast<unsigned char>(v < 0 ? 0 : v > 255 ? 255 : v);
  }
}
#else
INGOT_INLINE i64 scale_at(const Params& p, i64 i) {
  if (SCALES == 1) return 0;
  if (BLOCK == 0) return i / INNER % LENGTH;
  const i64 blocks = (LENGTH + BLOCK - 1) / BLOCK;
  return (i / (INNER * LENGTH) * blocks + i / INNER % LENGTH / BLOCK) * INNER + i % INNER;
}
INGOT_INLINE double zero_at(const Params& p, i64 s) {
#if HAS_2
  return static_cast<double>(load_zero(p.in[2], s));
#else
  return 0;
#endif
}
#ifdef QUANTISE
INGOT_INLINE double quantised(const Params& p, i64 at) {
  const i64 s = scale_at(p, at);
  const double quotient = ROUND_QUOTIENT(get<double>(IN(0), at) / get<double>(IN(1), s));
#ifdef FLOAT_RESULT
  return quotient + zero_at(p, s);
#else
  const double v = rint(quotient) + zero_at(p, s);
  return v != v ? 0.0 : v < LOWEST ? LOWEST : v > HIGHEST ? HIGHEST : v;
#endif
}
// A thread per byte where elements share one.
INGOT_KERNEL(quantize) {
  FOR_UNITS(unit) {
#ifdef WIDE_RESULT
    put(TO(0), unit, quantised(p, unit));
#else
    unsigned byte = 0;
    for (int k = 0; k < PER_BYTE; ++k) {
      const i64 at = unit * PER_BYTE + k;
      if (at < ELEMENTS) byte |= encode(quantised(p, at)) << (k * OUT_BITS);
    }
    static_cast<unsigned char*>(p.out[0])[unit] = static_cast<unsigned char>(byte);
#endif
  }
}
#else
INGOT_KERNEL(dequantize) {
  FOR_UNITS(unit) {
    const i64 s = scale_at(p, unit);
    put(TO(0), unit, (static_cast<double>(load(p.in[0], unit)) - zero_at(p, s)) * get<double>(IN(1), s));
  }
}
#endif
#endif
