// SPDX-License-Identifier: Apache-2.0
// What only the data decide: NonZero, Unique, NonMaxSuppression. The host reads counts between the launches.
#if defined(NON_ZERO)
// One block walks over the elements: how many there are is known when it ends, and where each one belongs on the way.
INGOT_KERNEL(find) {
  __shared__ int sums[256];
  __shared__ i64 found;
  i64* list = static_cast<i64*>(p.work) + 1;
  const int me = static_cast<int>(threadIdx.x);
  if (me == 0) found = 0;
  __syncthreads();
  for (i64 base = 0; base < ELEMENTS; base += 256 * 8) {
    // Eight neighbours per thread.
    int own = 0;
    for (int k = 0; k < 8; ++k) {
      const i64 at = base + me * 8 + k;
      if (at < ELEMENTS && load_value(IN(0)[at]) != 0) ++own;
    }
    sums[me] = own;
    __syncthreads();
    for (int offset = 1; offset < 256; offset *= 2) {
      const int before = me >= offset ? sums[me - offset] : 0;
      __syncthreads();
      sums[me] += before;
      __syncthreads();
    }
    i64 to = found + sums[me] - own;
    for (int k = 0; k < 8; ++k) {
      const i64 at = base + me * 8 + k;
      if (at < ELEMENTS && load_value(IN(0)[at]) != 0) list[to++] = at;
    }
    __syncthreads();
    if (me == 0) found += sums[255];
    __syncthreads();
  }
  if (me == 0) static_cast<i64*>(p.work)[0] = found;
}
INGOT_KERNEL(indices) {
  const i64* list = static_cast<const i64*>(p.work) + 1;
  FOR_UNITS(unit) {
    const int d = static_cast<int>(unit / FOUND);
    static_cast<i64*>(p.out[0])[unit] = list[unit % FOUND] / STRIDE(d) % DIM(d);
  }
}
#elif defined(UNIQUE)
// Slice k of [OUTER][LENGTH][INNER]; a total order in which NaN is above all and equals itself.
INGOT_INLINE int compare(const Params& p, i64 a, i64 b) {
  for (i64 i = 0; i < OUTER * INNER; ++i) {
    const i64 outer = i / INNER * LENGTH, inner = i % INNER;
    const A0 x = get<A0>(IN(0), (outer + a) * INNER + inner), y = get<A0>(IN(0), (outer + b) * INNER + inner);
    if (x != x || y != y) {
      if ((x != x) != (y != y)) return x != x ? 1 : -1;
    } else if (x != y) {
      return x < y ? -1 : 1;
    }
  }
  return 0;
}
// work: the number of groups, then for every slice the first one that equals it, then its group.
INGOT_KERNEL(leaders) {
  i64* work = static_cast<i64*>(p.work);
  FOR_UNITS(a) {
    i64 first = a;
    for (i64 b = 0; b < a; ++b)
      if (compare(p, a, b) == 0) {
        first = b;
        break;
      }
    work[1 + a] = first;
    if (first == a) atomicAdd(reinterpret_cast<unsigned long long*>(work), 1ULL);
  }
}
INGOT_KERNEL(number_groups) {
  i64* work = static_cast<i64*>(p.work);
  FOR_UNITS(a) {
    if (work[1 + a] != a) continue;
    i64 number = 0;
    for (i64 b = 0; b < LENGTH; ++b)
      if (work[1 + b] == b && (SORTED != 0 ? compare(p, b, a) < 0 : b < a)) ++number;
    work[1 + LENGTH + a] = number;
  }
}
INGOT_KERNEL(emit) {
  const i64* work = static_cast<const i64*>(p.work);
  FOR_UNITS(a) {
    const i64 first = work[1 + a], group = work[1 + LENGTH + first];
    if (WANTS_2) static_cast<i64*>(p.out[2])[a] = group;
    if (first != a) continue;
    if (WANTS_1) static_cast<i64*>(p.out[1])[group] = a;
    if (WANTS_3) {
      i64 count = 0;
      for (i64 b = a; b < LENGTH; ++b)
        if (work[1 + b] == a) ++count;
      static_cast<i64*>(p.out[3])[group] = count;
    }
    if (WANTS_0)
      for (i64 i = 0; i < OUTER * INNER; ++i)
        static_cast<T0*>(p.out[0])[(i / INNER * GROUPS + group) * INNER + i % INNER] =
            IN(0)[(i / INNER * LENGTH + a) * INNER + i % INNER];
  }
}
#elif defined(SUPPRESS)
struct Box {
  float low_y, low_x, high_y, high_x;
};
INGOT_INLINE Box box_at(const Params& p, i64 at) {
  const float* b = static_cast<const float*>(p.in[0]) + at * 4;
  if (CENTER != 0) return {b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2};
  return {fminf(b[0], b[2]), fminf(b[1], b[3]), fmaxf(b[0], b[2]), fmaxf(b[1], b[3])};
}
INGOT_INLINE float overlap(const Box& a, const Box& b) {
  const float height = fminf(a.high_y, b.high_y) - fmaxf(a.low_y, b.low_y);
  const float width = fminf(a.high_x, b.high_x) - fmaxf(a.low_x, b.low_x);
  if (!(height > 0) || !(width > 0)) return 0;
  const float both = height * width;
  const float either = (a.high_y - a.low_y) * (a.high_x - a.low_x) + (b.high_y - b.low_y) * (b.high_x - b.low_x) - both;
  return either <= 0 ? 0 : both / either;
}
// A block per batch entry and class: again and again the best box that is left, and away with what overlaps it.
// work: [lines] counts, [lines][MOST] boxes, then a flag per line and box.
INGOT_KERNEL(suppress) {
  __shared__ float scores[256];
  __shared__ int places[256];
  const int me = static_cast<int>(threadIdx.x);
  const i64 line = blockIdx.x;
  int* counts = static_cast<int*>(p.work);
  int* kept = counts + LINES + line * MOST;
  unsigned char* gone = reinterpret_cast<unsigned char*>(counts + LINES + LINES * MOST) + line * BOXES;
  const float* own = static_cast<const float*>(p.in[1]) + line * BOXES;
  const i64 first = line / CLASSES * BOXES;
  for (i64 i = me; i < BOXES; i += 256) gone[i] = HAS_SCORE != 0 && !(own[i] > static_cast<float>(SCORE)) ? 1 : 0;
  __syncthreads();
  i64 count = 0;
  for (; count < MOST; ++count) {
    float best = 0;
    int at = -1;
    for (i64 i = me; i < BOXES; i += 256)
      if (gone[i] == 0 && (at < 0 || own[i] > best)) {
        best = own[i];
        at = static_cast<int>(i);
      }
    scores[me] = best;
    places[me] = at;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
      if (me < half && places[me + half] >= 0 &&
          (places[me] < 0 || scores[me + half] > scores[me] ||
           (!(scores[me] > scores[me + half]) && places[me + half] < places[me]))) {
        scores[me] = scores[me + half];
        places[me] = places[me + half];
      }
      __syncthreads();
    }
    const int chosen = places[0];
    __syncthreads();
    if (chosen < 0) break;
    if (me == 0) kept[count] = chosen;
    const Box box = box_at(p, first + chosen);
    for (i64 i = me; i < BOXES; i += 256)
      if (gone[i] == 0 && (i == chosen || overlap(box, box_at(p, first + i)) > static_cast<float>(OVERLAP))) gone[i] = 1;
    __syncthreads();
  }
  if (me == 0) counts[line] = static_cast<int>(count);
}
// table: where the boxes of a line begin in the output.
INGOT_KERNEL(emit) {
  const int* counts = static_cast<const int*>(p.work);
  const int* begins = static_cast<const int*>(p.table);
  FOR_UNITS(unit) {
    const i64 line = unit / MOST, i = unit % MOST;
    if (i >= counts[line]) continue;
    i64* to = static_cast<i64*>(p.out[0]) + (begins[line] + i) * 3;
    to[0] = line / CLASSES;
    to[1] = line % CLASSES;
    to[2] = counts[LINES + unit];
  }
}
#endif
