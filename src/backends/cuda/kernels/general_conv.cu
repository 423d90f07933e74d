// SPDX-License-Identifier: Apache-2.0
// Convolutions, transposed ones too, over up to three dimensions in either layout, of any number type: a thread per
// output. The weights are [group][tap][input][output channel of the group], so that neighbouring threads read
// neighbouring weights. Given: TRANSPOSED, INTEGER (zero points; with QUANTISED scales too), the types.
template <typename T>
INGOT_INLINE i64 zero_point(const void* zeros, i64 count, i64 at) {
  return zeros == nullptr ? 0 : static_cast<i64>(static_cast<const T*>(zeros)[count == 1 ? 0 : at]);
}

#ifndef DEFORMED
INGOT_KERNEL(conv) {
  FOR_UNITS(unit) {
    i64 rest = unit, oc, o[3];
    if (CHANNELS_LAST != 0) {
      oc = rest % OUT_C;
      rest /= OUT_C;
    }
    for (int d = 2; d >= 0; --d) {
      o[d] = rest % OUT_SIZE(d);
      rest /= OUT_SIZE(d);
    }
    if (CHANNELS_LAST == 0) {
      oc = rest % OUT_C;
      rest /= OUT_C;
    }
    const i64 n = rest, group = oc / GROUP_OUT;
    const i64 plane = IN_SIZE(0) * IN_SIZE(1) * IN_SIZE(2);
    const i64 channel_step = CHANNELS_LAST != 0 ? 1 : plane, pixel_step = CHANNELS_LAST != 0 ? IN_C : 1;
    const XT* x = static_cast<const XT*>(p.in[0]) + n * plane * IN_C + group * GROUP_IN * channel_step;
    const WT* w = static_cast<const WT*>(WEIGHTS) + group * GROUP_W + oc % GROUP_OUT * W_OUT;
#ifdef INTEGER
    const i64 x_zero = zero_point<XT>(X_ZERO, 1, 0), w_zero = zero_point<WT>(W_ZERO, W_ZEROS, oc);
#endif
    ACC sum = 0;
    i64 tap = 0;
    for (i64 kd = 0; kd < KERNEL(0); ++kd)
      for (i64 kh = 0; kh < KERNEL(1); ++kh)
        for (i64 kw = 0; kw < KERNEL(2); ++kw, ++tap) {
          const i64 k[3] = {kd, kh, kw};
          i64 at[3];
          bool inside = true;
          for (int d = 0; d < 3; ++d) {
#ifdef TRANSPOSED
            const i64 from = o[d] + PAD(d) - k[d] * DILATION(d);
            at[d] = from / STRIDE(d);
            inside = inside && from >= 0 && from % STRIDE(d) == 0 && at[d] < IN_SIZE(d);
#else
            at[d] = o[d] * STRIDE(d) - PAD(d) + k[d] * DILATION(d);
            inside = inside && at[d] >= 0 && at[d] < IN_SIZE(d);
#endif
          }
          if (!inside) continue;
          const XT* from = x + ((at[0] * IN_SIZE(1) + at[1]) * IN_SIZE(2) + at[2]) * pixel_step;
          const WT* weights = w + tap * W_TAP;
          for (i64 c = 0; c < GROUP_IN; ++c) {
#ifdef INTEGER
            sum += (get<i64>(from, c * channel_step) - x_zero) * (get<i64>(weights, c * W_IN) - w_zero);
#else
            sum += get<ACC>(from, c * channel_step) * get<ACC>(weights, c * W_IN);
#endif
          }
        }
#ifdef QUANTISED
    if (HAS_8) sum += static_cast<const int*>(p.in[8])[oc];
    const float w_scale = static_cast<const float*>(p.in[4])[W_SCALES == 1 ? 0 : oc];
    const float factor = __fdiv_rn(__fmul_rn(*static_cast<const float*>(p.in[1]), w_scale), *static_cast<const float*>(p.in[6]));
    const i64 zero = static_cast<i64>(*static_cast<const U0*>(p.in[7]));
    const double value = rint(static_cast<double>(__fmul_rn(static_cast<float>(sum), factor))) + static_cast<double>(zero);
    TO(0)[unit] = static_cast<U0>(value < LOWEST ? LOWEST : value > HIGHEST ? HIGHEST : value);
#elif defined(INTEGER)
    put(TO(0), unit, sum);
#else
    if (BIAS != nullptr) sum += get<ACC>(static_cast<const XT*>(BIAS), oc);
    finish(p, unit, sum);
#endif
  }
}
#endif

#ifdef DEFORMED
// Any number of channels: what the tile engine cannot read in vectors.
INGOT_KERNEL(deform) {
  FOR_UNITS(unit) {
    i64 rest = unit, oc, o[2];
    if (CHANNELS_LAST != 0) {
      oc = rest % OUT_C;
      rest /= OUT_C;
    }
    for (int d = 1; d >= 0; --d) {
      o[d] = rest % OUT_SIZE(d + 1);
      rest /= OUT_SIZE(d + 1);
    }
    if (CHANNELS_LAST == 0) {
      oc = rest % OUT_C;
      rest /= OUT_C;
    }
    const i64 n = rest, group = oc / GROUP_OUT, height = IN_SIZE(1), width = IN_SIZE(2);
    const i64 channel_step = CHANNELS_LAST != 0 ? 1 : height * width, pixel_step = CHANNELS_LAST != 0 ? IN_C : 1;
    const i64 taps = KERNEL(1) * KERNEL(2), pixels = OUT_SIZE(1) * OUT_SIZE(2), pixel = o[0] * OUT_SIZE(2) + o[1];
    const i64 offsets = 2 * OFFSET_GROUPS * taps, masks = OFFSET_GROUPS * taps;
    ACC sum = 0;
    for (i64 c = 0; c < GROUP_IN; ++c) {
      const i64 channel = group * GROUP_IN + c, owner = channel / (IN_C / OFFSET_GROUPS);
      const XT* x = static_cast<const XT*>(p.in[0]) + n * height * width * IN_C + channel * channel_step;
      for (i64 tap = 0; tap < taps; ++tap) {
        const i64 at = 2 * (owner * taps + tap);
        const i64 first = OFFSETS_LAST != 0 ? (n * pixels + pixel) * offsets + at : (n * offsets + at) * pixels + pixel;
        const ACC y = static_cast<ACC>(o[0] * STRIDE(1) - PAD(1) + tap / KERNEL(2) * DILATION(1)) + get<ACC>(IN(2), first);
        const ACC v = static_cast<ACC>(o[1] * STRIDE(2) - PAD(2) + tap % KERNEL(2) * DILATION(2)) +
                      get<ACC>(IN(2), first + (OFFSETS_LAST != 0 ? 1 : pixels));
        if (!(y > -1 && y < static_cast<ACC>(height) && v > -1 && v < static_cast<ACC>(width))) continue;
        const ACC y0 = x_floor(y), x0 = x_floor(v), fy = y - y0, fx = v - x0;
        ACC value = 0;
        for (int k = 0; k < 4; ++k) {
          const i64 row = static_cast<i64>(y0) + k / 2, column = static_cast<i64>(x0) + k % 2;
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          value += (k / 2 != 0 ? fy : 1 - fy) * (k % 2 != 0 ? fx : 1 - fx) * get<ACC>(x, (row * width + column) * pixel_step);
        }
#if HAS_4
        const i64 m = owner * taps + tap;
        value *= get<ACC>(IN(4), OFFSETS_LAST != 0 ? (n * pixels + pixel) * masks + m : (n * masks + m) * pixels + pixel);
#endif
        sum += value * get<ACC>(IN(1), (oc * GROUP_IN + c) * taps + tap);
      }
    }
#if HAS_3
    sum += get<ACC>(IN(3), oc);
#endif
    finish(p, unit, sum);
  }
}
#endif
