// SPDX-License-Identifier: Apache-2.0
// BatchNormalization: by given statistics, or in training by those of the batch. A block per channel.
INGOT_KERNEL(batch_norm) {
  __shared__ A0 sums[256];
  const int me = static_cast<int>(threadIdx.x);
  const i64 c = blockIdx.x;
  const auto place = [&](i64 i) {
    return CHANNELS_LAST != 0 ? i * CHANNELS + c : (i / PLANE * CHANNELS + c) * PLANE + i % PLANE;
  };
  const auto total = [&](A0 v) {
    sums[me] = v;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
      if (me < half) sums[me] += sums[me + half];
      __syncthreads();
    }
    const A0 all = sums[0];
    __syncthreads();
    return all;
  };
  A0 mean = get<A0>(IN(3), c), variance = get<A0>(IN(4), c);
  if (TRAINING != 0) {
    A0 sum = 0;
    for (i64 i = me; i < COUNT; i += 256) sum += get<A0>(IN(0), place(i));
    const A0 own = total(sum) / static_cast<A0>(COUNT);
    A0 squares = 0;
    for (i64 i = me; i < COUNT; i += 256) {
      const A0 d = get<A0>(IN(0), place(i)) - own;
      squares += d * d;
    }
    const A0 spread = total(squares) / static_cast<A0>(COUNT);
#if WANTS_1
    if (me == 0) put(TO(1), c, mean * static_cast<A0>(MOMENTUM) + own * static_cast<A0>(1 - MOMENTUM));
#endif
#if WANTS_2
    if (me == 0) put(TO(2), c, variance * static_cast<A0>(MOMENTUM) + spread * static_cast<A0>(1 - MOMENTUM));
#endif
    mean = own;
    variance = spread;
  }
  const A0 factor = get<A0>(IN(1), c) / x_sqrt(variance + static_cast<A0>(EPSILON));
  for (i64 i = me; i < COUNT; i += 256) {
    const i64 at = place(i);
    const A0 r = (get<A0>(IN(0), at) - mean) * factor + get<A0>(IN(2), c);
#ifdef HAS_EPILOGUE
    finish(p, at, r);
#else
    put(TO(0), at, r);
#endif
  }
}
