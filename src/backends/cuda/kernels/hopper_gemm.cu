// SPDX-License-Identifier: Apache-2.0
// The tile engine for sm_90a: products by wgmma, fed through a ring of STAGES in shared memory (hopper_ring.cuh).
// Producer warps bring A (rows, windows, or bilinear samples, hopper_sample.cuh); B is constant and lies in global
// memory tile by tile as shared memory wants it, so one bulk copy brings a tile. A cluster is CLUSTER_M tiles of rows,
// which share the tiles of B, times p.splits parts of k. Each part finishes a share of the tile's rows: the others send
// it their sums of them through distributed shared memory.
// Given: T (f16, bf16), OUT, BM, BN, WARPGROUPS_M, WARPGROUPS_N, STAGES, PRODUCERS (threads), CLUSTER_M, A_MODE, SLICED
// (k runs over slices of 64 channels, within a slice over taps; otherwise over taps, then channels), the epilogue,
// INSTRUCTION_N and WGMMA(d, a, b, more): one wgmma of 64 x INSTRUCTION_N x 16.
// Optional: CONSUMER_REGISTERS and PRODUCER_REGISTERS; ROWS_TO (gemm_finish.cuh).
// For A_DEFORM: W_TAPS, W_KERNEL_W, W_OFFSET_GROUPS, SAMPLES_AHEAD (the tiles that pixels are loaded before they are
// combined). Optional: OFFSET_PAIRS (the two offsets of a tap lie side by side), SAMPLE_HALF (interpolation in pairs of
// T, otherwise in fp32). PRODUCERS is 0 where the consumers sample for themselves, straight into registers: WGMMA takes
// A from there.

#if __CUDA_ARCH__ >= 900
#if A_MODE != A_DEFORM
INGOT_INLINE void produce(const Params& p, int b_tile, const Shared& shared, int m0, int z, int first,
                          int count) {
  const int thread = static_cast<int>(threadIdx.x) - kConsumers, column = thread % 8, row0 = thread / 8;
  const unsigned to0 = static_cast<unsigned>(row0 * kRowBytes + ((column ^ (row0 & 7)) << 4));
  if (thread == 0) fetch_first_b(p, shared, b_tile, count);
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

#if PRODUCERS == 0
  // Every thread samples what it holds of A: of two rows, 8 channels from q * 8 and from 32 + q * 8 on, q its place
  // among four. B's k is permuted likewise. For one offset group.
  INGOT_INLINE void consume_samples(const Params& p, const Shared& shared, const SampleTable& table, int b_tile, int z,
                                    int first, int count) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warpgroup = static_cast<int>(threadIdx.x) / 128;
    const int row = warpgroup * 64 + static_cast<int>(threadIdx.x) % 128 / 32 * 16 + lane / 4;
    // Rows that a load takes together use different banks.
    const int half = lane / 4 % 2 * 64;
    const char* const x = reinterpret_cast<const char*>(static_cast<const T*>(p.a) + z * p.group_c);
    const char* const below = x + (p.in_h > 1 ? p.in_w * (p.in_c * 2LL) : 0);
    const unsigned right = p.in_w > 1 ? static_cast<unsigned>(p.in_c * 2) : 0;
    uint4 raw[2][2][4];
    int ahead_tap = first % W_TAPS, tap = ahead_tap;
    unsigned ahead_channel = static_cast<unsigned>(first / W_TAPS * 128 + lane % 4 * 16);
    const auto load = [&](int r) {
      const unsigned at = table.corners[ahead_tap * BM + row + r * 8] + ahead_channel;
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        const unsigned here = at + (half ^ (c * 64));
        raw[r][c][0] = *reinterpret_cast<const uint4*>(x + here);
        raw[r][c][1] = *reinterpret_cast<const uint4*>(x + (here + right));
        raw[r][c][2] = *reinterpret_cast<const uint4*>(below + here);
        raw[r][c][3] = *reinterpret_cast<const uint4*>(below + (here + right));
      }
    };
    const auto advance = [&] {
      if (++ahead_tap == W_TAPS) {
        ahead_tap = 0;
        ahead_channel += 128;
      }
    };
    load(0);
    load(1);
    advance();
    int s = 0, phase = 0;
    for (int t = 0; t < count; ++t) {
      if (t > 0) {
        asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
        release(shared, s == 0 ? STAGES - 1 : s - 1);
        // The stage before that one: the other warpgroups are done with it as well, or nearly so.
        if (threadIdx.x == 0 && t > 1 && t - 2 + STAGES < count) {
          const int free = s < 2 ? s + STAGES - 2 : s - 2;
          barrier_wait(shared.empty + free * 8, s < 2 ? phase ^ 1 : phase);
          fetch_b(p, shared, b_tile + t - 2 + STAGES, free);
        }
      }
      unsigned a[4][4];
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const SampleWeights weights = table.weights[tap * BM + row + r * 8];
        const uint4 one = combine(raw[r][0], weights), two = combine(raw[r][1], weights);
        const bool swapped = half != 0;
        a[0][r] = swapped ? two.x : one.x;
        a[0][2 + r] = swapped ? two.y : one.y;
        a[1][r] = swapped ? two.z : one.z;
        a[1][2 + r] = swapped ? two.w : one.w;
        a[2][r] = swapped ? one.x : two.x;
        a[2][2 + r] = swapped ? one.y : two.y;
        a[3][r] = swapped ? one.z : two.z;
        a[3][2 + r] = swapped ? one.w : two.w;
        if (t + 1 < count) load(r);
      }
      if (t + 1 < count) advance();
      if (++tap == W_TAPS) tap = 0;
      barrier_wait(shared.full + s * 8, phase);
      asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
      const unsigned long long b = matrix(shared.b(s));
#pragma unroll
      for (int k = 0; k < 4; ++k) WGMMA(d[0][0], a[k], b + k * 2, t + k);
      asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
      if (++s == STAGES) {
        s = 0;
        phase ^= 1;
      }
    }
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
  }
#else
  INGOT_INLINE void consume(const Shared& shared, int count) {
    const int warpgroup = static_cast<int>(threadIdx.x) / 128;
    const unsigned a_at = warpgroup / WARPGROUPS_N * kFragments * 64 * kRowBytes;
    const unsigned b_at = warpgroup % WARPGROUPS_N * kWarpgroupN * kRowBytes;
    int s = 0, phase = 0;
    for (int t = 0; t < count; ++t) {
      barrier_wait(shared.full + s * 8, phase);
      // For what the producers wrote. A fence of theirs would wait for the loads that they have on their way.
      fence_async();
      asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
      const unsigned long long a = matrix(shared.a(s) + a_at), b = matrix(shared.b(s) + b_at);
#pragma unroll
      for (int k = 0; k < 4; ++k)
#pragma unroll
        for (int f = 0; f < kFragments; ++f)
#pragma unroll
          for (int part = 0; part < kParts; ++part)
            WGMMA(d[f][part], a + f * (64 * kRowBytes / 16) + k * 2,
                  b + part * (INSTRUCTION_N * kRowBytes / 16) + k * 2, t + k);
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
#endif

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
    const int warp = static_cast<int>(threadIdx.x) % 128 / 32;
    const int row = warpgroup / WARPGROUPS_N * kFragments * 64 + warp * 16 + lane / 4;
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
INGOT_INLINE void touch_operands(const Params& p, const TileRows& tile, int row0, int rows, int n0, int z) {
  constexpr int kLine = 64;  // columns of 2 bytes in a cache line
  for (int i = static_cast<int>(threadIdx.x) * kLine; i < rows * BN; i += kConsumers * kLine) {
    const int row = tile.at(row0 + i / BN), column = n0 + i % BN;
    if (row < p.m && column < p.n)
      EpilogueOperands<1>::touch(p, z * p.row_batch + row, z * p.column_batch + column);
  }
}
#endif

extern "C" __global__ void __launch_bounds__(WARPGROUPS_M* WARPGROUPS_N * 128 + PRODUCERS, MIN_BLOCKS)
    hopper_gemm(const __grid_constant__ ingot_cuda::GemmParams p) {
#if __CUDA_ARCH__ >= 900
  extern __shared__ __align__(1024) unsigned char memory[];
  constexpr int kResult = (BM * kOutPitch * 4 + 15) / 16 * 16;
  constexpr int kBarriers = STAGES * kStage > kResult ? STAGES * kStage : kResult;
  Shared shared;
  shared.stages = shared_address(memory);
  shared.full = shared.stages + kBarriers;
  shared.empty = shared.full + STAGES * 8;
  const int panel = static_cast<int>(blockIdx.x) / (p.tiles_n * CLUSTER_M);
  const int in_panel = static_cast<int>(blockIdx.x) - panel * p.tiles_n * CLUSTER_M;
  const int tile_n = in_panel / CLUSTER_M, n0 = tile_n * BN, z = static_cast<int>(blockIdx.z);
  const TileRows tile(p, panel * CLUSTER_M + in_panel % CLUSTER_M);
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
  const int b_tile = (z * p.tiles_n + tile_n) * p.k_tiles + first;
#if A_MODE == A_DEFORM
  if (threadIdx.x == kThreads - 32) fetch_first_b(p, shared, b_tile, count);
  const SampleTable table(memory + kBarriers + STAGES * 16);
  if (count > 0) table.fill<kThreads>(p, tile, OffsetGroup(p, z, first).index, static_cast<int>(threadIdx.x));
  __syncthreads();
#endif

#if PRODUCERS > 0
  if (static_cast<int>(threadIdx.x) >= kConsumers) {
#ifdef PRODUCER_REGISTERS
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(PRODUCER_REGISTERS));
#endif
#if A_MODE == A_DEFORM
    produce(p, b_tile, shared, table, tile, z, first, count);
#else
    produce(p, b_tile, shared, tile.first, z, first, count);
#endif
    if (CLUSTER_M == 1 && clustered) cluster_wait();  // of the arrival above
  } else
#endif
  {
#ifdef CONSUMER_REGISTERS
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(CONSUMER_REGISTERS));
#endif
    if (EPILOGUE_INPUTS > 0) {
      wait_for_inputs();
      touch_operands(p, tile, row0, own_rows, n0, z);
    }
    Accumulators accumulators;
#if PRODUCERS > 0
    accumulators.consume(shared, count);
#else
    accumulators.consume_samples(p, shared, table, b_tile, z, first, count);
#endif
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
    const auto row_at = [&](int row) { return tile.at(row); };
    constexpr int kVector = 16 / static_cast<int>(sizeof(OUT)) < 8 ? 16 / static_cast<int>(sizeof(OUT)) : 8;
    if (p.vector_epilogue != 0)
      finish_tile<kVector, kConsumers>(p, row0, own_rows, row_at, n0, z, [&](float* values, int row, int column) {
        read_sums<kVector>(p.splits, rows, sums, values, row - row0, column);
      });
    else
      finish_tile<1, kConsumers>(p, row0, own_rows, row_at, n0, z, [&](float* values, int row, int column) {
        read_sums<1>(p.splits, rows, sums, values, row - row0, column);
      });
  }
#endif
}
