// SPDX-License-Identifier: Apache-2.0
// Resize by taps along each axis that changes.
// table: for every axis that changes, by result position, TAPS positions and weights.
struct Tap {
  double weight;
  i64 position;
};
INGOT_KERNEL(resize_taps) {
  FOR_UNITS(unit) {
    const Tap* taps[4];
    i64 counts[4], strides[4];
    i64 rest = unit, base = 0;
    int changed = 0;
    bool outside = false;
    for (int d = static_cast<int>(RANK) - 1; d >= 0; --d) {
      const i64 at = rest % OUT_DIM(d);
      rest /= OUT_DIM(d);
      if (TAPS(d) == 0) {
        base += at * STRIDE(d);
        continue;
      }
      const Tap* own = reinterpret_cast<const Tap*>(static_cast<const char*>(p.table) + BEGIN(d)) + at * TAPS(d);
      outside = outside || own->position < 0;
      taps[changed] = own;
      counts[changed] = TAPS(d);
      strides[changed] = STRIDE(d);
      ++changed;
    }
    for (int c = changed; c < 4; ++c) counts[c] = 1;
    double sum = 0;
    if (outside) {
      sum = EXTRAPOLATION;
    } else {
      i64 i[4];
      for (i[3] = 0; i[3] < counts[3]; ++i[3])
        for (i[2] = 0; i[2] < counts[2]; ++i[2])
          for (i[1] = 0; i[1] < counts[1]; ++i[1])
            for (i[0] = 0; i[0] < counts[0]; ++i[0]) {
              double weight = 1;
              i64 from = base;
              for (int c = 0; c < changed; ++c) {
                weight *= taps[c][i[c]].weight;
                from += taps[c][i[c]].position * strides[c];
              }
#ifdef NEAREST
              TO(0)[unit] = IN(0)[from];
#endif
              if (weight != 0) sum += weight * get<double>(IN(0), from);
            }
    }
#ifdef NEAREST
    if (!outside) continue;
#endif
    sum = sum < LOWEST ? LOWEST : sum > HIGHEST ? HIGHEST : sum;
    put(TO(0), unit, sum);
  }
}
