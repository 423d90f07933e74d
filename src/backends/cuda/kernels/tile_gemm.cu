// SPDX-License-Identifier: Apache-2.0
// The tile engine: matrix products, convolutions as implicit ones, deformable convolutions. One block computes a tile
// of BM x BN (of one batch or group, and of one split of k), through STAGES of shared memory.
// Given: T (operands), OUT, BM, BN, BK, WARPS_M, WARPS_N, STAGES, A_MODE, B_MODE, EPILOGUE_INPUTS, EPILOGUE types E<i>,
// and epilogue(x0, x1, ...). 2-byte types use the tensor cores (mma.sync, fp32 accumulators), float plain fp32.
#define A_ROWS 0      // A[m, k] at m * lda + k, in chunks of 16 bytes
#define A_WINDOW 1    // channels last, in chunks of 16 bytes within one tap
#define A_ELEMENTS 2  // channels last, element by element (few or oddly many channels); the window is constant: W_...
#define A_DEFORM 3    // channels last, bilinear samples, in chunks of 16 bytes within one tap and offset group
#define A_ANY 4       // A[m, k] at m * lda + k without alignment, or with A_COLUMNS at k * lda + m
#define B_NK 0        // B[n, k] at n * ldb + k, in chunks of 16 bytes
#define B_KN 1        // B[k, n] at k * ldb + n, in chunks of 16 bytes
#define B_NK_ANY 2    // as B_NK without alignment
#define B_KN_ANY 3    // as B_KN without alignment

constexpr bool kTensorCores = sizeof(T) == 2;
constexpr int kThreads = WARPS_M * WARPS_N * 32;
constexpr int kChunk = 16 / static_cast<int>(sizeof(T));
constexpr int kRowChunks = BK / kChunk;
constexpr int kPitch = BK + kChunk;  // elements of a row of a tile in shared memory: no bank conflicts for ldmatrix
constexpr int kRowsPerPass = kThreads / kRowChunks;
constexpr int kARows = BM / kRowsPerPass;
static_assert(kARows * kRowsPerPass == BM, "tile and threads disagree");
constexpr bool kBColumns = B_MODE == B_KN || B_MODE == B_KN_ANY;  // the tile of B is [BK][BN]
constexpr int kBPitch = kBColumns ? BN + kChunk : kPitch;
constexpr int kBTileRows = kBColumns ? BK : BN;
constexpr int kBRowChunks = (kBColumns ? BN : BK) / kChunk;
constexpr int kBChunks = kBTileRows * kBRowChunks;
constexpr int kATile = BM * kPitch;
constexpr int kBTile = kBTileRows * kBPitch;
constexpr bool kARegisters = A_MODE == A_ELEMENTS || A_MODE == A_DEFORM || A_MODE == A_ANY;
constexpr bool kBRegisters = B_MODE == B_NK_ANY || B_MODE == B_KN_ANY;
constexpr int kBPerThread = (kBChunks + kThreads - 1) / kThreads;
constexpr int kOutPitch = BN + 4;

using Chunk = Vec<T, kChunk>;
using Params = ingot_cuda::GemmParams;

INGOT_INLINE Chunk zero_chunk() {
  Chunk chunk;
#pragma unroll
  for (int i = 0; i < kChunk; ++i) chunk.v[i] = T{};
  return chunk;
}

// ---- A ----
struct LoaderA {
  const Params& p;
  const T* base[kARows];
  int y0[kARows], x0[kARows];
  bool ok[kARows];
  int row[kARows];
  int k, channel, tap_y, tap_x;  // of this thread's chunk in the next tile
  Chunk held[kARegisters && A_MODE != A_DEFORM ? kARows : 1];
  // Deformable: the four corners of the sample and their weights, for the tap and offset group they were computed for.
  int corner[A_MODE == A_DEFORM ? kARows : 1][4];
  float weight[A_MODE == A_DEFORM ? kARows : 1][4];
  long long offset_at[A_MODE == A_DEFORM ? kARows : 1], mask_at[A_MODE == A_DEFORM ? kARows : 1];
  Chunk raw[A_MODE == A_DEFORM ? kARows : 1][4];  // at the corners: combined only when stored, behind the products
  int sampled;

  INGOT_INLINE LoaderA(const Params& params, const T* a, int m0, int group_channel, int first_tile) : p(params) {
    const int first_row = static_cast<int>(threadIdx.x) / kRowChunks;
    k = first_tile * BK + static_cast<int>(threadIdx.x) % kRowChunks * kChunk;
    channel = tap_y = tap_x = 0;
    sampled = -1;
    if (A_MODE == A_WINDOW || A_MODE == A_DEFORM) {
      const int tap = k / p.group_c;
      channel = k - tap * p.group_c;
      tap_y = tap / p.kernel_w;
      tap_x = tap - tap_y * p.kernel_w;
    }
#pragma unroll
    for (int i = 0; i < kARows; ++i) {
      row[i] = first_row + i * kRowsPerPass;
      const int m = m0 + row[i];
      ok[i] = m < p.m;
      y0[i] = x0[i] = 0;
      if (A_MODE == A_ROWS) {
        base[i] = a + static_cast<long long>(m) * p.lda;
      } else if (A_MODE == A_ANY) {
        base[i] = a;
        y0[i] = m;
      } else {
        const int pixels = p.out_h * p.out_w;
        const int image = m / pixels;
        const int pixel = m - image * pixels;
        const int y = pixel / p.out_w;
        y0[i] = y * p.stride_h - p.pad_h;
        x0[i] = (pixel - y * p.out_w) * p.stride_w - p.pad_w;
        base[i] = a + static_cast<long long>(image) * p.in_h * p.in_w * p.in_c + group_channel;
        if (A_MODE == A_DEFORM) {
          offset_at[i] = image * p.offset_n + pixel * p.offset_pixel;
          mask_at[i] = image * p.mask_n + pixel * p.mask_pixel;
        }
      }
    }
  }

  INGOT_INLINE void advance() {
    k += BK;
    if (A_MODE == A_WINDOW || A_MODE == A_DEFORM) {
      channel += BK;
      while (channel >= p.group_c) {
        channel -= p.group_c;
        if (++tap_x == p.kernel_w) {
          tap_x = 0;
          ++tap_y;
        }
      }
    }
  }

  INGOT_INLINE void sample(int group_channel) {
    const int offset_group = (group_channel + channel) / (p.in_c / p.offset_groups);
    const int tap = tap_y * p.kernel_w + tap_x;
    const int place = offset_group * p.kernel_h * p.kernel_w + tap;
    if (place == sampled) return;
    sampled = place;
#pragma unroll
    for (int i = 0; i < kARows; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        corner[i][j] = 0;
        weight[i][j] = 0;
      }
      if (!ok[i] || k >= p.k) continue;
      const T* offset = static_cast<const T*>(p.offset) + offset_at[i] + 2 * place * p.offset_channel;
      const float y = static_cast<float>(y0[i] + tap_y * p.dilation_h) + load_value(offset[0]);
      const float x = static_cast<float>(x0[i] + tap_x * p.dilation_w) + load_value(offset[p.offset_channel]);
      if (!(y > -1.0f && y < static_cast<float>(p.in_h) && x > -1.0f && x < static_cast<float>(p.in_w))) continue;
      float scale = 1.0f;
      if (p.mask != nullptr)
        scale = load_value(static_cast<const T*>(p.mask)[mask_at[i] + place * p.mask_channel]);
      const float low_y = floorf(y), low_x = floorf(x);
      const int iy = static_cast<int>(low_y), ix = static_cast<int>(low_x);
      const float fy = y - low_y, fx = x - low_x;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int cy = iy + (j >> 1), cx = ix + (j & 1);
        if (cy < 0 || cy >= p.in_h || cx < 0 || cx >= p.in_w) continue;
        corner[i][j] = (cy * p.in_w + cx) * p.in_c;
        weight[i][j] = scale * ((j >> 1) != 0 ? fy : 1.0f - fy) * ((j & 1) != 0 ? fx : 1.0f - fx);
      }
    }
  }

  // Starts loading this thread's chunks of the next tile: to shared memory, or (register modes) to `held`.
  INGOT_INLINE void fetch(T* tile, int group_channel) {
    const bool k_ok = k < p.k;
    const int column = static_cast<int>(threadIdx.x) % kRowChunks * kChunk;
    if (A_MODE == A_DEFORM) sample(group_channel);
#pragma unroll
    for (int i = 0; i < kARows; ++i) {
      T* to = tile + row[i] * kPitch + column;
      if (A_MODE == A_ROWS) {
        const bool valid = ok[i] && k_ok;
        copy_async_16(shared_address(to), valid ? base[i] + k : base[0], valid);
      } else if (A_MODE == A_WINDOW) {
        const int y = y0[i] + tap_y * p.dilation_h, x = x0[i] + tap_x * p.dilation_w;
        const bool valid = ok[i] && k_ok && static_cast<unsigned>(y) < static_cast<unsigned>(p.in_h) &&
                           static_cast<unsigned>(x) < static_cast<unsigned>(p.in_w);
        const T* from = base[i] + (static_cast<long long>(y) * p.in_w + x) * p.in_c + channel;
        copy_async_16(shared_address(to), valid ? from : static_cast<const T*>(p.a), valid);
      } else if (A_MODE == A_ELEMENTS) {
#if A_MODE == 2
#pragma unroll
        for (int j = 0; j < kChunk; ++j) {
          const int at = k + j;
          const int tap = at / W_CHANNELS;
          const int c = at - tap * W_CHANNELS;
          const int y = y0[i] + tap / W_KERNEL_W * p.dilation_h, x = x0[i] + tap % W_KERNEL_W * p.dilation_w;
          const bool valid = ok[i] && at < p.k && static_cast<unsigned>(y) < static_cast<unsigned>(p.in_h) &&
                             static_cast<unsigned>(x) < static_cast<unsigned>(p.in_w);
          held[i].v[j] = valid ? base[i][(y * p.in_w + x) * p.in_c + c] : T{};
        }
#endif
      } else if (A_MODE == A_ANY) {
#pragma unroll
        for (int j = 0; j < kChunk; ++j) {
#ifdef A_COLUMNS
          const long long at = static_cast<long long>(k + j) * p.lda + y0[i];
#else
          const long long at = static_cast<long long>(y0[i]) * p.lda + k + j;
#endif
          held[i].v[j] = ok[i] && k + j < p.k ? base[i][at] : T{};
        }
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j)
          raw[i][j] = ok[i] && k_ok && weight[i][j] != 0.0f
                          ? *reinterpret_cast<const Chunk*>(base[i] + corner[i][j] + channel)
                          : zero_chunk();
      }
    }
    advance();
  }

  INGOT_INLINE void store(T* tile) {
    if (!kARegisters) return;
    const int column = static_cast<int>(threadIdx.x) % kRowChunks * kChunk;
#pragma unroll
    for (int i = 0; i < kARows; ++i) {
      Chunk chunk;
      if (A_MODE == A_DEFORM) {
        float sum[kChunk] = {};
#pragma unroll
        for (int j = 0; j < 4; ++j)
#pragma unroll
          for (int e = 0; e < kChunk; ++e) sum[e] = fmaf(weight[i][j], load_value(raw[i][j].v[e]), sum[e]);
#pragma unroll
        for (int e = 0; e < kChunk; ++e) chunk.v[e] = store_value<T>(sum[e]);
      } else {
        chunk = held[i];
      }
      *reinterpret_cast<Chunk*>(tile + row[i] * kPitch + column) = chunk;
    }
  }
};

// ---- B ----
struct LoaderB {
  const Params& p;
  const T* b;
  int n0, k0;
  Chunk held[kBRegisters ? kBPerThread : 1];

  INGOT_INLINE LoaderB(const Params& params, const T* from, int column, int first_tile)
      : p(params), b(from), n0(column), k0(first_tile * BK) {}

  INGOT_INLINE void fetch(T* tile) {
#pragma unroll
    for (int i = 0; i < kBPerThread; ++i) {
      const int chunk = i * kThreads + static_cast<int>(threadIdx.x);
      if (kBChunks % kThreads != 0 && chunk >= kBChunks) break;
      const int row = chunk / kBRowChunks;
      const int column = chunk % kBRowChunks * kChunk;
      const int n = n0 + (kBColumns ? column : row), k = k0 + (kBColumns ? row : column);
      const bool valid = n < p.n && k < p.k;
      const T* from = b + (kBColumns ? static_cast<long long>(k) * p.ldb + n : static_cast<long long>(n) * p.ldb + k);
      if (!kBRegisters) {
        copy_async_16(shared_address(tile + row * kBPitch + column), valid ? from : b, valid);
      } else {
#pragma unroll
        for (int j = 0; j < kChunk; ++j)
          held[i].v[j] = valid && (kBColumns ? n + j < p.n : k + j < p.k) ? from[j] : T{};
      }
    }
    k0 += BK;
  }

  INGOT_INLINE void store(T* tile) {
    if (!kBRegisters) return;
#pragma unroll
    for (int i = 0; i < kBPerThread; ++i) {
      const int chunk = i * kThreads + static_cast<int>(threadIdx.x);
      if (kBChunks % kThreads != 0 && chunk >= kBChunks) break;
      *reinterpret_cast<Chunk*>(tile + chunk / kBRowChunks * kBPitch + chunk % kBRowChunks * kChunk) = held[i];
    }
  }
};

// ---- the product of two tiles ----
#ifdef TENSOR_CORES
constexpr int kWarpM = BM / WARPS_M, kWarpN = BN / WARPS_N;
constexpr int kFragM = kWarpM / 16, kFragN = kWarpN / 8;
static_assert(kFragN % 2 == 0 && kFragM > 0, "a warp's tile is a multiple of 16 x 16");

struct Accumulators {
  float c[kFragM][kFragN][4];

  INGOT_INLINE Accumulators() {
#pragma unroll
    for (int i = 0; i < kFragM; ++i)
#pragma unroll
      for (int j = 0; j < kFragN; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) c[i][j][e] = 0.0f;
  }

  INGOT_INLINE void multiply(const T* a, const T* b) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    const int m0 = warp / WARPS_N * kWarpM, n0 = warp % WARPS_N * kWarpN;
#pragma unroll
    for (int kk = 0; kk < BK; kk += 16) {
      unsigned af[kFragM][4], bf[kFragN / 2][4];
#pragma unroll
      for (int i = 0; i < kFragM; ++i)
        load_matrices(af[i], shared_address(a + (m0 + i * 16 + lane % 16) * kPitch + kk + lane / 16 * 8));
#pragma unroll
      for (int j = 0; j < kFragN / 2; ++j) {
        if (kBColumns)
          load_matrices_transposed(
              bf[j], shared_address(b + (kk + lane % 8 + lane / 8 % 2 * 8) * kBPitch + n0 + j * 16 + lane / 16 * 8));
        else
          load_matrices(
              bf[j], shared_address(b + (n0 + j * 16 + lane % 8 + lane / 16 * 8) * kBPitch + kk + lane / 8 % 2 * 8));
      }
#pragma unroll
      for (int i = 0; i < kFragM; ++i)
#pragma unroll
        for (int j = 0; j < kFragN; ++j) Mma<T>::run(c[i][j], af[i], bf[j / 2][j % 2 * 2], bf[j / 2][j % 2 * 2 + 1]);
    }
  }

  INGOT_INLINE void store(float* out, float alpha) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    const int m0 = warp / WARPS_N * kWarpM, n0 = warp % WARPS_N * kWarpN;
#pragma unroll
    for (int i = 0; i < kFragM; ++i)
#pragma unroll
      for (int j = 0; j < kFragN; ++j)
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          Vec<float, 2> pair{{c[i][j][2 * h] * alpha, c[i][j][2 * h + 1] * alpha}};
          *reinterpret_cast<Vec<float, 2>*>(out + (m0 + i * 16 + lane / 4 + h * 8) * kOutPitch + n0 + j * 8 +
                                            lane % 4 * 2) = pair;
        }
  }
};
#else
constexpr int kThreadsN = 16;
constexpr int kThreadsM = kThreads / kThreadsN;
constexpr int kFragM = BM / kThreadsM, kFragN = BN / kThreadsN;

struct Accumulators {
  float c[kFragM][kFragN];

  INGOT_INLINE Accumulators() {
#pragma unroll
    for (int i = 0; i < kFragM; ++i)
#pragma unroll
      for (int j = 0; j < kFragN; ++j) c[i][j] = 0.0f;
  }

  INGOT_INLINE void multiply(const float* a, const float* b) {
    const int tx = static_cast<int>(threadIdx.x) % kThreadsN, ty = static_cast<int>(threadIdx.x) / kThreadsN;
#pragma unroll
    for (int kk = 0; kk < BK; kk += 4) {
      Vec<float, 4> af[kFragM];
#pragma unroll
      for (int i = 0; i < kFragM; ++i)
        af[i] = *reinterpret_cast<const Vec<float, 4>*>(a + (ty + i * kThreadsM) * kPitch + kk);
#pragma unroll
      for (int j = 0; j < kFragN; ++j) {
        Vec<float, 4> bf;
        if (kBColumns) {
#pragma unroll
          for (int e = 0; e < 4; ++e) bf.v[e] = b[(kk + e) * kBPitch + tx + j * kThreadsN];
        } else {
          bf = *reinterpret_cast<const Vec<float, 4>*>(b + (tx + j * kThreadsN) * kBPitch + kk);
        }
#pragma unroll
        for (int i = 0; i < kFragM; ++i)
#pragma unroll
          for (int e = 0; e < 4; ++e) c[i][j] = fmaf(af[i].v[e], bf.v[e], c[i][j]);
      }
    }
  }

  INGOT_INLINE void store(float* out, float alpha) const {
    const int tx = static_cast<int>(threadIdx.x) % kThreadsN, ty = static_cast<int>(threadIdx.x) / kThreadsN;
#pragma unroll
    for (int i = 0; i < kFragM; ++i)
#pragma unroll
      for (int j = 0; j < kFragN; ++j)
        out[(ty + i * kThreadsM) * kOutPitch + tx + j * kThreadsN] = c[i][j] * alpha;
  }
};
#endif

INGOT_INLINE long long batch_offset(const Params& p, int z, long long s0, long long s1, long long s2) {
  const int outer = z / p.batch_d0;
  const int outermost = outer / p.batch_d1;
  return (z - outer * p.batch_d0) * s0 + (outer - outermost * p.batch_d1) * s1 + outermost * s2;
}

extern "C" __global__ void __launch_bounds__(kThreads) tile_gemm(const __grid_constant__ Params p) {
  extern __shared__ __align__(128) unsigned char shared[];
  T* a_tiles = reinterpret_cast<T*>(shared);
  T* b_tiles = a_tiles + STAGES * kATile;
  const int tile_n = static_cast<int>(blockIdx.x) % p.tiles_n, tile_m = static_cast<int>(blockIdx.x) / p.tiles_n;
  const int split = static_cast<int>(blockIdx.y), z = static_cast<int>(blockIdx.z);
  const int m0 = tile_m * BM, n0 = tile_n * BN;
  const int k_tiles = (p.k + BK - 1) / BK;
  const int first = split * p.tiles_per_split;
  const int count = max_int(0, min_int(k_tiles, first + p.tiles_per_split) - first);
  const int group_channel = A_MODE == A_ROWS || A_MODE == A_ANY ? 0 : z * p.group_c;

  LoaderA a(p, static_cast<const T*>(p.a) + batch_offset(p, z, p.a_s0, p.a_s1, p.a_s2), m0, group_channel, first);
  LoaderB b(p, static_cast<const T*>(p.b) + batch_offset(p, z, p.b_s0, p.b_s1, p.b_s2), n0, first);
  // Weights that no kernel writes are on their way before the kernels ahead have ended.
#ifdef B_EARLY
#pragma unroll
  for (int s = 0; s < STAGES - 1; ++s)
    if (s < count) b.fetch(b_tiles + s * kBTile);
#endif
  wait_for_inputs();
#pragma unroll
  for (int s = 0; s < STAGES - 1; ++s) {
    if (s < count) {
      a.fetch(a_tiles + s * kATile, group_channel);
#ifndef B_EARLY
      b.fetch(b_tiles + s * kBTile);
#endif
      a.store(a_tiles + s * kATile);
      b.store(b_tiles + s * kBTile);
    }
    copy_async_commit();
  }
  Accumulators accumulators;
  for (int t = 0; t < count; ++t) {
    copy_async_wait<STAGES - 2>();
    __syncthreads();
    const int next = t + STAGES - 1;
    const int slot = next % STAGES;
    if (next < count) {
      a.fetch(a_tiles + slot * kATile, group_channel);
      b.fetch(b_tiles + slot * kBTile);
    }
    copy_async_commit();
    accumulators.multiply(a_tiles + t % STAGES * kATile, b_tiles + t % STAGES * kBTile);
    if (next < count) {
      a.store(a_tiles + slot * kATile);
      b.store(b_tiles + slot * kBTile);
    }
  }
  release_dependents();
  copy_async_wait<0>();
  __syncthreads();
  float* result = reinterpret_cast<float*>(shared);
  accumulators.store(result, p.alpha);
  __syncthreads();

  if (p.splits > 1) {
    // Every block leaves its part; the last one to arrive adds all of them in order and goes on.
    const long long tile = (static_cast<long long>(z) * gridDim.x + blockIdx.x) * p.splits;
    float* mine = p.partial + (tile + split) * (BM * BN);
    for (int i = static_cast<int>(threadIdx.x) * 4; i < BM * BN; i += kThreads * 4)
      *reinterpret_cast<Vec<float, 4>*>(mine + i) =
          *reinterpret_cast<const Vec<float, 4>*>(result + i / BN * kOutPitch + i % BN);
    __threadfence();
    __syncthreads();
    __shared__ int last;
    if (threadIdx.x == 0) {
      int* counter = p.counters + z * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x);
      last = atomicAdd(counter, 1) == p.splits - 1;
      if (last) *counter = 0;
    }
    __syncthreads();
    if (!last) return;
    __threadfence();
    for (int i = static_cast<int>(threadIdx.x) * 4; i < BM * BN; i += kThreads * 4) {
      Vec<float, 4> sum{};
      for (int s = 0; s < p.splits; ++s) {
        const float4 part = __ldcg(reinterpret_cast<const float4*>(p.partial + (tile + s) * (BM * BN) + i));
        sum.v[0] += part.x;
        sum.v[1] += part.y;
        sum.v[2] += part.z;
        sum.v[3] += part.w;
      }
      *reinterpret_cast<Vec<float, 4>*>(result + i / BN * kOutPitch + i % BN) = sum;
    }
    __syncthreads();
  }

  constexpr int kVector = 16 / static_cast<int>(sizeof(OUT)) < 8 ? 16 / static_cast<int>(sizeof(OUT)) : 8;
  const auto row_at = [&](int row) { return m0 + row; };
  const OwnSums read{result, kOutPitch};
  if (p.vector_epilogue != 0)
    Finish<kVector, kThreads>(p, n0, z).run(p, 0, BM, row_at, read);
  else
    Finish<1, kThreads>(p, n0, z).run(p, 0, BM, row_at, read);
}
