// SPDX-License-Identifier: Apache-2.0
// Fourier transforms as they are defined, a thread per bin; window functions; filter banks; AffineGrid; Det.
#if defined(FOURIER)
INGOT_INLINE void turn(i64 k, i64 n, double& c, double& s) {
  // cos and sin of -2 pi k / n, exact in quarters.
  sincospi(-2.0 * static_cast<double>(k % n) / static_cast<double>(n), &s, &c);
}
// Signals are [OUTER][LENGTH][INNER][parts]; the transform is over POINTS of them.
INGOT_KERNEL(fourier) {
  FOR_UNITS(unit) {
    const i64 inner = unit % INNER, k = unit / INNER % BINS, outer = unit / INNER / BINS;
    double real = 0, imaginary = 0;
    const i64 read = TO_REAL != 0 ? POINTS / 2 + 1 : POINTS;
    const i64 count = read < LENGTH ? read : LENGTH;
    const auto term = [&](i64 i, double a, double b) {
      double c, s;
      turn(i * k % POINTS, POINTS, c, s);
      if (INVERSE != 0) s = -s;
      real += a * c - b * s;
      imaginary += a * s + b * c;
    };
    for (i64 i = 0; i < count; ++i) {
      const i64 at = ((outer * LENGTH + i) * INNER + inner) * PARTS;
      double a = get<double>(IN(0), at), b = PARTS == 2 ? get<double>(IN(0), at + 1) : 0.0;
      if (TO_REAL != 0 && (i == 0 || 2 * i == POINTS)) b = 0;
      term(i, a, b);
      if (TO_REAL != 0 && i > 0 && 2 * i < POINTS) term(POINTS - i, a, -b);
    }
    const double scale = INVERSE != 0 ? 1.0 / static_cast<double>(POINTS) : 1.0;
    const i64 parts = TO_REAL != 0 ? 1 : 2;
    put(TO(0), unit * parts, real * scale);
    if (parts == 2) put(TO(0), unit * parts + 1, imaginary * scale);
  }
}
#elif defined(SHORT_TIME)
INGOT_KERNEL(short_time) {
  FOR_UNITS(unit) {
    const i64 k = unit % BINS, frame = unit / BINS % FRAMES, batch = unit / BINS / FRAMES;
    double real = 0, imaginary = 0;
    for (i64 i = 0; i < POINTS; ++i) {
      const i64 at = (batch * SAMPLES + frame * STEP + i) * PARTS;
      double weight = 1;
#if HAS_2
      weight = get<double>(IN(2), i);
#endif
      const double a = get<double>(IN(0), at) * weight, b = PARTS == 2 ? get<double>(IN(0), at + 1) * weight : 0.0;
      double c, s;
      sincospi(-2.0 * static_cast<double>(i * k % POINTS) / static_cast<double>(POINTS), &s, &c);
      real += a * c - b * s;
      imaginary += a * s + b * c;
    }
    put(TO(0), unit * 2, real);
    put(TO(0), unit * 2 + 1, imaginary);
  }
}
#elif defined(AFFINE)
INGOT_KERNEL(affine_grid) {
  FOR_UNITS(unit) {
    const i64 row = unit % AXES;
    i64 rest = unit / AXES, at[3];
    for (int d = static_cast<int>(AXES) - 1; d >= 0; --d) {
      at[d] = rest % EXTENT(d);
      rest /= EXTENT(d);
    }
    const i64 first = (rest * AXES + row) * (AXES + 1);
    double sum = get<double>(IN(0), first + AXES);
    for (int k = 0; k < static_cast<int>(AXES); ++k) {
      const int axis = static_cast<int>(AXES) - 1 - k;
      const double i = static_cast<double>(at[axis]), n = static_cast<double>(EXTENT(axis));
      double c = (2 * i + 1) / n - 1;
      if (ALIGN != 0) c = EXTENT(axis) == 1 ? 0.0 : 2 * i / (n - 1) - 1;
      sum += get<double>(IN(0), first + k) * c;
    }
    put(TO(0), unit, sum);
  }
}
#elif defined(DETERMINANT)
INGOT_KERNEL(determinant) {
  FOR_UNITS(unit) {
    double* m = static_cast<double*>(p.work) + unit * SIDE * SIDE;
    for (i64 i = 0; i < SIDE * SIDE; ++i) m[i] = get<double>(IN(0), unit * SIDE * SIDE + i);
    double result = 1;
    for (i64 column = 0; column < SIDE && result != 0; ++column) {
      i64 pivot = column;
      for (i64 row = column + 1; row < SIDE; ++row)
        if (fabs(m[row * SIDE + column]) > fabs(m[pivot * SIDE + column])) pivot = row;
      if (m[pivot * SIDE + column] == 0) {
        result = 0;
        break;
      }
      if (pivot != column) {
        for (i64 k = 0; k < SIDE; ++k) {
          const double t = m[pivot * SIDE + k];
          m[pivot * SIDE + k] = m[column * SIDE + k];
          m[column * SIDE + k] = t;
        }
        result = -result;
      }
      result *= m[column * SIDE + column];
      for (i64 row = column + 1; row < SIDE; ++row) {
        const double factor = m[row * SIDE + column] / m[column * SIDE + column];
        for (i64 k = column; k < SIDE; ++k) m[row * SIDE + k] -= factor * m[column * SIDE + k];
      }
    }
    put(TO(0), unit, result);
  }
}
#endif
