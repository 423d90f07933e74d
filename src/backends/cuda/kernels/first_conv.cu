// SPDX-License-Identifier: Apache-2.0
// Convolution of up to four input channels, as the first layer of networks has it: a block keeps all weights in shared
// memory and goes through tiles of TILE_H x 16 outputs. The input under a tile lies in shared memory as pixels of four
// channels, absent ones zero, so that four taps are 16 elements of k. A warp multiplies FRAGMENTS rows of 16 outputs with
// all output channels.
// Given: T (f16 or bf16), OUT (as wide as T), CHANNELS, KERNEL_H, KERNEL_W, STRIDE_H, STRIDE_W, N (a multiple of 8),
// TILE_H, FRAGMENTS, the epilogue. Optional: PLANES (the input's channels are planes, of Image: T or float).
using Params = ingot_cuda::FirstConvParams;

constexpr int kTileW = 16, kPixel = 4;
constexpr int kInH = (TILE_H - 1) * STRIDE_H + KERNEL_H, kInW = (kTileW - 1) * STRIDE_W + KERNEL_W;
constexpr int kTaps = KERNEL_H * KERNEL_W, kSteps = (kTaps + 3) / 4;
constexpr int kColumns = (N + 15) / 16 * 16, kPitch = kSteps * 16 + 8, kOutPitch = kColumns + 8;
constexpr int kWarps = TILE_H / FRAGMENTS, kThreads = kWarps * 32;
constexpr int kWeights = kColumns * kPitch, kTile = (kInH * kInW * kPixel + 7) / 8 * 8;
static_assert(kWarps * FRAGMENTS == TILE_H, "warps share the rows of a tile");

// Where a tap lies, in elements from the window's first pixel.
INGOT_INLINE constexpr int place_of(int tap) { return tap < kTaps ? (tap / KERNEL_W * kInW + tap % KERNEL_W) * kPixel : 0; }

#ifndef PLANES
using Image = T;
#endif
INGOT_INLINE T load_element(const T* from, bool inside) { return load_or_zero(from, inside); }
INGOT_INLINE T load_element(const float* from, bool inside) {
  unsigned bits[1];
  load_or_zero(bits, from, inside);
  return store_value<T>(__uint_as_float(bits[0]));
}

INGOT_INLINE void load_tile(const Params& p, T* tile, int image, int h0, int w0) {
  const int pixels = p.in_h * p.in_w;
  const Image* const x = static_cast<const Image*>(p.x) + static_cast<long long>(image) * pixels * CHANNELS;
#ifdef PLANES
  const int pixel_step = 1, channel_step = pixels;
#else
  const int pixel_step = CHANNELS, channel_step = 1;
#endif
#pragma unroll 4
  for (int i = static_cast<int>(threadIdx.x); i < kInH * kInW; i += kThreads) {
    const int h = h0 + i / kInW, w = w0 + i % kInW;
    const bool inside = static_cast<unsigned>(h) < static_cast<unsigned>(p.in_h) &&
                        static_cast<unsigned>(w) < static_cast<unsigned>(p.in_w);
    const Image* const from = x + (inside ? (h * p.in_w + w) * pixel_step : 0);
    Vec<T, kPixel> pixel{};
#pragma unroll
    for (int c = 0; c < CHANNELS; ++c) pixel.v[c] = load_element(from + c * channel_step, inside);
    *reinterpret_cast<Vec<T, kPixel>*>(tile + i * kPixel) = pixel;
  }
}

// Sums of FRAGMENTS rows of 16 outputs by all columns.
struct Sums {
  float c[FRAGMENTS][kColumns / 8][4];

  INGOT_INLINE void multiply(const T* weights, const T* tile) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
    for (int f = 0; f < FRAGMENTS; ++f)
#pragma unroll
      for (int n = 0; n < kColumns / 8; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) c[f][n][i] = 0.0f;
    // Of a fragment of A this lane holds pairs of channels (lane % 2) of one tap in each half of k.
    const bool second = (lane & 2) != 0;
    const T* const a0 = tile + (warp * FRAGMENTS * STRIDE_H * kInW + lane / 4 * STRIDE_W) * kPixel + lane % 2 * 2;
    const unsigned b0 = shared_address(weights + (lane / 16 * 8 + lane % 8) * kPitch + lane / 8 % 2 * 8);
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      unsigned a[FRAGMENTS][4];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int tap = step * 4 + half * 2;
        const T* const from = a0 + (second ? place_of(tap + 1) : place_of(tap));
        // Taps beyond the last one: zeros, since no weight may meet what is not under the window.
        const bool none = second ? tap + 1 >= kTaps : tap >= kTaps;
#pragma unroll
        for (int f = 0; f < FRAGMENTS; ++f)
#pragma unroll
          for (int r = 0; r < 2; ++r) {
            const unsigned pair = *reinterpret_cast<const unsigned*>(from + (f * STRIDE_H * kInW + r * 8 * STRIDE_W) * kPixel);
            a[f][half * 2 + r] = none ? 0u : pair;
          }
      }
#pragma unroll
      for (int n = 0; n < kColumns / 16; ++n) {
        unsigned b[4];
        load_matrices(b, b0 + (n * 16 * kPitch + step * 16) * 2);
#pragma unroll
        for (int f = 0; f < FRAGMENTS; ++f) {
          Mma<T>::run(c[f][2 * n], a[f], b[0], b[1]);
          Mma<T>::run(c[f][2 * n + 1], a[f], b[2], b[3]);
        }
      }
    }
  }

  // Through `out`, this warp's part of shared memory, so that stores are of 16 bytes.
  INGOT_INLINE void finish(const Params& p, OUT* out, int image, int oh0, int ow0) {
    constexpr int V = 2;
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
    for (int f = 0; f < FRAGMENTS; ++f) {
      const int oh = oh0 + warp * FRAGMENTS + f;
      if (oh >= p.out_h) continue;
      const int row0 = (image * p.out_h + oh) * p.out_w + ow0;
      __syncwarp();
#pragma unroll
      for (int n = 0; n < N / 8; ++n) {
        const int column = n * 8 + lane % 4 * 2;
        Vec<T, V> bias{};
        if (p.bias != nullptr) bias = *reinterpret_cast<const Vec<T, V>*>(static_cast<const T*>(p.bias) + column);
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          const int pixel = lane / 4 + r * 8, row = row0 + pixel;
          if (ow0 + pixel >= p.out_w) continue;
          const float x0[V] = {c[f][n][2 * r] + load_value(bias.v[0]), c[f][n][2 * r + 1] + load_value(bias.v[1])};
          Vec<OUT, V> pair;
          EPILOGUE_LOADS
#pragma unroll
          for (int j = 0; j < V; ++j) pair.v[j] = EPILOGUE(j);
          *reinterpret_cast<Vec<OUT, V>*>(out + pixel * kOutPitch + column) = pair;
        }
      }
      __syncwarp();
      for (int i = lane; i < kTileW * (N / 8); i += 32) {
        const int pixel = i / (N / 8), chunk = i % (N / 8) * 8;
        if (ow0 + pixel < p.out_w)
          *reinterpret_cast<uint4*>(static_cast<OUT*>(p.y) + static_cast<long long>(row0 + pixel) * N + chunk) =
              *reinterpret_cast<const uint4*>(out + pixel * kOutPitch + chunk);
      }
    }
  }
};

extern "C" __global__ void __launch_bounds__(kThreads, MIN_BLOCKS) first_conv(const __grid_constant__ Params p) {
  extern __shared__ __align__(128) unsigned char memory[];
  T* const weights = reinterpret_cast<T*>(memory);
  T* const tile = weights + kWeights;
  OUT* const out = reinterpret_cast<OUT*>(tile + kTile) + threadIdx.x / 32 * (kTileW * kOutPitch);
  for (int i = static_cast<int>(threadIdx.x) * 8; i < kWeights; i += kThreads * 8)
    *reinterpret_cast<uint4*>(weights + i) = *reinterpret_cast<const uint4*>(static_cast<const T*>(p.w) + i);
  wait_for_inputs();
  for (int t = static_cast<int>(blockIdx.x); t < p.tiles; t += static_cast<int>(gridDim.x)) {
    const int rest = t / p.tiles_w, image = rest / p.tiles_h;
    const int ow0 = (t - rest * p.tiles_w) * kTileW, oh0 = (rest - image * p.tiles_h) * TILE_H;
    __syncthreads();
    load_tile(p, tile, image, oh0 * STRIDE_H - p.pad_h, ow0 * STRIDE_W - p.pad_w);
    __syncthreads();
    Sums sums;
    sums.multiply(weights, tile);
    if (t + static_cast<int>(gridDim.x) >= p.tiles) release_dependents();
    sums.finish(p, out, image, oh0, ow0);
  }
}
