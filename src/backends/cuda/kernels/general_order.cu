// SPDX-License-Identifier: Apache-2.0
// Lines along an axis: extremes, ranks and running totals. Lines are [OUTER][LENGTH][INNER].
INGOT_INLINE i64 line_start(const Params& p, i64 line) { return line / INNER * LENGTH * INNER + line % INNER; }

#if defined(ARG)
// A warp per line; among equals the first, or the last one.
INGOT_INLINE bool better(const Params& p, A0 a, i64 i, A0 b, i64 k) {
  if (k < 0) return i >= 0;
  if (i < 0) return false;
  if (a != a || b != b) {
    if ((a != a) != (b != b)) return a != a;
  } else if (a != b) {
    return GREATEST ? a > b : a < b;
  }
  return i < k;
}
INGOT_KERNEL(arg) {
  const i64 warps = static_cast<i64>(gridDim.x) * (blockDim.x / 32);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (i64 line = static_cast<i64>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; line < OUTER * INNER; line += warps) {
    const T0* x = IN(0) + line_start(p, line);
    A0 best = 0;
    i64 at = -1;
    for (i64 i = lane; i < LENGTH; i += 32) {
      const A0 v = get<A0>(x, i * INNER);
      // From the far end, the last of equals is the first.
      const i64 rank = SELECT_LAST != 0 ? LENGTH - 1 - i : i;
      if (better(p, v, rank, best, at)) {
        best = v;
        at = rank;
      }
    }
    for (int offset = 16; offset > 0; offset /= 2) {
      const A0 other = __shfl_xor_sync(0xffffffffu, best, offset);
      const i64 where = __shfl_xor_sync(0xffffffffu, at, offset);
      if (better(p, other, where, best, at)) {
        best = other;
        at = where;
      }
    }
    const i64 found = SELECT_LAST != 0 ? LENGTH - 1 - at : at;
#if ARG == 1
    for (i64 i = lane; i < LENGTH; i += 32) put(TO(0), line_start(p, line) + i * INNER, static_cast<A0>(i == found ? 1 : 0));
#else
    if (lane == 0) TO(0)[line] = static_cast<U0>(found);
#endif
  }
}
#elif defined(TOP_K)
// The rank of an element is how many of its line come before it: those among the first K say where they belong.
INGOT_INLINE bool above(A0 a, A0 b) {
  if (a != a || b != b) return a != a && b == b;
  return a > b;
}
INGOT_KERNEL(top_k) {
  FOR_UNITS(unit) {
    const i64 at = unit / INNER % LENGTH, line = unit / INNER / LENGTH * INNER + unit % INNER;
    const T0* x = IN(0) + line_start(p, line);
    const A0 own = get<A0>(x, at * INNER);
    i64 rank = 0;
    for (i64 i = 0; i < LENGTH && rank < K; ++i) {
      const A0 v = get<A0>(x, i * INNER);
      const bool first = LARGEST != 0 ? above(v, own) : above(own, v);
      const bool second = LARGEST != 0 ? above(own, v) : above(v, own);
      if (first || (!second && i < at)) ++rank;
    }
    if (rank >= K) continue;
    const i64 to = (line / INNER * K + rank) * INNER + line % INNER;
    if (WANTS_0) static_cast<T0*>(p.out[0])[to] = x[at * INNER];
    if (WANTS_1) static_cast<i64*>(p.out[1])[to] = at;
  }
}
#elif defined(CUMULATIVE)
INGOT_KERNEL(cumulative) {
  FOR_UNITS(line) {
    const i64 first = line_start(p, line);
    A0 total = SUM ? 0 : 1;
    for (i64 i = 0; i < LENGTH; ++i) {
      const i64 at = first + (REVERSE != 0 ? LENGTH - 1 - i : i) * INNER;
      const A0 before = total, v = get<A0>(IN(0), at);
      total = SUM ? total + v : total * v;
      put(TO(0), at, EXCLUSIVE != 0 ? before : total);
    }
  }
}
#endif
