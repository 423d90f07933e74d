// SPDX-License-Identifier: Apache-2.0
// Matrix products of every number type, quantised ones, and Einsum: a thread per result.
#if defined(EINSUM)
INGOT_KERNEL(einsum) {
  FOR_UNITS(unit) {
    i64 base[INPUTS];
    for (int k = 0; k < INPUTS; ++k) base[k] = 0;
    i64 rest = unit;
    for (int d = static_cast<int>(KEPT_RANK) - 1; d >= 0; --d) {
      const i64 at = rest % KEPT(d);
      rest /= KEPT(d);
      for (int k = 0; k < INPUTS; ++k) base[k] += at * KEPT_STRIDE(k * 8 + d);
    }
    A0 sum = 0;
    for (i64 i = 0; i < COUNT; ++i) {
      i64 left = i;
      i64 from[INPUTS];
      for (int k = 0; k < INPUTS; ++k) from[k] = base[k];
      for (int d = static_cast<int>(GONE_RANK) - 1; d >= 0; --d) {
        const i64 at = left % GONE(d);
        left /= GONE(d);
        for (int k = 0; k < INPUTS; ++k) from[k] += at * GONE_STRIDE(k * 4 + d);
      }
      A0 term = 1;
      for (int k = 0; k < INPUTS; ++k) term *= get<A0>(static_cast<const T0*>(p.in[k]), from[k]);
      sum += term;
    }
    put(TO(0), unit, sum);
  }
}
#else
// Zero points and scales: one, or one per row of A or column of B.
template <typename T>
INGOT_INLINE i64 zero_at(const void* zeros, i64 count, i64 at) {
  return zeros == nullptr ? 0 : static_cast<i64>(static_cast<const T*>(zeros)[count == 1 ? 0 : at % count]);
}
INGOT_KERNEL(product) {
  FOR_UNITS(unit) {
    const i64 column = unit % N, row = unit / N % M;
    i64 batch = unit / N / M, a_at = 0, b_at = 0;
    for (int d = static_cast<int>(BATCH_RANK) - 1; d >= 0; --d) {
      const i64 at = batch % BATCH(d);
      batch /= BATCH(d);
      a_at += at * A_BATCH(d);
      b_at += at * B_BATCH(d);
    }
    const AT* a = static_cast<const AT*>(p.in[A_INPUT]) + a_at + row * A_ROW;
    const BT* b = static_cast<const BT*>(p.in[B_INPUT]) + b_at + column * B_COLUMN;
    ACC sum = 0;
#ifdef INTEGER
    const i64 a_zero = zero_at<AT>(A_ZERO, A_ZEROS, row), b_zero = zero_at<BT>(B_ZERO, B_ZEROS, column);
    for (i64 k = 0; k < K; ++k) sum += (get<i64>(a, k * A_K) - a_zero) * (get<i64>(b, k * B_K) - b_zero);
#else
    for (i64 k = 0; k < K; ++k) sum += get<ACC>(a, k * A_K) * get<ACC>(b, k * B_K);
#endif
#if defined(QUANTISED)
    const float a_scale = load_value(IN(1)[A_SCALES == 1 ? 0 : row % A_SCALES]);
    const float b_scale = load_value(IN(4)[B_SCALES == 1 ? 0 : column % B_SCALES]);
    const float factor = __fdiv_rn(__fmul_rn(a_scale, b_scale), load_value(IN(6)[0]));
    const double value = rint(static_cast<double>(__fmul_rn(static_cast<float>(sum), factor))) + static_cast<double>(load_value(IN(7)[0]));
    put(TO(0), unit, value < LOWEST ? LOWEST : value > HIGHEST ? HIGHEST : value);
#elif defined(INTEGER)
    put(TO(0), unit, sum);
#else
    if (ALPHA != 1) sum = static_cast<ACC>(static_cast<double>(sum) * ALPHA);
#if HAS_2
    sum += get<ACC>(IN(2), (unit / N) * BIAS_ROW + column * BIAS_COLUMN);
#endif
#ifdef HAS_EPILOGUE
    finish(p, unit, sum);
#else
    put(TO(0), unit, sum);
#endif
#endif
  }
}
#endif
