// SPDX-License-Identifier: Apache-2.0
// DCNv3 and DCNv4: weighted sums of an image, channels last, at the points of a window and their offsets. A thread per
// output pixel and VECTOR channels of a group. Coordinates and sums are fp32, or double for doubles.
INGOT_KERNEL(deform_points) {
  FOR_UNITS(unit) {
    const i64 pixel = unit / CHUNKS, channel = unit % CHUNKS * VECTOR, group = channel / PER_GROUP;
    const i64 column = pixel % OUT_W, row = pixel / OUT_W % OUT_H, n = pixel / (OUT_W * OUT_H);
    const T1* offset = IN(1) + pixel * OFFSET_PITCH + group * POINTS * (HAS_2 ? 2 : 3);
#if HAS_2
    const T2* factor = IN(2) + (pixel * GROUPS + group) * POINTS;
#else
    const T1* factor = offset + 2 * POINTS;
#endif
    const T0* image = IN(0) + n * IN_H * IN_W * CHANNELS + channel;
    const A0 scale = static_cast<A0>(SCALE);
    // Without offsets the middle of the window stays where it is, whatever the scale.
    const A0 y0 = static_cast<A0>(MIDDLE_H) * (1 - scale) + static_cast<A0>(row * STRIDE_H - PAD_H);
    const A0 x0 = static_cast<A0>(MIDDLE_W) * (1 - scale) + static_cast<A0>(column * STRIDE_W - PAD_W);
    A0 sum[VECTOR] = {};
    for (i64 i = 0; i < KERNEL_W; ++i)
      for (i64 j = 0; j < KERNEL_H; ++j) {
        if (REMOVE_CENTER != 0 && i == KERNEL_W / 2 && j == KERNEL_H / 2) continue;
        const A0 x = x0 + (static_cast<A0>(i * DILATION_W) + get<A0>(offset, 0)) * scale;
        const A0 y = y0 + (static_cast<A0>(j * DILATION_H) + get<A0>(offset, 1)) * scale;
        const A0 weight = get<A0>(factor, 0);
        offset += 2;
        ++factor;
        if (!(y > -1 && x > -1 && y < static_cast<A0>(IN_H) && x < static_cast<A0>(IN_W))) continue;
        const A0 top = floor(y), left = floor(x), low = y - top, right = x - left;
        for (int corner = 0; corner < 4; ++corner) {
          const i64 at_y = static_cast<i64>(top) + corner / 2, at_x = static_cast<i64>(left) + corner % 2;
          if (at_y < 0 || at_x < 0 || at_y >= IN_H || at_x >= IN_W) continue;
          const A0 part = (corner / 2 != 0 ? low : 1 - low) * (corner % 2 != 0 ? right : 1 - right) * weight;
          const Vec<T0, VECTOR> v =
              *reinterpret_cast<const Vec<T0, VECTOR>*>(image + (at_y * IN_W + at_x) * CHANNELS);
#pragma unroll
          for (int k = 0; k < VECTOR; ++k) sum[k] += part * static_cast<A0>(load_value(v.v[k]));
        }
      }
    Vec<U0, VECTOR> out;
#pragma unroll
    for (int k = 0; k < VECTOR; ++k) out.v[k] = store_value<U0>(sum[k]);
    *reinterpret_cast<Vec<U0, VECTOR>*>(TO(0) + pixel * CHANNELS + channel) = out;
  }
}
