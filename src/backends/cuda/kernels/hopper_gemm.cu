// SPDX-License-Identifier: Apache-2.0
// The tile engine for sm_90a: products by wgmma, fed through a ring of STAGES in shared memory. Producer warps bring A
// (rows, windows, or bilinear samples); B is constant and lies in global memory tile by tile as shared memory wants it,
// so one bulk copy brings a tile. A cluster is CLUSTER_M tiles of rows, which share the tiles of B, times p.splits
// parts of k. Each part finishes a share of the tile's rows: the others send it their sums of them through distributed
// shared memory.
// Given: T (f16, bf16), OUT, BM, BN, WARPGROUPS_M, WARPGROUPS_N, STAGES, PRODUCERS (threads), CLUSTER_M, A_MODE, SLICED
// (k runs over slices of 64 channels, within a slice over taps; otherwise over taps, then channels), the epilogue,
// INSTRUCTION_N and WGMMA(d, a, b, more): one wgmma of 64 x INSTRUCTION_N x 16.
// Optional: CONSUMER_REGISTERS and PRODUCER_REGISTERS; SAMPLE_HALF: interpolation in pairs of T, otherwise in fp32.
// For A_DEFORM: SAMPLES_AHEAD, the tiles that corners are loaded before they are combined.
#define A_ROWS 0
#define A_WINDOW 1
#define A_ELEMENTS 2  // windows whose channels fill no 16 bytes: in pieces of W_VECTOR; W_CHANNELS, W_KERNEL_W
#define A_DEFORM 3

#if __CUDA_ARCH__ >= 900
constexpr int kRowBytes = 128;  // of a tile: 64 elements
constexpr int kATile = BM * kRowBytes, kBTile = BN * kRowBytes, kStage = kATile + kBTile;
constexpr int kConsumers = WARPGROUPS_M * WARPGROUPS_N * 128;
constexpr int kThreads = kConsumers + PRODUCERS;
constexpr int kFragments = BM / 64 / WARPGROUPS_M, kWarpgroupN = BN / WARPGROUPS_N;
constexpr int kParts = kWarpgroupN / INSTRUCTION_N;
constexpr int kRowsPerPass = PRODUCERS / 8, kRows = BM / kRowsPerPass;
constexpr int kOutPitch = BN + 8;
static_assert(kRows * kRowsPerPass == BM && kFragments * WARPGROUPS_M * 64 == BM, "tile and threads disagree");

using Params = ingot_cuda::GemmParams;
using Chunk = Vec<T, 8>;

// ---- barriers in shared memory ----
INGOT_INLINE void barrier_init(unsigned at, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory");
}
INGOT_INLINE void barrier_wait(unsigned at, int parity) {
  asm volatile(
      "{\n.reg .pred p;\nAGAIN:\nmbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n@!p bra AGAIN;\n}"
      ::"r"(at), "r"(parity)
      : "memory");
}
INGOT_INLINE void barrier_arrive(unsigned at) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(at) : "memory");
}
INGOT_INLINE void barrier_arrive_expect(unsigned at, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(at), "r"(bytes) : "memory");
}
// Arrives when all asynchronous copies that this thread has started are there.
INGOT_INLINE void barrier_arrive_copies(unsigned at) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(at) : "memory");
}
INGOT_INLINE unsigned in_cluster(unsigned at, unsigned rank) {
  unsigned r;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(r) : "r"(at), "r"(rank));
  return r;
}
INGOT_INLINE void barrier_arrive_remote(unsigned at) {
  asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(at) : "memory");
}
INGOT_INLINE unsigned cluster_column() {
  unsigned r;
  asm volatile("mov.u32 %0, %%cluster_ctaid.x;" : "=r"(r));
  return r;
}
INGOT_INLINE void cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
INGOT_INLINE void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }
INGOT_INLINE void fence_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
INGOT_INLINE void consumers_meet() { asm volatile("bar.sync 1, %0;" ::"n"(kConsumers) : "memory"); }

struct Shared {
  unsigned stages, full, empty;
  INGOT_INLINE unsigned a(int s) const { return stages + s * kStage; }
  INGOT_INLINE unsigned b(int s) const { return stages + s * kStage + kATile; }
};

// ---- producers ----
// This block's share of the tile of B for every block of its row of the cluster.
INGOT_INLINE void fetch_b(const Params& p, const T* tiles, const Shared& shared, int k_tile, int s) {
  constexpr int kPart = kBTile / CLUSTER_M;
  const unsigned rank = cluster_column();
  const unsigned full = shared.full + s * 8;
  barrier_arrive_expect(full, kBTile);
  const unsigned to = shared.b(s) + rank * kPart;
  const char* from = reinterpret_cast<const char*>(tiles) + static_cast<long long>(k_tile) * kBTile + rank * kPart;
#if CLUSTER_M > 1
  unsigned row = 0;
  asm volatile("mov.u32 %0, %%cluster_ctaid.y;" : "=r"(row));
  const unsigned short mask = static_cast<unsigned short>(((1u << CLUSTER_M) - 1u) << (row * CLUSTER_M));
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1], %2, [%3], %4;"
      ::"r"(to), "l"(from), "n"(kPart), "r"(full), "h"(mask)
      : "memory");
#else
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to),
               "l"(from), "n"(kPart), "r"(full)
               : "memory");
#endif
}

// The tiles that there are stages for; the others come to the second-level cache meanwhile. In a network the weights lie
// in memory, and this runs while the kernel ahead ends.
INGOT_INLINE void fetch_first_b(const Params& p, const T* tiles, const Shared& shared, int first, int count) {
  for (int t = 0; t < min_int(STAGES, count); ++t) fetch_b(p, tiles, shared, first + t, t);
  if (count > STAGES)
    asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(
                     reinterpret_cast<const char*>(tiles) + static_cast<long long>(first + STAGES) * kBTile),
                 "r"((count - STAGES) * kBTile)
                 : "memory");
}

#if A_MODE == A_DEFORM
// A sample: element offset of its upper left corner, whose lowest bits say whether there is another column to the right
// (1) and another row below (2), and the weights of the four corners, mask included.
#ifdef SAMPLE_HALF
using SampleWeight = T;
#else
using SampleWeight = float;
#endif
using SampleWeights = Vec<SampleWeight, 4>;

INGOT_INLINE void make_samples(const Params& p, SampleWeights* weights, int* corners, int m0, int offset_group,
                               int thread) {
  constexpr int kBatch = kRows <= 2 ? 3 : 1;  // whose loads are on their way together
  const int taps = p.kernel_h * p.kernel_w, pixels = p.out_h * p.out_w;
  const bool rows_first = p.offset_pixel == 1;
  for (int begin = thread; begin < BM * taps; begin += PRODUCERS * kBatch) {
    float y[kBatch], x[kBatch], scale[kBatch];
    int first[kBatch];  // where the image begins
#pragma unroll
    for (int b = 0; b < kBatch; ++b) {
      const int i = begin + b * PRODUCERS, row = rows_first ? i % BM : i / taps, tap = rows_first ? i / BM : i - row * taps;
      y[b] = -2.0f;
      if (i >= BM * taps || m0 + row >= p.m) continue;
      const int place = offset_group * taps + tap, image = (m0 + row) / pixels, pixel = m0 + row - image * pixels;
      const T* offset =
          static_cast<const T*>(p.offset) + image * p.offset_n + pixel * p.offset_pixel + 2 * place * p.offset_channel;
      const int oy = pixel / p.out_w, ox = pixel - oy * p.out_w, ty = tap / p.kernel_w, tx = tap - ty * p.kernel_w;
      y[b] = static_cast<float>(oy * p.stride_h - p.pad_h + ty * p.dilation_h) + load_value(offset[0]);
      x[b] = static_cast<float>(ox * p.stride_w - p.pad_w + tx * p.dilation_w) + load_value(offset[p.offset_channel]);
      scale[b] = 1.0f;
      if (p.mask != nullptr)
        scale[b] = load_value(
            static_cast<const T*>(p.mask)[image * p.mask_n + pixel * p.mask_pixel + place * p.mask_channel]);
      first[b] = image * p.in_h * p.in_w;
    }
#pragma unroll
    for (int b = 0; b < kBatch; ++b) {
      const int i = begin + b * PRODUCERS, row = rows_first ? i % BM : i / taps, tap = rows_first ? i / BM : i - row * taps;
      if (i >= BM * taps) continue;
      SampleWeights w{};
      int corner = -1;  // outside the image
      if (y[b] > -1.0f && y[b] < static_cast<float>(p.in_h) && x[b] > -1.0f && x[b] < static_cast<float>(p.in_w)) {
        const float low_y = floorf(y[b]), low_x = floorf(x[b]);
        const int iy = static_cast<int>(low_y), ix = static_cast<int>(low_x);
        const float fy = y[b] - low_y, fx = x[b] - low_x;
        const float up = iy >= 0 ? (1.0f - fy) * scale[b] : 0.0f, down = iy + 1 < p.in_h ? fy * scale[b] : 0.0f;
        const float left = ix >= 0 ? 1.0f - fx : 0.0f, right = ix + 1 < p.in_w ? fx : 0.0f;
        w.v[0] = store_value<SampleWeight>(up * left);
        w.v[1] = store_value<SampleWeight>(up * right);
        w.v[2] = store_value<SampleWeight>(down * left);
        w.v[3] = store_value<SampleWeight>(down * right);
        corner = (first[b] + max_int(iy, 0) * p.in_w + max_int(ix, 0)) * p.in_c +
                 (ix >= 0 && ix + 1 < p.in_w ? 1 : 0) + (iy >= 0 && iy + 1 < p.in_h ? 2 : 0);
      }
      weights[tap * BM + row] = w;
      corners[tap * BM + row] = corner;
    }
  }
}

INGOT_INLINE unsigned twice(T v) { return static_cast<unsigned>(v.bits) * 0x10001u; }

INGOT_INLINE uint4 combine(const uint4 (&corner)[4], const SampleWeights& weights) {
  uint4 out;
  unsigned* to = reinterpret_cast<unsigned*>(&out);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#ifdef SAMPLE_HALF
    unsigned sum = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j)
      asm("fma.rn." HALF_NAME "x2 %0, %1, %2, %0;"
          : "+r"(sum)
          : "r"(reinterpret_cast<const unsigned*>(&corner[j])[i]), "r"(twice(weights.v[j])));
    to[i] = sum;
#else
    float low = 0.0f, high = 0.0f;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const unsigned pair = reinterpret_cast<const unsigned*>(&corner[j])[i];
      low = fmaf(weights.v[j], load_value(T{static_cast<unsigned short>(pair)}), low);
      high = fmaf(weights.v[j], load_value(T{static_cast<unsigned short>(pair >> 16)}), high);
    }
    asm("cvt.rn." HALF_NAME "x2.f32 %0, %1, %2;" : "=r"(to[i]) : "f"(high), "f"(low));
#endif
  }
  return out;
}

INGOT_INLINE void producers_meet() { asm volatile("bar.sync 2, %0;" ::"n"(PRODUCERS) : "memory"); }

INGOT_INLINE void produce(const Params& p, const T* b_tiles, const Shared& shared, unsigned char* table, int m0, int z,
                          int first, int count) {
  const int thread = static_cast<int>(threadIdx.x) - kConsumers, column = thread % 8, row0 = thread / 8;
  const int taps = p.kernel_h * p.kernel_w, group_size = p.in_c / p.offset_groups;
  SampleWeights* const weights = reinterpret_cast<SampleWeights*>(table);
  int* const corners = reinterpret_cast<int*>(table + taps * BM * sizeof(SampleWeights));
  if (thread == 0) fetch_first_b(p, b_tiles, shared, first, count);
  wait_for_inputs();
  const T* const x = static_cast<const T*>(p.a) + z * p.group_c + column * 8;
  constexpr int kAhead = SAMPLES_AHEAD;
  uint4 raw[kAhead][kRows][4];
  int ahead_slice = first / taps, ahead_tap = first - ahead_slice * taps, tap = ahead_tap;
  const auto load = [&](uint4(&to)[4], int i) {
    const int corner = corners[ahead_tap * BM + row0 + i * kRowsPerPass];
    const T* from = x + (corner & ~3) + ahead_slice * 64;
    const int right = (corner & 1) != 0 ? p.in_c : 0, down = (corner & 2) != 0 ? p.in_c * p.in_w : 0;
    if (corner < 0) {
#pragma unroll
      for (int j = 0; j < 4; ++j) to[j] = make_uint4(0, 0, 0, 0);
      return;
    }
    to[0] = *reinterpret_cast<const uint4*>(from);
    to[1] = *reinterpret_cast<const uint4*>(from + right);
    to[2] = *reinterpret_cast<const uint4*>(from + down);
    to[3] = *reinterpret_cast<const uint4*>(from + down + right);
  };
  const auto advance = [&] {
    if (++ahead_tap == taps) {
      ahead_tap = 0;
      ++ahead_slice;
    }
  };
  int s = 0, phase = 0;
  // The table holds one offset group: the tiles that share it are one segment.
  for (int begin = 0, end = 0; begin < count; begin = end) {
    const int offset_group = (z * p.group_c + ahead_slice * 64) / group_size;
    const int next_slice = ((offset_group + 1) * group_size - z * p.group_c) / 64;
    end = min_int(count, next_slice * taps - first);
    if (begin > 0) producers_meet();
    make_samples(p, weights, corners, m0, offset_group, thread);
    producers_meet();
#pragma unroll
    for (int d = 0; d < kAhead; ++d)
      if (begin + d < end) {
#pragma unroll
        for (int i = 0; i < kRows; ++i) load(raw[d][i], i);
        advance();
      }
    for (int t0 = begin; t0 < end; t0 += kAhead) {
#pragma unroll
      for (int d = 0; d < kAhead; ++d) {
        const int t = t0 + d;
        if (t >= end) break;
        if (t >= STAGES) {
          barrier_wait(shared.empty + s * 8, phase ^ 1);
          if (thread == 0) fetch_b(p, b_tiles, shared, first + t, s);
        }
        const bool more = t + kAhead < end;
#pragma unroll
        for (int i = 0; i < kRows; ++i) {
          const int row = row0 + i * kRowsPerPass;
          const uint4 value = combine(raw[d][i], weights[tap * BM + row]);
          if (more) load(raw[d][i], i);
          asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(shared.a(s) + row * kRowBytes +
                                                                         ((column ^ (row & 7)) << 4)),
                       "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w)
                       : "memory");
        }
        fence_async();
        barrier_arrive(shared.full + s * 8);
        if (more) advance();
        if (++tap == taps) tap = 0;
        if (++s == STAGES) {
          s = 0;
          phase ^= 1;
        }
      }
    }
  }
}

#else

INGOT_INLINE void produce(const Params& p, const T* b_tiles, const Shared& shared, unsigned char*, int m0, int z,
                          int first, int count) {
  const int thread = static_cast<int>(threadIdx.x) - kConsumers, column = thread % 8, row0 = thread / 8;
  const unsigned to0 = static_cast<unsigned>(row0 * kRowBytes + ((column ^ (row0 & 7)) << 4));
  if (thread == 0) fetch_first_b(p, b_tiles, shared, first, count);
  // Row by row: where it begins (the image's begin for windows), the window's place.
  int base[kRows];
#if A_MODE != A_ROWS
  int window[kRows];  // y in the upper half, x in the lower
  const int pixels = p.out_h * p.out_w;
#endif
#if A_MODE == A_WINDOW
  int tap_y, tap_x, channel = column * 8;
#ifdef SLICED
  {
    const int taps = p.kernel_h * p.kernel_w, slice = first / taps, tap = first - slice * taps;
    tap_y = tap / p.kernel_w;
    tap_x = tap - tap_y * p.kernel_w;
    channel += slice * 64;
  }
#else
  {
    channel += first * 64;
    const int tap = channel / p.group_c;
    channel -= tap * p.group_c;
    tap_y = tap / p.kernel_w;
    tap_x = tap - tap_y * p.kernel_w;
  }
#endif
#else
  int k = first * 64 + column * 8;
#endif
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const int m = m0 + row0 + i * kRowsPerPass;
#if A_MODE != A_ROWS
    const int image = m / pixels, pixel = m - image * pixels, oy = pixel / p.out_w;
    base[i] = image * p.in_h * p.in_w * p.in_c;
    // Beyond the last row: a window that no tap brings inside.
    const int y = m < p.m ? oy * p.stride_h - p.pad_h : -0x4000, x = (pixel - oy * p.out_w) * p.stride_w - p.pad_w;
    window[i] = y * 65536 + (x & 0xffff);
#else
    base[i] = m < p.m ? m * p.lda : -1;
#endif
  }
  const T* const a = static_cast<const T*>(p.a) + static_cast<long long>(z) * p.group_c;
  wait_for_inputs();
  int s = 0, phase = 0;
  for (int t = 0; t < count; ++t) {
    if (t >= STAGES) {
      barrier_wait(shared.empty + s * 8, phase ^ 1);
      if (thread == 0) fetch_b(p, b_tiles, shared, first + t, s);
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
#if A_MODE == A_WINDOW
      const int y = (window[i] >> 16) + tap_y * p.dilation_h;
      const int x = static_cast<int>(static_cast<short>(window[i] & 0xffff)) + tap_x * p.dilation_w;
      const bool ok = static_cast<unsigned>(y) < static_cast<unsigned>(p.in_h) &&
                      static_cast<unsigned>(x) < static_cast<unsigned>(p.in_w) && tap_y < p.kernel_h;
      const int at = base[i] + (y * p.in_w + x) * p.in_c + channel;
#else
      const bool ok = base[i] >= 0 && k < p.k;
      const int at = base[i] + k;
#endif
      COPY_A(to + i * kRowsPerPass * kRowBytes, a + (ok ? at : 0), ok);
    }
#endif
    barrier_arrive_copies(shared.full + s * 8);
#if A_MODE == A_WINDOW
#ifdef SLICED
    if (++tap_x == p.kernel_w) {
      tap_x = 0;
      if (++tap_y == p.kernel_h) {
        tap_y = 0;
        channel += 64;
      }
    }
#else
    channel += 64;
    while (channel >= p.group_c) {
      channel -= p.group_c;
      if (++tap_x == p.kernel_w) {
        tap_x = 0;
        ++tap_y;
      }
    }
#endif
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

// ---- consumers ----
// Rows of 128 bytes, swizzled in groups of 8.
INGOT_INLINE unsigned long long matrix(unsigned at) {
  return (1ULL << 62) | (64ULL << 32) | (1ULL << 16) | static_cast<unsigned long long>((at & 0x3ffffu) >> 4);
}

struct Accumulators {
  // Uninitialised: the first products overwrite them, so that no other instruction ever defines a register of theirs.
  float d[kFragments][kParts][INSTRUCTION_N / 2];

  INGOT_INLINE void consume(const Shared& shared, int count) {
    const int warpgroup = static_cast<int>(threadIdx.x) / 128;
    const unsigned a_at = warpgroup / WARPGROUPS_N * kFragments * 64 * kRowBytes;
    const unsigned b_at = warpgroup % WARPGROUPS_N * kWarpgroupN * kRowBytes;
    int s = 0, phase = 0;
    for (int t = 0; t < count; ++t) {
      barrier_wait(shared.full + s * 8, phase);
      fence_async();
      asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
      const unsigned long long a = matrix(shared.a(s) + a_at), b = matrix(shared.b(s) + b_at);
#pragma unroll
      for (int k = 0; k < 4; ++k)
#pragma unroll
        for (int f = 0; f < kFragments; ++f)
#pragma unroll
          for (int part = 0; part < kParts; ++part)
            WGMMA(d[f][part], a + f * (64 * kRowBytes / 16) + k * 2, b + part * (INSTRUCTION_N * kRowBytes / 16) + k * 2,
                  t + k);
      asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
      asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
      // The products before these are done: their stage is free.
      if (t > 0) release(shared, s == 0 ? STAGES - 1 : s - 1);
      if (++s == STAGES) {
        s = 0;
        phase ^= 1;
      }
    }
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
  }

  INGOT_INLINE static void release(const Shared& shared, int s) {
    const int lane = static_cast<int>(threadIdx.x) % 128;
#if CLUSTER_M > 1
    unsigned row = 0;
    asm volatile("mov.u32 %0, %%cluster_ctaid.y;" : "=r"(row));
    if (lane < CLUSTER_M) barrier_arrive_remote(in_cluster(shared.empty + s * 8, row * CLUSTER_M + lane));
#else
    if (lane == 0) barrier_arrive(shared.empty + s * 8);
#endif
  }

  // `to(row)`: where a row of the tile begins, in this block or (REMOTE) in any of the cluster.
  template <bool REMOTE, typename To>
  INGOT_INLINE void store(float alpha, To to) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, warpgroup = static_cast<int>(threadIdx.x) / 128;
    const int row = warpgroup / WARPGROUPS_N * kFragments * 64 + static_cast<int>(threadIdx.x) % 128 / 32 * 16 + lane / 4;
    const int column = warpgroup % WARPGROUPS_N * kWarpgroupN + lane % 4 * 2;
#pragma unroll
    for (int f = 0; f < kFragments; ++f)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const unsigned begin = to(row + f * 64 + h * 8) + column * 4;
#pragma unroll
        for (int j = 0; j < kWarpgroupN / 8; ++j) {
          constexpr int kPerPart = INSTRUCTION_N / 8;
          const float(&part)[INSTRUCTION_N / 2] = d[f][j / kPerPart];
          const float x = part[j % kPerPart * 4 + 2 * h] * alpha, y = part[j % kPerPart * 4 + 2 * h + 1] * alpha;
          if (REMOTE)
            asm volatile("st.shared::cluster.v2.f32 [%0], {%1, %2};" ::"r"(begin + j * 32), "f"(x), "f"(y) : "memory");
          else
            asm volatile("st.shared::cta.v2.f32 [%0], {%1, %2};" ::"r"(begin + j * 32), "f"(x), "f"(y) : "memory");
        }
      }
  }
};

// The sums of V columns in a row of `rows` rows for each part of k, which are added up.
template <int V>
INGOT_INLINE void read_sums(int splits, int rows, const float* sums, float* values, int row, int column) {
#pragma unroll
  for (int j = 0; j < V; ++j) values[j] = sums[row * kOutPitch + column + j];
  for (int split = 1; split < splits; ++split)
#pragma unroll
    for (int j = 0; j < V; ++j) values[j] += sums[(split * rows + row) * kOutPitch + column + j];
}

// Operands of the epilogue that differ from row to row are on their way while products run.
INGOT_INLINE void touch_operands(const Params& p, int m0, int rows, int n0, int z) {
  constexpr int kLine = 64;  // columns of 2 bytes in a cache line
  for (int i = static_cast<int>(threadIdx.x) * kLine; i < rows * BN; i += kConsumers * kLine) {
    const int row = m0 + i / BN, column = n0 + i % BN;
    if (row < p.m && column < p.n)
      EpilogueOperands<1>::touch(p, z * p.row_batch + row, z * p.column_batch + column);
  }
}
#endif

extern "C" __global__ void __launch_bounds__(WARPGROUPS_M* WARPGROUPS_N * 128 + PRODUCERS, MIN_BLOCKS)
    hopper_gemm(const __grid_constant__ ingot_cuda::GemmParams p) {
#if __CUDA_ARCH__ >= 900
  extern __shared__ __align__(1024) unsigned char memory[];
  constexpr int kBarriers = STAGES * kStage > BM * kOutPitch * 4 ? STAGES * kStage : (BM * kOutPitch * 4 + 15) / 16 * 16;
  Shared shared;
  shared.stages = shared_address(memory);
  shared.full = shared.stages + kBarriers;
  shared.empty = shared.full + STAGES * 8;
  const int panel = static_cast<int>(blockIdx.x) / (p.tiles_n * CLUSTER_M);
  const int in_panel = static_cast<int>(blockIdx.x) - panel * p.tiles_n * CLUSTER_M;
  const int tile_n = in_panel / CLUSTER_M;
  const int m0 = (panel * CLUSTER_M + in_panel % CLUSTER_M) * BM, n0 = tile_n * BN, z = static_cast<int>(blockIdx.z);
  const int first = static_cast<int>(blockIdx.y) * p.tiles_per_split;
  const int count = max_int(0, min_int(p.k_tiles, first + p.tiles_per_split) - first);
  // The rows of the tile that this part of k finishes.
  const int rows = (BM + p.splits - 1) / p.splits, row0 = static_cast<int>(blockIdx.y) * rows;
  const int own_rows = max_int(0, min_int(rows, BM - row0));
  const bool clustered = CLUSTER_M > 1 || p.splits > 1;
  if (threadIdx.x == 0) {
    for (int s = 0; s < STAGES; ++s) {
      barrier_init(shared.full + s * 8, PRODUCERS + 1);
      barrier_init(shared.empty + s * 8, WARPGROUPS_M * WARPGROUPS_N * CLUSTER_M);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  // Blocks that share tiles of B must find each other's barriers; parts of k meet at their end.
  if (clustered) cluster_arrive();
  if (CLUSTER_M > 1) cluster_wait();

  if (static_cast<int>(threadIdx.x) >= kConsumers) {
#ifdef PRODUCER_REGISTERS
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(PRODUCER_REGISTERS));
#endif
    const T* const tiles =
        static_cast<const T*>(p.b) + (static_cast<long long>(z) * p.tiles_n + tile_n) * p.k_tiles * (BN * 64);
    produce(p, tiles, shared, memory + kBarriers + STAGES * 16, m0, z, first, count);
    if (CLUSTER_M == 1 && clustered) cluster_wait();  // of the arrival above
  } else {
#ifdef CONSUMER_REGISTERS
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(CONSUMER_REGISTERS));
#endif
    if (EPILOGUE_INPUTS > 0) {
      wait_for_inputs();
      touch_operands(p, m0 + row0, own_rows, n0, z);
    }
    Accumulators accumulators;
    accumulators.consume(shared, count);
    // Only now: blocks of the next kernel that begin while this one fills the device would crowd where it is thin.
    release_dependents();
    const float* sums = reinterpret_cast<const float*>(memory);
    if (p.splits == 1) {
      consumers_meet();
      accumulators.store<false>(p.alpha, [&](int row) { return shared.stages + row * kOutPitch * 4; });
    } else {
      sums = reinterpret_cast<const float*>(memory + p.sums_at);
      const unsigned own = shared_address(sums), rank = cluster_column();
      if (CLUSTER_M == 1) cluster_wait();
      if (p.sums_at == 0) {  // the stages' memory, where other parts may still multiply
        cluster_arrive();
        cluster_wait();
      }
      accumulators.store<true>(p.alpha, [&](int row) {
        const int owner = row / rows;
        return in_cluster(own + (static_cast<int>(blockIdx.y) * rows + row - owner * rows) * kOutPitch * 4,
                          owner * CLUSTER_M + rank);
      });
    }
    wait_for_inputs();  // operands of the epilogue
    if (clustered) {
      cluster_arrive();
      cluster_wait();
    } else {
      consumers_meet();
    }
    constexpr int kVector = 16 / static_cast<int>(sizeof(OUT)) < 8 ? 16 / static_cast<int>(sizeof(OUT)) : 8;
    if (p.vector_epilogue != 0)
      finish_tile<kVector, kConsumers>(p, row0, own_rows, m0, n0, z, [&](float* values, int row, int column) {
        read_sums<kVector>(p.splits, rows, sums, values, row - row0, column);
      });
    else
      finish_tile<1, kConsumers>(p, row0, own_rows, m0, n0, z, [&](float* values, int row, int column) {
        read_sums<1>(p.splits, rows, sums, values, row - row0, column);
      });
  }
#endif
}
