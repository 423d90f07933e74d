// SPDX-License-Identifier: Apache-2.0
// Reading and writing elements at positions that an operand gives. An index outside its dimension reads zero and
// writes nothing: a device reports no errors. Given: the types, which entry, and REDUCTION of scatters (0 none, 1 add,
// 2 mul, 3 min, 4 max).
INGOT_INLINE i64 wrapped(i64 index, i64 size) { return index < 0 ? index + size : index; }

#if defined(GATHER_ELEMENTS)
INGOT_KERNEL(gather_elements) {
  FOR_UNITS(unit) {
    i64 rest = unit, from = 0;
    for (int d = static_cast<int>(RANK) - 1; d >= 0; --d) {
      const i64 at = rest % DIM(d);
      rest /= DIM(d);
      if (d != AXIS) from += at * STRIDE(d);
    }
    const i64 index = wrapped(static_cast<i64>(IN(1)[unit]), AXIS_SIZE);
    TO(0)[unit] = index >= 0 && index < AXIS_SIZE ? IN(0)[from + index * STRIDE(AXIS)] : U0{};
  }
}
#elif defined(GATHER_ND)
INGOT_KERNEL(gather_nd) {
  FOR_UNITS(unit) {
    const i64 row = unit / ELEMENTS;
    i64 from = row / PER_BATCH * BATCH_STRIDE + unit % ELEMENTS;
    bool inside = true;
    for (int d = 0; d < static_cast<int>(DEPTH); ++d) {
      const i64 index = wrapped(static_cast<i64>(IN(1)[row * DEPTH + d]), DIM(d));
      inside = inside && index >= 0 && index < DIM(d);
      from += index * STRIDE(d);
    }
    TO(0)[unit] = inside ? IN(0)[from] : U0{};
  }
}
#elif defined(SCATTER)
template <typename T>
INGOT_INLINE T combined(T a, T b) {
#if REDUCTION == 0
  return b;
#else
  const A0 x = static_cast<A0>(load_value(a)), y = static_cast<A0>(load_value(b));
  const A0 r = REDUCTION == 1 ? x + y : REDUCTION == 2 ? x * y : REDUCTION == 3 ? (y < x ? y : x) : (x < y ? y : x);
  return Put<T, A0>::make(r);
#endif
}
// One element of memory that other threads change too: a loop of comparing and exchanging the word around it.
template <typename T>
INGOT_INLINE void combine_at(T* to, T value) {
  if (sizeof(T) == 8) {
    auto* word = reinterpret_cast<unsigned long long*>(to);
    unsigned long long seen = *word;
    for (;;) {
      union {
        unsigned long long bits;
        T v;
      } u;
      u.bits = seen;
      u.v = combined(u.v, value);
      const unsigned long long before = atomicCAS(word, seen, u.bits);
      if (before == seen) return;
      seen = before;
    }
  }
  const auto address = reinterpret_cast<unsigned long long>(to);
  auto* word = reinterpret_cast<unsigned*>(address & ~3ULL);
  const int shift = static_cast<int>(address & 3ULL) * 8;
  unsigned seen = *word;
  for (;;) {
    union Bits {
      unsigned bits;
      T v;
    } u;
    u.bits = seen >> shift;
    u.v = combined(u.v, value);
    const unsigned mask = sizeof(T) == 4 ? ~0u : ((1u << (sizeof(T) * 8)) - 1) << shift;
    const unsigned wanted = (seen & ~mask) | ((u.bits << shift) & mask);
    const unsigned before = atomicCAS(word, seen, wanted);
    if (before == seen) return;
    seen = before;
  }
}
INGOT_INLINE void write_at(U0* to, U0 value) {
#if REDUCTION == 0
  *to = value;
#else
  combine_at(to, value);
#endif
}
INGOT_KERNEL(copy_data) {
  FOR_UNITS(unit) TO(0)[unit] = IN(0)[unit];
}
#if SCATTER == 1
INGOT_KERNEL(scatter_elements) {
  FOR_UNITS(unit) {
    i64 rest = unit, to = 0;
    for (int d = static_cast<int>(RANK) - 1; d >= 0; --d) {
      const i64 at = rest % DIM(d);
      rest /= DIM(d);
      if (d != AXIS) to += at * STRIDE(d);
    }
    const i64 index = wrapped(static_cast<i64>(IN(1)[unit]), AXIS_SIZE);
    if (index >= 0 && index < AXIS_SIZE) write_at(TO(0) + to + index * STRIDE(AXIS), IN(2)[unit]);
  }
}
#else
INGOT_KERNEL(scatter_nd) {
  FOR_UNITS(unit) {
    const i64 row = unit / ELEMENTS;
    i64 to = unit % ELEMENTS;
    bool inside = true;
    for (int d = 0; d < static_cast<int>(DEPTH); ++d) {
      const i64 index = wrapped(static_cast<i64>(IN(1)[row * DEPTH + d]), DIM(d));
      inside = inside && index >= 0 && index < DIM(d);
      to += index * STRIDE(d);
    }
    if (inside) write_at(TO(0) + to, IN(2)[unit]);
  }
}
#endif
#elif defined(TENSOR_SCATTER)
// The cache [batch][outer][length][inner] with the update written from write_indices[batch] on.
INGOT_KERNEL(copy_data) {
  FOR_UNITS(unit) TO(0)[unit] = IN(0)[unit];
}
INGOT_KERNEL(tensor_scatter) {
  FOR_UNITS(unit) {
    const i64 inner = unit % INNER, at = unit / INNER % UPDATE, outer = unit / INNER / UPDATE;
    i64 to = at;
    if (HAS_2) to += static_cast<const i64*>(p.in[2])[outer / PER_BATCH];
    if (CIRCULAR != 0) to %= LENGTH;
    if (to >= 0 && to < LENGTH) TO(0)[(outer * LENGTH + to) * INNER + inner] = IN(1)[unit];
  }
}
#elif defined(ONE_HOT)
INGOT_KERNEL(one_hot) {
  FOR_UNITS(unit) {
    const i64 at = unit / INNER % LENGTH;
    const i64 element = unit / INNER / LENGTH * INNER + unit % INNER;
    const i64 index = wrapped(Put<i64, A0>::make(get<A0>(IN(0), element)), LENGTH);
    TO(0)[unit] = IN(2)[index == at ? 1 : 0];
  }
}
#endif
