// SPDX-License-Identifier: Apache-2.0
// Normalisations that the tuned kernels do not take: doubles, scales that broadcast, statistics as results. A warp per
// line of [OUTER][LENGTH][INNER]; group normalisations see [group][member]. Given: NORM.
#define LAYER 0
#define RMS 1
#define SOFTMAX 2
#define LOG_SOFTMAX 3
#define LP 4
#define GROUP 5
#define MEAN_VARIANCE 6

INGOT_INLINE A0 warp_total(A0 v) {
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(0xffffffffu, v, offset);
  return v;
}
INGOT_INLINE A0 warp_most(A0 v) {
  for (int offset = 16; offset > 0; offset /= 2) v = x_max(v, __shfl_xor_sync(0xffffffffu, v, offset));
  return v;
}

INGOT_INLINE i64 spread(i64 index, int rank, const i64* dims, const i64* strides) {
  i64 at = 0;
  for (int d = rank - 1; d >= 0; --d) {
    at += index % dims[d] * strides[d];
    index /= dims[d];
  }
  return at;
}

// Member i of a line, as an element of the tensor.
INGOT_INLINE i64 member(const Params& p, i64 line, i64 i) {
#if NORM == GROUP
  const i64 image = line / GROUPS, group = line % GROUPS;
  if (CHANNELS_LAST != 0) {
    const i64 width = CHANNELS / GROUPS;
    return (image * PIXELS + i / width) * CHANNELS + group * width + i % width;
  }
  return line * LENGTH + i;
#elif NORM == MEAN_VARIANCE
  return spread(line, static_cast<int>(KEPT_RANK), &KEPT(0), &KEPT_STRIDE(0)) +
         spread(i, static_cast<int>(GONE_RANK), &GONE(0), &GONE_STRIDE(0));
#else
  return (line / INNER * LENGTH + i) * INNER + line % INNER;
#endif
}

INGOT_KERNEL(normalise) {
  const i64 warps = static_cast<i64>(gridDim.x) * (blockDim.x / 32);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (i64 line = static_cast<i64>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; line < LINES; line += warps) {
    const A0 count = static_cast<A0>(LENGTH);
    A0 shift = 0, factor = 1;
#if NORM == SOFTMAX || NORM == LOG_SOFTMAX
    shift = -static_cast<A0>(kInfinity);
    for (i64 i = lane; i < LENGTH; i += 32) shift = x_max(shift, get<A0>(IN(0), member(p, line, i)));
    shift = warp_most(shift);
    A0 sum = 0;
    for (i64 i = lane; i < LENGTH; i += 32) sum += x_exp(get<A0>(IN(0), member(p, line, i)) - shift);
    factor = NORM == SOFTMAX ? 1 / warp_total(sum) : x_log(warp_total(sum));
#elif NORM == LP
    A0 sum = 0;
    for (i64 i = lane; i < LENGTH; i += 32) {
      const A0 v = get<A0>(IN(0), member(p, line, i));
      sum += P == 1 ? x_abs(v) : v * v;
    }
    sum = warp_total(sum);
    factor = P == 1 ? sum : x_sqrt(sum);
#else
#if NORM != RMS
    for (i64 i = lane; i < LENGTH; i += 32) shift += get<A0>(IN(0), member(p, line, i));
    shift = warp_total(shift) / count;
#endif
    A0 squares = 0;
    for (i64 i = lane; i < LENGTH; i += 32) {
      const A0 d = get<A0>(IN(0), member(p, line, i)) - shift;
      squares += d * d;
    }
    squares = warp_total(squares) / count;
    factor = NORM == MEAN_VARIANCE ? 1 / (x_sqrt(squares) + static_cast<A0>(1e-9)) : 1 / x_sqrt(squares + static_cast<A0>(EPSILON));
#endif
    for (i64 i = lane; i < LENGTH; i += 32) {
      const i64 at = member(p, line, i);
      const A0 v = get<A0>(IN(0), at);
#if NORM == SOFTMAX
      const A0 r = x_exp(v - shift) * factor;
#elif NORM == LOG_SOFTMAX
      const A0 r = v - shift - factor;
#elif NORM == LP
      const A0 r = factor == 0 ? 0 : v / factor;
#elif NORM == MEAN_VARIANCE
      const A0 r = (v - shift) * factor;
#elif NORM == GROUP
      const i64 channel = CHANNELS_LAST != 0 ? at % CHANNELS : at / PIXELS % CHANNELS;
      const A0 r = (v - shift) * factor * get<A0>(IN(1), channel) + get<A0>(IN(2), channel);
#else
      A0 r = (v - shift) * factor;
      if (HAS_1) r *= get<A0>(IN(1), spread(at, static_cast<int>(RANK), &DIM(0), &SCALE_STRIDE(0)));
#if HAS_2
      r += get<A0>(IN(2), spread(at, static_cast<int>(RANK), &DIM(0), &BIAS_STRIDE(0)));
#endif
#endif
#ifdef HAS_EPILOGUE
      finish(p, at, r);
#else
      put(TO(0), at, r);
#endif
    }
#if (NORM == LAYER || NORM == RMS) && WANTS_1
    if (lane == 0) put(TO(1), line, shift);
#endif
#if (NORM == LAYER || NORM == RMS) && WANTS_2
    if (lane == 0) put(TO(2), line, factor);
#endif
  }
}
