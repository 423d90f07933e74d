// SPDX-License-Identifier: Apache-2.0
// The producer of the tile engine for sm_90a that brings rows, or windows in slices of 64 channels, by tensor map: one
// instruction for a tile, which also places zeros beyond the edges. Given: see hopper_gemm.cu.
#if __CUDA_ARCH__ >= 900
// Where a tile begins in A: rows are (k, group, row), windows (channel, x, y, image) and the tap that is on.
struct TensorPlace {
  int channel;
#if A_MODE == A_ROWS
  int group, row;
  INGOT_INLINE TensorPlace(const Params&, int m0, int z, int first) : channel(first * 64), group(z), row(m0) {}
  INGOT_INLINE void advance(const Params&) { channel += 64; }
#else
  int x, y, image, tap_y, tap_x;
  INGOT_INLINE TensorPlace(const Params& p, int m0, int z, int first) {
    const int taps = p.kernel_h * p.kernel_w, slice = first / taps, tap = first - slice * taps;
    const int pixels = p.out_h * p.out_w;
    channel = z * p.group_c + slice * 64;
    tap_y = tap / p.kernel_w;
    tap_x = tap - tap_y * p.kernel_w;
    image = m0 / pixels;
    const int pixel = m0 - image * pixels, out_y = pixel / p.out_w;
    x = (pixel - out_y * p.out_w) * p.stride_w - p.pad_w;
    y = out_y * p.stride_h - p.pad_h;
  }
  INGOT_INLINE void advance(const Params& p) {
    if (++tap_x < p.kernel_w) return;
    tap_x = 0;
    if (++tap_y < p.kernel_h) return;
    tap_y = 0;
    channel += 64;
  }
#endif
};

INGOT_INLINE void fetch_a(const Params& p, const Shared& shared, const TensorPlace& from, int s) {
  const unsigned full = shared.full + s * 8;
  const auto map = reinterpret_cast<unsigned long long>(&p.a_map);
  barrier_arrive_expect(full, kATile);
#if A_MODE == A_ROWS
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];"
      ::"r"(shared.a(s)), "l"(map), "r"(from.channel), "r"(from.group), "r"(from.row), "r"(full)
      : "memory");
#else
  const auto right = static_cast<unsigned short>(from.tap_x * p.dilation_w);
  const auto down = static_cast<unsigned short>(from.tap_y * p.dilation_h);
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5}], "
      "[%6], {%7, %8};"
      ::"r"(shared.a(s)), "l"(map), "r"(from.channel), "r"(from.x), "r"(from.y), "r"(from.image), "r"(full),
      "h"(right), "h"(down)
      : "memory");
#endif
}

INGOT_INLINE void produce(const Params& p, int b_tile, const Shared& shared, int m0, int z, int first, int count) {
  if (static_cast<int>(threadIdx.x) != kConsumers) return;
  TensorPlace place(p, m0, z, first);
  wait_for_inputs();
  int s = 0, phase = 0;
#pragma unroll 1
  for (int t = 0; t < count; ++t) {
    if (t >= STAGES) {
      barrier_wait(shared.empty + s * 8, phase ^ 1);
      fetch_b(p, shared, b_tile + t, s);
    }
    fetch_a(p, shared, place, s);
    place.advance(p);
    if (++s == STAGES) {
      s = 0;
      phase ^= 1;
    }
  }
}
#endif
