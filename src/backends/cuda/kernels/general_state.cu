// SPDX-License-Identifier: Apache-2.0
// Operators that carry a state from call to call. LINEAR: a thread owns a column of a head's state [keys][values] and
// walks through the steps. CAUSAL_CONV: a thread per output.
#if defined(LINEAR)
INGOT_KERNEL(linear) {
  FOR_UNITS(unit) {
    const i64 j = unit % V_SIZE, h = unit / V_SIZE % KV_HEADS, b = unit / V_SIZE / KV_HEADS;
    // Neighbouring threads own neighbouring columns.
    A0* state = static_cast<A0*>(p.work) + (b * KV_HEADS + h) * K_SIZE * V_SIZE + j;
    const i64 place = (b * KV_HEADS + h) * K_SIZE * V_SIZE + j;
    for (i64 i = 0; i < K_SIZE; ++i) {
#if HAS_3
      state[i * V_SIZE] = get<A0>(IN(3), place + i * V_SIZE);
#else
      state[i * V_SIZE] = 0;
#endif
    }
    const i64 group = Q_HEADS / KV_HEADS;
    for (i64 t = 0; t < STEPS; ++t) {
      const i64 row = b * STEPS + t;
      const T1* k = IN(1) + (row * KV_HEADS + h) * K_SIZE;
#if DECAYS
      for (i64 i = 0; i < K_SIZE; ++i)
        state[i * V_SIZE] *= x_exp(get<A0>(IN(4), (row * KV_HEADS + h) * DECAY_SIZE + (DECAY_SIZE > 1 ? i : 0)));
#endif
      A0 update = get<A0>(IN(2), (row * KV_HEADS + h) * V_SIZE + j);
#if DELTA
      for (i64 i = 0; i < K_SIZE; ++i) update -= state[i * V_SIZE] * get<A0>(k, i);
      update *= get<A0>(IN(5), row * BETA_SIZE + (BETA_SIZE == 1 ? 0 : h));
#endif
      for (i64 i = 0; i < K_SIZE; ++i) state[i * V_SIZE] += get<A0>(k, i) * update;
      for (i64 head = h * group; head < (h + 1) * group; ++head) {
        A0 y = 0;
        for (i64 i = 0; i < K_SIZE; ++i)
          y += static_cast<A0>(SCALE) * get<A0>(IN(0), (row * Q_HEADS + head) * K_SIZE + i) * state[i * V_SIZE];
        put(TO(0), (row * Q_HEADS + head) * V_SIZE + j, y);
      }
    }
#if WANTS_1
    for (i64 i = 0; i < K_SIZE; ++i) put(TO(1), place + i * V_SIZE, state[i * V_SIZE]);
#endif
  }
}
#else
INGOT_INLINE A0 line_at(const Params& p, i64 row, i64 i) {
  if (i >= TAPS - 1) return get<A0>(IN(0), row * LENGTH + i - (TAPS - 1));
#if HAS_3
  return get<A0>(IN(3), row * (TAPS - 1) + i);
#else
  return 0;
#endif
}
INGOT_KERNEL(causal_conv) {
  FOR_UNITS(unit) {
    const i64 row = unit / LENGTH, i = unit % LENGTH, c = row % CHANNELS;
    A0 sum = 0;
#if HAS_2
    sum = get<A0>(IN(2), c);
#endif
    for (i64 k = 0; k < TAPS; ++k) sum += line_at(p, row, i + k) * get<A0>(IN(1), c * TAPS + k);
    put(TO(0), unit, ACTIVATED != 0 ? sum / (1 + x_exp(-sum)) : sum);
  }
}
INGOT_KERNEL(present) {
#if WANTS_1
  FOR_UNITS(unit) {
    const i64 row = unit / (TAPS - 1);
    put(TO(1), unit, line_at(p, row, LENGTH + unit % (TAPS - 1)));
  }
#endif
}
#endif
