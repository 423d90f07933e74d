// SPDX-License-Identifier: Apache-2.0
// Losses, tree ensembles and label tables.
#if defined(LOSS)
// work: a loss and a weight per element of the target, [batch][positions]; scores are [batch][classes][positions].
INGOT_INLINE i64 score_at(const Params& p, i64 n, i64 c, i64 i) { return (n * CLASSES + c) * POSITIONS + i; }
INGOT_KERNEL(losses) {
  FOR_UNITS(unit) {
    const i64 n = unit / POSITIONS, i = unit % POSITIONS;
    A0 shift = 0;
#if CROSS_ENTROPY
    A0 top = get<A0>(IN(0), score_at(p, n, 0, i)), all = 0;
    for (i64 c = 1; c < CLASSES; ++c) top = x_max(top, get<A0>(IN(0), score_at(p, n, c, i)));
    for (i64 c = 0; c < CLASSES; ++c) all += x_exp(get<A0>(IN(0), score_at(p, n, c, i)) - top);
    shift = top + x_log(all);
#if WANTS_1
    for (i64 c = 0; c < CLASSES; ++c) put(TO(1), score_at(p, n, c, i), get<A0>(IN(0), score_at(p, n, c, i)) - shift);
#endif
#endif
    const i64 label = static_cast<i64>(IN(1)[unit]);
    A0 loss = 0, weight = 0;
    if (!(IGNORES != 0 && label == IGNORED) && label >= 0 && label < CLASSES) {
      weight = 1;
#if HAS_2
      weight = get<A0>(IN(2), label);
#endif
      loss = -weight * (get<A0>(IN(0), score_at(p, n, label, i)) - shift);
    }
    if (REDUCED == 0) {
#if WANTS_0
      put(TO(0), unit, loss);
#endif
    } else {
      static_cast<A0*>(p.work)[unit] = loss;
      static_cast<A0*>(p.work)[COUNT + unit] = weight;
    }
  }
}
INGOT_KERNEL(total) {
  __shared__ double sums[256];
  __shared__ double weights[256];
  const int me = static_cast<int>(threadIdx.x);
  double sum = 0, weight = 0;
  for (i64 i = me; i < COUNT; i += 256) {
    sum += static_cast<double>(static_cast<const A0*>(p.work)[i]);
    weight += static_cast<double>(static_cast<const A0*>(p.work)[COUNT + i]);
  }
  sums[me] = sum;
  weights[me] = weight;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (me < half) {
      sums[me] += sums[me + half];
      weights[me] += weights[me + half];
    }
    __syncthreads();
  }
#if WANTS_0
  if (me == 0) put(TO(0), 0, REDUCED == 1 ? sums[0] : sums[0] / weights[0]);
#endif
}
#elif defined(TREES)
// A thread per row. Tables that point outside themselves end a walk.
INGOT_KERNEL(trees) {
  FOR_UNITS(row) {
    const T0* x = IN(0) + row * FEATURES;
    double* scores = static_cast<double*>(p.work) + row * TARGETS * 2;
    double* seen = scores + TARGETS;
    for (i64 k = 0; k < TARGETS; ++k) scores[k] = seen[k] = 0;
    for (i64 r = 0; r < ROOTS; ++r) {
      i64 at = IN(3)[r], steps = 0;
      while (at >= 0 && at < NODES && steps++ < NODES) {
        const int* node = IN(1) + at * 4;
        const T0 value = x[clamp_index(node[0], 0, FEATURES - 1)], threshold = IN(2)[at];
        bool yes;
        switch (node[1] & 7) {
          case 0: yes = value <= threshold; break;
          case 1: yes = value < threshold; break;
          case 2: yes = value >= threshold; break;
          case 3: yes = value > threshold; break;
          case 4: yes = value == threshold; break;
          default: yes = value != threshold; break;
        }
        if (value != value && (node[1] & 8) != 0) yes = true;
        at = yes ? node[2] : node[3];
      }
      if (at >= 0 || ~at >= LEAVES) continue;
      for (i64 i = IN(4)[~at]; i < IN(4)[~at + 1]; ++i) {
        const i64 target = clamp_index(IN(5)[i], 0, TARGETS - 1);
        const double weight = static_cast<double>(IN(6)[i]);
        if (AGGREGATE >= 2)
          scores[target] = seen[target] == 0 ? weight : (AGGREGATE == 2) == (weight < scores[target]) ? weight : scores[target];
        else
          scores[target] += weight;
        seen[target] = 1;
      }
    }
    for (i64 k = 0; k < TARGETS; ++k) {
      double score = scores[k];
      if (AGGREGATE == 1) score /= static_cast<double>(ROOTS);
#if HAS_7
      score += get<double>(IN(7), k);
#endif
      put(TO(0), row * TARGETS + k, score);
    }
  }
}
#elif defined(LABELS)
INGOT_INLINE bool before(A0 a, A0 b) { return b != b ? a == a : a < b; }
INGOT_KERNEL(labels) {
  FOR_UNITS(unit) {
    const A0 x = get<A0>(IN(0), unit);
    i64 low = 0, high = KEYS;
    while (low < high) {
      const i64 middle = (low + high) / 2;
      if (before(get<A0>(IN(1), middle), x))
        low = middle + 1;
      else
        high = middle;
    }
    const bool found = low < KEYS && !before(x, get<A0>(IN(1), low));
    TO(0)[unit] = found ? IN(2)[low] : IN(3)[0];
  }
}
#endif
