// SPDX-License-Identifier: Apache-2.0
// Pooling of any type and layout, with the positions of maxima, averages and powers: a thread per output; and MaxUnpool,
// MaxRoiPool, RoiAlign, GridSample, Col2Im, LRN. Given: the types and which entry is wanted.
#if defined(POOL)
INGOT_KERNEL(pool) {
  FOR_UNITS(unit) {
    i64 rest = unit, c = 0, o[3];
    if (CHANNELS_LAST != 0) {
      c = rest % CHANNELS;
      rest /= CHANNELS;
    }
    for (int d = 2; d >= 0; --d) {
      o[d] = rest % OUT_SIZE(d);
      rest /= OUT_SIZE(d);
    }
    if (CHANNELS_LAST == 0) {
      c = rest % CHANNELS;
      rest /= CHANNELS;
    }
    const i64 plane = IN_SIZE(0) * IN_SIZE(1) * IN_SIZE(2);
    const i64 step = CHANNELS_LAST != 0 ? CHANNELS : 1;
    const T0* x = IN(0) + rest * plane * CHANNELS + (CHANNELS_LAST != 0 ? c : c * plane);
    A0 best = 0;
    i64 where = -1, count = 0, padded = 1;
    for (int d = 0; d < 3; ++d) {
      // Taps inside the padded map count with count_include_pad.
      i64 taps = 0;
      for (i64 k = 0; k < KERNEL(d); ++k)
        if (o[d] * STRIDE(d) - PAD(d) + k * DILATION(d) < IN_SIZE(d) + PAD_END(d)) ++taps;
      padded *= taps;
    }
#pragma unroll 1
    for (i64 kd = 0; kd < KERNEL(0); ++kd) {
      const i64 a = o[0] * STRIDE(0) - PAD(0) + kd * DILATION(0);
      if (a < 0 || a >= IN_SIZE(0)) continue;
#pragma unroll 1
      for (i64 kh = 0; kh < KERNEL(1); ++kh) {
        const i64 b = o[1] * STRIDE(1) - PAD(1) + kh * DILATION(1);
        if (b < 0 || b >= IN_SIZE(1)) continue;
#pragma unroll 1
        for (i64 kw = 0; kw < KERNEL(2); ++kw) {
          const i64 e = o[2] * STRIDE(2) - PAD(2) + kw * DILATION(2);
          if (e < 0 || e >= IN_SIZE(2)) continue;
          const i64 at = (a * IN_SIZE(1) + b) * IN_SIZE(2) + e;
          const A0 v = get<A0>(x, at * step);
          ++count;
#if POOL == 0
          if (where >= 0 && !(v > best) && v == v) continue;
          best = v;
          where = at;
#elif POOL == 1
          best += v;
#else
          best += P == 2.0 ? v * v : static_cast<A0>(pow(static_cast<double>(v < 0 ? -v : v), P));
#endif
        }
      }
    }
#if POOL == 0
    if (where < 0) best = static_cast<A0>(LOWEST);
    if (STORAGE_ORDER != 0 && where >= 0) {  // columns first
      const i64 e = where % IN_SIZE(2), b = where / IN_SIZE(2) % IN_SIZE(1), a = where / IN_SIZE(2) / IN_SIZE(1);
      where = (e * IN_SIZE(1) + b) * IN_SIZE(0) + a;
    }
    if (WANTS_1) static_cast<i64*>(p.out[1])[unit] = where < 0 ? -1 : where + (rest * CHANNELS + c) * plane;
#elif POOL == 1
    best /= static_cast<A0>(INCLUDE_PAD != 0 ? padded : count);
#else
    best = static_cast<A0>(P == 2.0 ? sqrt(static_cast<double>(best)) : pow(static_cast<double>(best), 1.0 / P));
#endif
#ifdef HAS_EPILOGUE
    finish(p, unit, best);
#else
    put(TO(0), unit, best);
#endif
  }
}
#elif defined(UNPOOL)
// Where an element goes; -1: nowhere.
INGOT_INLINE i64 unpooled(const ingot_cuda::GeneralParams& p, i64 unit) {
  const i64 at = static_cast<i64>(IN(1)[unit]);
  if (at < 0 || at / POOLED_STRIDE(0) >= POOLED(0)) return -1;
  i64 to = 0;
  for (int d = 0; d < RANK; ++d) {
    const i64 place = at / POOLED_STRIDE(d) % POOLED(d);
    if (place >= SHAPE(d)) return -1;
    to += place * SHAPE_STRIDE(d);
  }
  return to;
}
// Of equal indices the last one counts: one more than its unit, 0 where there is none.
#define LAST static_cast<unsigned long long*>(p.work)
INGOT_KERNEL(clear) {
  FOR_UNITS(unit) {
    TO(0)[unit] = U0{};
    LAST[unit] = 0;
  }
}
INGOT_KERNEL(claim) {
  FOR_UNITS(unit) {
    const i64 to = unpooled(p, unit);
    if (to >= 0) atomicMax(LAST + to, static_cast<unsigned long long>(unit) + 1);
  }
}
INGOT_KERNEL(unpool) {
  FOR_UNITS(unit) {
    const i64 to = unpooled(p, unit);
    if (to >= 0 && LAST[to] == static_cast<unsigned long long>(unit) + 1) TO(0)[to] = IN(0)[unit];
  }
}
#elif defined(ROI_POOL)
INGOT_KERNEL(roi_pool) {
  FOR_UNITS(unit) {
    const i64 pw = unit % OUT_W, ph = unit / OUT_W % OUT_H, c = unit / (OUT_W * OUT_H) % CHANNELS,
              r = unit / (OUT_W * OUT_H * CHANNELS);
    const T1* roi = IN(1) + r * 5;
    const i64 batch = static_cast<i64>(get<double>(roi, 0));
    i64 box[4];
    for (int k = 0; k < 4; ++k) box[k] = static_cast<i64>(floor(get<double>(roi, k + 1) * SCALE + 0.5));
    const double bin_w = static_cast<double>(box[2] - box[0] < 0 ? 1 : box[2] - box[0] + 1) / static_cast<double>(OUT_W);
    const double bin_h = static_cast<double>(box[3] - box[1] < 0 ? 1 : box[3] - box[1] + 1) / static_cast<double>(OUT_H);
    const i64 h0 = clamp_index(box[1] + static_cast<i64>(floor(static_cast<double>(ph) * bin_h)), 0, HEIGHT);
    const i64 h1 = clamp_index(box[1] + static_cast<i64>(ceil(static_cast<double>(ph + 1) * bin_h)), 0, HEIGHT);
    const i64 w0 = clamp_index(box[0] + static_cast<i64>(floor(static_cast<double>(pw) * bin_w)), 0, WIDTH);
    const i64 w1 = clamp_index(box[0] + static_cast<i64>(ceil(static_cast<double>(pw + 1) * bin_w)), 0, WIDTH);
    A0 best = h1 > h0 && w1 > w0 ? -static_cast<A0>(kInfinity) : static_cast<A0>(0);
    if (batch < 0 || batch >= BATCH) continue;
    const T0* x = IN(0) + (batch * CHANNELS + c) * HEIGHT * WIDTH;
    for (i64 h = h0; h < h1; ++h)
      for (i64 w = w0; w < w1; ++w) best = x_max(best, get<A0>(x, h * WIDTH + w));
    put(TO(0), unit, best);
  }
}
#elif defined(ROI_ALIGN)
INGOT_KERNEL(roi_align) {
  FOR_UNITS(unit) {
    const i64 pw = unit % OUT_W, ph = unit / OUT_W % OUT_H, c = unit / (OUT_W * OUT_H) % CHANNELS,
              r = unit / (OUT_W * OUT_H * CHANNELS);
    const i64 batch = static_cast<i64>(IN(2)[r]);
    if (batch < 0 || batch >= BATCH) {
      put(TO(0), unit, static_cast<A0>(0));
      continue;
    }
    A0 box[4];
    for (int k = 0; k < 4; ++k)
      box[k] = get<A0>(IN(1), r * 4 + k) * static_cast<A0>(SCALE) - static_cast<A0>(HALF_PIXEL != 0 ? 0.5 : 0.0);
    A0 w = box[2] - box[0], h = box[3] - box[1];
    if (HALF_PIXEL == 0) {
      w = w < 1 ? 1 : w;
      h = h < 1 ? 1 : h;
    }
    const A0 bin_h = h / static_cast<A0>(OUT_H), bin_w = w / static_cast<A0>(OUT_W);
    const i64 grid_h = RATIO > 0 ? RATIO : clamp_index(static_cast<i64>(ceil(bin_h)), 0, 65536);
    const i64 grid_w = RATIO > 0 ? RATIO : clamp_index(static_cast<i64>(ceil(bin_w)), 0, 65536);
    const T0* x = IN(0) + (batch * CHANNELS + c) * HEIGHT * WIDTH;
    A0 sum = 0, top = grid_h * grid_w > 0 ? -static_cast<A0>(kInfinity) : static_cast<A0>(0);
    for (i64 i = 0; i < grid_h; ++i)
      for (i64 j = 0; j < grid_w; ++j) {
        A0 y = box[1] + static_cast<A0>(ph) * bin_h + (static_cast<A0>(i) + static_cast<A0>(0.5)) * bin_h / static_cast<A0>(grid_h);
        A0 v = box[0] + static_cast<A0>(pw) * bin_w + (static_cast<A0>(j) + static_cast<A0>(0.5)) * bin_w / static_cast<A0>(grid_w);
        A0 part[4] = {0, 0, 0, 0};
        if (y >= -1 && y <= static_cast<A0>(HEIGHT) && v >= -1 && v <= static_cast<A0>(WIDTH)) {
          y = y < 0 ? 0 : y > static_cast<A0>(HEIGHT - 1) ? static_cast<A0>(HEIGHT - 1) : y;
          v = v < 0 ? 0 : v > static_cast<A0>(WIDTH - 1) ? static_cast<A0>(WIDTH - 1) : v;
          const i64 y0 = static_cast<i64>(y), x0 = static_cast<i64>(v);
          const i64 y1 = y0 + 1 < HEIGHT ? y0 + 1 : HEIGHT - 1, x1 = x0 + 1 < WIDTH ? x0 + 1 : WIDTH - 1;
          const A0 fy = y - static_cast<A0>(y0), fx = v - static_cast<A0>(x0);
          part[0] = (1 - fy) * (1 - fx) * get<A0>(x, y0 * WIDTH + x0);
          part[1] = (1 - fy) * fx * get<A0>(x, y0 * WIDTH + x1);
          part[2] = fy * (1 - fx) * get<A0>(x, y1 * WIDTH + x0);
          part[3] = fy * fx * get<A0>(x, y1 * WIDTH + x1);
        }
        for (int k = 0; k < 4; ++k) {
          sum += part[k];
          top = x_max(top, part[k]);
        }
      }
    const i64 count = grid_h * grid_w > 1 ? grid_h * grid_w : 1;
    put(TO(0), unit, AVERAGE != 0 ? sum / static_cast<A0>(count) : top);
  }
}
#elif defined(GRID_SAMPLE)
INGOT_INLINE A0 reflected(A0 x, A0 low, A0 high) {
  const A0 range = high - low;
  if (!(range > 0)) return low;
  const A0 phase = x_fmod(x_abs(x - low), 2 * range);
  return phase <= range ? low + phase : high - (phase - range);
}
INGOT_INLINE A0 padded(const Params& p, A0 x, i64 size) {
  const A0 low = ALIGN != 0 ? static_cast<A0>(0) : static_cast<A0>(-0.5);
  const A0 high = static_cast<A0>(size) - (ALIGN != 0 ? static_cast<A0>(1) : static_cast<A0>(0.5));
  if (PADDING == 0 || (x >= low && x <= high)) return x;
  if (PADDING == 1) return x < 0 ? static_cast<A0>(0) : x > static_cast<A0>(size - 1) ? static_cast<A0>(size - 1) : x;
  return reflected(x, low, high);
}
// A coordinate beyond [-1, 1], reflected at both until it lies between; `mirrored`: an odd number of times. Pixels are
// linear in coordinates and -1 and 1 the ends that they are reflected at, aligned or not. Here every operation is exact in
// any type, whereas in fp32 a position hundreds of pixels outside has lost the bits that say where between two it lies.
INGOT_INLINE A0 folded(A0 coordinate, bool& mirrored) {
  const A0 phase = x_fmod(x_abs(coordinate), static_cast<A0>(4));
  mirrored = phase > 1 && phase <= 3;
  const A0 inside = mirrored ? 2 - phase : phase <= 1 ? phase : phase - 4;
  return coordinate < 0 ? -inside : inside;
}
struct Taps {
  i64 at[4];
  A0 weight[4];
};
INGOT_INLINE int taps_of(const Params& p, A0 coordinate, i64 size, Taps& taps) {
  const A0 in = static_cast<A0>(size), pitch = ALIGN != 0 ? in - 1 : in;
  bool mirrored = false;
  if (PADDING == 2 && !(x_abs(coordinate) <= 1)) coordinate = pitch > 0 ? folded(coordinate, mirrored) : 0;
  // Twice the position is a sum of two numbers, the second being what the first lost by rounding: on a large map that is
  // much of the part between two pixels. Without products that a compiler could contract.
  const A0 ends = in - 1, twice = x_fma(coordinate, pitch, ends), product = twice - ends, back = product - twice;
  A0 lost = (x_fma(coordinate, pitch, -product) - ((twice - (product - back)) - (ends + back))) / 2;
  A0 x = twice / 2;
  if (MODE == 1) {
    A0 nearest = x_round(x);
    if (x_abs(nearest - x) == static_cast<A0>(0.5)) {
      // Halfway between two the even one is taken where the position was; unaligned mirrors exchange even and odd.
      const bool other = lost != 0 ? (nearest > x) != (lost > 0) : mirrored && ALIGN == 0;
      if (other) nearest = 2 * x - nearest;
    }
    x = nearest;
    lost = 0;
  }
  if (MODE != 2 || PADDING != 1) {
    const A0 kept = padded(p, x, size);
    if (kept != x) lost = 0;
    x = kept;
  }
  if (!(x_abs(x) < static_cast<A0>(1e18))) {
    taps.at[0] = -1;
    taps.weight[0] = 0;
    return 1;
  }
  const A0 whole = x_floor(x), part = x - whole + lost, carry = x_floor(part);
  const A0 base = whole + carry, r = part - carry;
  const int count = MODE == 1 ? 1 : MODE == 0 ? 2 : 4;
  for (int t = 0; t < count; ++t) {
    const A0 position = x_round(padded(p, base + static_cast<A0>(MODE == 2 ? t - 1 : t), size));
    taps.at[t] = position >= 0 && position < in ? static_cast<i64>(position) : -1;
    if (MODE == 1) taps.weight[t] = 1;
    if (MODE == 0) taps.weight[t] = t == 0 ? 1 - r : r;
    if (MODE == 2) {
      const A0 a = static_cast<A0>(-0.75);
      const A0 d = t == 0 ? r + 1 : t == 1 ? r : t == 2 ? 1 - r : 2 - r;
      taps.weight[t] = t == 1 || t == 2 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((d - 5) * d + 8) * d * a - 4 * a;
    }
  }
  return count;
}
INGOT_KERNEL(grid_sample) {
  FOR_UNITS(unit) {
    const i64 o = unit % OUT_PLANE, c = unit / OUT_PLANE % CHANNELS, n = unit / OUT_PLANE / CHANNELS;
    Taps taps[3];
    int counts[3] = {1, 1, 1};
    for (int d = 0; d < 3; ++d) {
      taps[d].at[0] = 0;
      taps[d].weight[0] = 1;
    }
    for (int d = 0; d < static_cast<int>(RANK); ++d)
      counts[3 - RANK + d] =
          taps_of(p, get<A0>(IN(1), (n * OUT_PLANE + o) * RANK + RANK - 1 - d), IN_SIZE(3 - RANK + d), taps[3 - RANK + d]);
    const T0* x = IN(0) + (n * CHANNELS + c) * IN_SIZE(0) * IN_SIZE(1) * IN_SIZE(2);
    A0 sum = 0;
    for (int a = 0; a < counts[0]; ++a)
      for (int b = 0; b < counts[1]; ++b)
        for (int e = 0; e < counts[2]; ++e) {
          const i64 at0 = taps[0].at[a], at1 = taps[1].at[b], at2 = taps[2].at[e];
          if (at0 < 0 || at1 < 0 || at2 < 0) continue;
          const A0 weight = taps[0].weight[a] * taps[1].weight[b] * taps[2].weight[e];
          if (weight != 0) sum += weight * get<A0>(x, (at0 * IN_SIZE(1) + at1) * IN_SIZE(2) + at2);
        }
    put(TO(0), unit, sum);
  }
}
#elif defined(COL2IM)
// Gathered: every pixel sums the taps that fell on it.
INGOT_KERNEL(col2im) {
  FOR_UNITS(unit) {
    i64 rest = unit, at[8];
    for (int d = static_cast<int>(RANK) - 1; d >= 0; --d) {
      at[d] = rest % IMAGE(d);
      rest /= IMAGE(d);
    }
    A0 sum = 0;
    for (i64 tap = 0; tap < TAPS; ++tap) {
      i64 left = tap, position = 0, scale = 1;
      bool inside = true;
      for (int d = static_cast<int>(RANK) - 1; d >= 0; --d) {
        const i64 k = left % BLOCK(d);
        left /= BLOCK(d);
        const i64 from = at[d] + PAD(d) - k * DILATION(d);
        inside = inside && from >= 0 && from % STRIDE(d) == 0 && from / STRIDE(d) < COARSE(d);
        position += from / STRIDE(d) * scale;
        scale *= COARSE(d);
      }
      if (inside) sum += get<A0>(IN(0), (rest * TAPS + tap) * scale + position);
    }
    put(TO(0), unit, sum);
  }
}
#elif defined(LRN)
INGOT_KERNEL(lrn) {
  FOR_UNITS(unit) {
    const i64 channel = unit / PLANE % CHANNELS;
    const i64 begin = clamp_index(channel - (SIZE - 1) / 2, 0, CHANNELS), end = clamp_index(channel + SIZE / 2, 0, CHANNELS - 1);
    A0 squares = 0;
    for (i64 c = begin; c <= end; ++c) {
      const A0 v = get<A0>(IN(0), unit + (c - channel) * PLANE);
      squares += v * v;
    }
    put(TO(0), unit,
        get<A0>(IN(0), unit) / x_pow(static_cast<A0>(BIAS) + static_cast<A0>(ALPHA / static_cast<double>(SIZE)) * squares,
                                     static_cast<A0>(BETA)));
  }
}
#endif
