// SPDX-License-Identifier: Apache-2.0
// RNN, GRU and LSTM: a block per sample and direction that stays for the whole sequence; its threads share the hidden
// units. Shared memory: h, then what a step needs of it. The cell state and c live in the workspace. Given: GATES (1, 3
// or 4). Activations are numbers with two parameters, for each direction.
INGOT_INLINE A0 activate(const Params& p, i64 direction, int which, A0 x) {
  const int slot = static_cast<int>(direction) * 3 + which;
  if (CLIP > 0) x = x < static_cast<A0>(-CLIP) ? static_cast<A0>(-CLIP) : x > static_cast<A0>(CLIP) ? static_cast<A0>(CLIP) : x;
  const double* parameters = static_cast<const double*>(p.table);
  const A0 a = static_cast<A0>(parameters[slot * 2]), b = static_cast<A0>(parameters[slot * 2 + 1]);
  switch (static_cast<int>(ACTIVATION(slot))) {
    case 0: return x_sigmoid(x);
    case 1: return x_tanh(x);
    case 2: return x > 0 ? x : 0;
    case 3: return x / (1 + x_abs(x));
    case 4: return x_softplus(x);
    case 5: return x < 0 ? a * x : x;
    case 6: return x > a ? x : 0;
    case 7: return x < 0 ? a * (x_exp(x) - 1) : x;
    case 8: return a * x + b;
    case 9: return a * x_tanh(b * x);
    default: {
      const A0 v = a * x + b;
      return v < 0 ? 0 : v > 1 ? 1 : v;
    }
  }
}
template <typename V>
INGOT_INLINE A0 product(const T1* weights, const V* values, i64 count, A0 start) {
  A0 sum = start;
  for (i64 k = 0; k < count; ++k) sum += get<A0>(weights, k) * static_cast<A0>(load_value(values[k]));
  return sum;
}

INGOT_KERNEL(recurrent) {
  const i64 d = blockIdx.x / BATCH, b = blockIdx.x % BATCH, n = HIDDEN;
  const int me = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  // [sample][h, next h, c, reset]
  A0* h = static_cast<A0*>(p.work) + static_cast<i64>(blockIdx.x) * 4 * n;
  A0* next = h + n;
  A0* c = h + 2 * n;
  A0* gated = h + 3 * n;
  const i64 rows = GATES * n;
  const T1* w = IN(1) + d * rows * INPUT;
  const T1* r = IN(2) + d * rows * n;
  const i64 state = BATCH_FIRST != 0 ? (b * DIRECTIONS + d) * n : (d * BATCH + b) * n;
  const auto bias = [&](i64 half, i64 row) -> A0 {
#if HAS_3
    return get<A0>(IN(3), (d * 2 + half) * rows + row);
#else
    return 0;
#endif
  };
  for (i64 i = me; i < n; i += threads) {
#if HAS_5
    h[i] = get<A0>(IN(5), state + i);
#else
    h[i] = 0;
#endif
#if GATES == 4 && HAS_6
    c[i] = get<A0>(IN(6), state + i);
#else
    c[i] = 0;
#endif
  }
  i64 length = STEPS;
#if HAS_4
  length = clamp_index(static_cast<i64>(IN(4)[b]), 0, STEPS);
#endif
  const bool backwards = REVERSE != 0 || d == 1;
  __syncthreads();
  for (i64 s = 0; s < STEPS; ++s) {
    const bool live = s < length;
    const i64 t = backwards && live ? length - 1 - s : s;
    const T0* x = IN(0) + (BATCH_FIRST != 0 ? b * STEPS + t : t * BATCH + b) * INPUT;
    const auto sum = [&](i64 gate, i64 i) {
      const i64 row = gate * n + i;
      return product(w + row * INPUT, x, INPUT, bias(0, row)) + product(r + row * n, h, n, bias(1, row));
    };
#if GATES == 3
    if (live)
      for (i64 i = me; i < n; i += threads) gated[i] = activate(p, d, 0, sum(1, i)) * (LINEAR_BEFORE_RESET != 0 ? 1 : h[i]);
    __syncthreads();
#endif
    if (live)
      for (i64 i = me; i < n; i += threads) {
#if GATES == 1
        next[i] = activate(p, d, 0, sum(0, i));
#elif GATES == 3
        const i64 row = 2 * n + i;
        A0 hidden;
        if (LINEAR_BEFORE_RESET != 0)
          hidden = gated[i] * product(r + row * n, h, n, bias(1, row));
        else
          hidden = product(r + row * n, gated, n, bias(1, row));
        const A0 fresh = activate(p, d, 1, product(w + row * INPUT, x, INPUT, bias(0, row)) + hidden);
        const A0 update = activate(p, d, 0, sum(0, i));
        next[i] = (1 - update) * fresh + update * h[i];
#else
        A0 pi = 0, po = 0, pf = 0;
#if HAS_7
        pi = get<A0>(IN(7), d * 3 * n + i);
        po = get<A0>(IN(7), d * 3 * n + n + i);
        pf = get<A0>(IN(7), d * 3 * n + 2 * n + i);
#endif
        const A0 in = activate(p, d, 0, sum(0, i) + pi * c[i]);
        const A0 forget = INPUT_FORGET != 0 ? 1 - in : activate(p, d, 0, sum(2, i) + pf * c[i]);
        c[i] = forget * c[i] + in * activate(p, d, 1, sum(3, i));
        next[i] = activate(p, d, 0, sum(1, i) + po * c[i]) * activate(p, d, 2, c[i]);
#endif
      }
    __syncthreads();
    for (i64 i = me; i < n; i += threads) {
      if (live) h[i] = next[i];
#if WANTS_0
      const i64 y = BATCH_FIRST != 0 ? ((b * STEPS + t) * DIRECTIONS + d) * n : ((t * DIRECTIONS + d) * BATCH + b) * n;
      put(TO(0), y + i, live ? h[i] : static_cast<A0>(0));
#endif
    }
    __syncthreads();
  }
  for (i64 i = me; i < n; i += threads) {
#if WANTS_1
    put(TO(1), state + i, h[i]);
#endif
#if GATES == 4 && WANTS_2
    put(TO(2), state + i, c[i]);
#endif
  }
}
