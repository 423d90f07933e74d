// SPDX-License-Identifier: Apache-2.0
// Tensors made from a few numbers: ranges, filled ones, diagonals, windows, draws, filter banks.
#if defined(RANGE)
INGOT_KERNEL(range) {
  FOR_UNITS(unit) {
#ifdef FLOAT_RANGE
    put(TO(0), unit, START_F + static_cast<double>(unit) * DELTA_F);
#else
    put(TO(0), unit, START_I + unit * DELTA_I);
#endif
  }
}
#elif defined(FILLED)
INGOT_KERNEL(filled) {
  FOR_UNITS(unit) {
    // BITS_LOW holds the bytes of one element, repeated.
    static_cast<U0*>(p.out[0])[unit] = *reinterpret_cast<const U0*>(&p.n[0]);
  }
}
#elif defined(LISTED)
INGOT_KERNEL(listed) {
  FOR_UNITS(unit) TO(0)[unit] = static_cast<const i64*>(p.table)[unit];
}
#elif defined(EYE)
INGOT_KERNEL(eye) {
  FOR_UNITS(unit) put(TO(0), unit, static_cast<i64>(unit % COLUMNS == unit / COLUMNS + DIAGONAL ? 1 : 0));
}
#elif defined(WINDOW)
INGOT_KERNEL(window) {
  FOR_UNITS(unit) {
    const double turn = static_cast<double>(unit) / PERIOD;
    put(TO(0), unit, A_0 - A_1 * cospi(2 * turn) + A_2 * cospi(4 * turn));
  }
}
#elif defined(DRAW)
INGOT_INLINE u64 mix(u64 v) {
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ULL;
  v = (v ^ (v >> 27)) * 0x94d049bb133111ebULL;
  return v ^ (v >> 31);
}
INGOT_INLINE double uniform(const Params& p, i64 i) {
  const u64 bits = mix(static_cast<u64>(KEY) + (static_cast<u64>(i) + 1) * 0x9e3779b97f4a7c15ULL);
  return static_cast<double>(bits >> 11) * 1.1102230246251565e-16;
}
INGOT_KERNEL(draw) {
  FOR_UNITS(unit) {
#if DRAW == 0
    put(TO(0), unit, LOW + uniform(p, unit) * (HIGH - LOW));
#elif DRAW == 1
    const double radius = sqrt(-2 * log(1 - uniform(p, 2 * unit)));
    put(TO(0), unit, LOW + HIGH * radius * cospi(2 * uniform(p, 2 * unit + 1)));
#elif DRAW == 2
    put(TO(0), unit, static_cast<double>(uniform(p, unit) < get<double>(IN(0), unit) ? 1 : 0));
#else
    const T0* row = IN(0) + unit / SAMPLES * CLASSES;
    double top = get<double>(row, 0), all = 0, sum = 0;
    for (i64 c = 1; c < CLASSES; ++c) top = x_max(top, get<double>(row, c));
    for (i64 c = 0; c < CLASSES; ++c) all += exp(get<double>(row, c) - top);
    const double wanted = uniform(p, unit) * all;
    i64 chosen = CLASSES - 1;
    for (i64 c = 0; c + 1 < CLASSES; ++c) {
      sum += exp(get<double>(row, c) - top);
      if (wanted < sum) {
        chosen = c;
        break;
      }
    }
    put(TO(0), unit, static_cast<double>(chosen));
#endif
  }
}
#elif defined(MEL)
INGOT_INLINE i64 corner(const Params& p, i64 i) {
  const double hertz = 700 * (pow(10.0, (static_cast<double>(i) * MEL_STEP + MEL_LOW) / 2595) - 1);
  return static_cast<i64>(floor(static_cast<double>(POINTS + 1) * hertz / RATE));
}
INGOT_KERNEL(mel) {
  FOR_UNITS(unit) {
    const i64 band = unit % BANDS, bin = unit / BANDS;
    const i64 left = corner(p, band), center = corner(p, band + 1), right = corner(p, band + 2);
    double v = 0;
    if (bin >= left && bin < center) v = static_cast<double>(bin - left) / static_cast<double>(center - left);
    if (bin == center) v = 1;
    if (bin >= center && bin < right) v = static_cast<double>(right - bin) / static_cast<double>(right - center);
    put(TO(0), unit, v);
  }
}
#endif
