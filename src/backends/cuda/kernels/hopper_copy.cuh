// SPDX-License-Identifier: Apache-2.0
// Producers of the tile engine for sm_90a that bring windows whose channels fill no tile, by asynchronous copies.
// Given: see hopper_gemm.cu.
#if __CUDA_ARCH__ >= 900
INGOT_INLINE void produce(const Params& p, int b_tile, const Shared& shared, int m0, int z, int first,
                          int count) {
  const int thread = static_cast<int>(threadIdx.x) - kConsumers, column = thread % 8, row0 = thread / 8;
  const unsigned to0 = static_cast<unsigned>(row0 * kRowBytes + ((column ^ (row0 & 7)) << 4));
  // Row by row: where its image begins, the window's place.
  int base[kRows];
  int window[kRows];  // y in the upper half, x in the lower
  const int pixels = p.out_h * p.out_w;
#if A_MODE == A_WINDOW
  int channel = first * 64 + column * 8, tap_x = channel / p.group_c;
  channel -= tap_x * p.group_c;
  int tap_y = tap_x / p.kernel_w;
  tap_x -= tap_y * p.kernel_w;
#else
  int k = first * 64 + column * 8;
#endif
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const int m = m0 + row0 + i * kRowsPerPass;
    const int image = m / pixels, pixel = m - image * pixels, oy = pixel / p.out_w;
    base[i] = image * p.in_h * p.in_w * p.in_c;
    // Beyond the last row: a window that no tap brings inside.
    const int y = m < p.m ? oy * p.stride_h - p.pad_h : -0x4000, x = (pixel - oy * p.out_w) * p.stride_w - p.pad_w;
    window[i] = y * 65536 + (x & 0xffff);
  }
  const T* const a = static_cast<const T*>(p.a) + static_cast<long long>(z) * p.group_c;
  wait_for_inputs();
  int s = 0, phase = 0;
  for (int t = 0; t < count; ++t) {
    if (t >= STAGES) {
      barrier_wait(shared.empty + s * 8, phase ^ 1);
      if (thread == 0) fetch_b(p, shared, b_tile + t, s);
    }
    const unsigned to = shared.a(s) + to0;
#if A_MODE == A_ELEMENTS
#pragma unroll
    for (int j = 0; j < 8; j += W_VECTOR) {
      const int tap = (k + j) / W_CHANNELS, tap_y = tap / W_KERNEL_W, tap_x = tap - tap_y * W_KERNEL_W;
      const int down = tap_y * p.dilation_h, right = tap_x * p.dilation_w, channel = k + j - tap * W_CHANNELS;
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        const int y = (window[i] >> 16) + down, x = static_cast<int>(static_cast<short>(window[i] & 0xffff)) + right;
        const bool ok = static_cast<unsigned>(y) < static_cast<unsigned>(p.in_h) &&
                        static_cast<unsigned>(x) < static_cast<unsigned>(p.in_w) && k + j < p.k;
        const int at = base[i] + (y * p.in_w + x) * p.in_c + channel;
        copy_async_piece<W_VECTOR * 2>(to + i * kRowsPerPass * kRowBytes + j * 2, a + (ok ? at : 0), ok);
      }
    }
#else
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int y = (window[i] >> 16) + tap_y * p.dilation_h;
      const int x = static_cast<int>(static_cast<short>(window[i] & 0xffff)) + tap_x * p.dilation_w;
      const bool ok = static_cast<unsigned>(y) < static_cast<unsigned>(p.in_h) &&
                      static_cast<unsigned>(x) < static_cast<unsigned>(p.in_w) && tap_y < p.kernel_h;
      const int at = base[i] + (y * p.in_w + x) * p.in_c + channel;
      COPY_A(to + i * kRowsPerPass * kRowBytes, a + (ok ? at : 0), ok);
    }
#endif
    barrier_arrive_copies(shared.full + s * 8);
#if A_MODE == A_WINDOW
    channel += 64;
    while (channel >= p.group_c) {
      channel -= p.group_c;
      if (++tap_x == p.kernel_w) {
        tap_x = 0;
        ++tap_y;
      }
    }
#else
    k += 64;
#endif
    if (++s == STAGES) {
      s = 0;
      phase ^= 1;
    }
  }
  copy_async_wait_all();
}
#endif
