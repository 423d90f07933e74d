// SPDX-License-Identifier: Apache-2.0
// The tile engine for sm_90a: products by wgmma, fed through a ring of STAGES in shared memory (hopper_ring.cuh).
// Producer warps bring A: rows and windows by tensor map (hopper_tensor.cuh), windows whose channels fill no tile by
// copies (hopper_copy.cuh), bilinear samples (hopper_sample.cuh). B is constant and lies in global memory tile by tile
// as shared memory wants it, so one bulk copy brings a tile. A cluster is CLUSTER_M tiles of rows, which share the
// tiles of B, times p.splits parts of k. Each part finishes a share of the tile's rows, of which it reads the others'
// sums from their shared memory. Given: T (f16, bf16), OUT, BM, BN, WARPGROUPS_M, WARPGROUPS_N, STAGES, PRODUCERS
// (threads), CLUSTER_M, A_MODE, SLICED (k runs over slices of 64 channels, within a slice over taps; otherwise over
// taps, then channels), PARTS (whose sums are read at once: 2, 4 or 8), the epilogue, INSTRUCTION_N and WGMMA(d, a, b,
// more): one wgmma of 64 x INSTRUCTION_N x 16. Optional: CONSUMER_REGISTERS and PRODUCER_REGISTERS; ROWS_TO
// (gemm_finish.cuh). For A_DEFORM: W_TAPS, W_KERNEL_W, W_OFFSET_GROUPS, SAMPLES_AHEAD (the tiles that pixels are loaded
// before they are combined). Optional: OFFSET_PAIRS (the two offsets of a tap lie side by side), SAMPLE_HALF
// (interpolation in pairs of T, otherwise in fp32). PRODUCERS is 0 where the consumers sample for themselves, straight
// into registers: WGMMA takes A from there.

#if __CUDA_ARCH__ >= 900
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
#pragma unroll 1
    for (int t = 0; t < count; ++t) {
      barrier_wait(shared.full + s * 8, phase);
#ifndef A_TENSOR
      // For what the producers wrote. A fence of theirs would wait for the loads that they have on their way.
      fence_async();
#endif
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

  // To shared memory, row by row.
  INGOT_INLINE void store(float alpha, unsigned sums) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, warpgroup = static_cast<int>(threadIdx.x) / 128;
    const int warp = static_cast<int>(threadIdx.x) % 128 / 32;
    const int row = warpgroup / WARPGROUPS_N * kFragments * 64 + warp * 16 + lane / 4;
    const int column = warpgroup % WARPGROUPS_N * kWarpgroupN + lane % 4 * 2;
    const unsigned to = sums + static_cast<unsigned>(row * kOutPitch + column) * 4;
#pragma unroll
    for (int f = 0; f < kFragments; ++f)
#pragma unroll
      for (int h = 0; h < 2; ++h)
#pragma unroll
        for (int j = 0; j < kWarpgroupN / 8; ++j) {
          constexpr int kPerPart = INSTRUCTION_N / 8;
          const float(&part)[INSTRUCTION_N / 2] = d[f][j / kPerPart];
          const float x = part[j % kPerPart * 4 + 2 * h] * alpha, y = part[j % kPerPart * 4 + 2 * h + 1] * alpha;
          asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(to + ((f * 64 + h * 8) * kOutPitch + j * 8) * 4),
                       "f"(x), "f"(y)
                       : "memory");
        }
  }
};

// The sums of V columns of several rows, of all parts of k, which lie in their blocks' shared memory. Those of PARTS
// are on their way together.
struct AllSums {
  int splits;
  unsigned sums;
  template <int V, int TOGETHER>
  INGOT_INLINE void operator()(float (&values)[TOGETHER][V], const int (&rows)[TOGETHER], int column) const {
    const unsigned rank = cluster_column();
#pragma unroll
    for (int t = 0; t < TOGETHER; ++t)
#pragma unroll
      for (int j = 0; j < V; ++j) values[t][j] = 0.0f;
#pragma unroll 1
    for (int begin = 0; begin < splits; begin += PARTS) {
      float part[PARTS][TOGETHER][V];
#pragma unroll
      for (int i = 0; i < PARTS; ++i) {
        if (begin + i >= splits) continue;
        const unsigned from = in_cluster(sums + column * 4, static_cast<unsigned>(begin + i) * CLUSTER_M + rank);
#pragma unroll
        for (int t = 0; t < TOGETHER; ++t) {
          if (rows[t] < 0) continue;  // the way between multiprocessors is narrow
          const unsigned at = from + rows[t] * (kOutPitch * 4);
          if constexpr (V == 4)
            asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
                         : "=f"(part[i][t][0]), "=f"(part[i][t][1]), "=f"(part[i][t][2]), "=f"(part[i][t][3])
                         : "r"(at)
                         : "memory");
          else
            asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(part[i][t][0]) : "r"(at) : "memory");
        }
      }
#pragma unroll
      for (int i = 0; i < PARTS; ++i)
        if (begin + i < splits)
#pragma unroll
          for (int t = 0; t < TOGETHER; ++t)
#pragma unroll
            for (int j = 0; j < V; ++j) values[t][j] += part[i][t][j];
    }
  }
};

// Operands of the epilogue that differ from row to row are on their way while products run.
INGOT_INLINE void touch_operands(const Params& p, const TileRows& tile, int row0, int rows, int n0, int z) {
  constexpr int kLine = 64;  // columns of 2 bytes in a cache line
  for (int i = static_cast<int>(threadIdx.x) * kLine; i < rows * BN; i += kConsumers * kLine) {
    const int row = tile.at(row0 + i / BN), column = n0 + i % BN;
    if (row < p.m && column < p.n) EpilogueOperands<1>::touch(p, z * p.row_batch + row, z * p.column_batch + column);
  }
}
#endif

extern "C" __global__ void __launch_bounds__(WARPGROUPS_M* WARPGROUPS_N * 128 + PRODUCERS, MIN_BLOCKS)
    hopper_gemm(const __grid_constant__ ingot_cuda::GemmParams p) {
#if __CUDA_ARCH__ >= 900
  extern __shared__ __align__(1024) unsigned char memory[];
  constexpr int kResult = (BM * kOutPitch * 4 + 15) / 16 * 16;
  constexpr int kBarriers = STAGES * kStage > kResult ? STAGES * kStage : kResult;
  const int tile_n = static_cast<int>(blockIdx.x) / CLUSTER_M, n0 = tile_n * BN;
  int panel = static_cast<int>(blockIdx.z), z = 0;
  if (p.batch_d0 > 1) {
    const int panels = (p.tiles_m + CLUSTER_M - 1) / CLUSTER_M;
    z = panel / panels;
    panel -= z * panels;
  }
  const int first = static_cast<int>(blockIdx.y) * p.tiles_per_split;
  const int count = max_int(0, min_int(p.k_tiles, first + p.tiles_per_split) - first);
  const int b_tile = (z * p.tiles_n + tile_n) * p.k_tiles + first;
  Shared shared;
  shared.stages = shared_address(memory);
  shared.full = shared.stages + kBarriers;
  shared.empty = shared.full + STAGES * 8;
  constexpr int kFetching = PRODUCERS > 0 ? kConsumers : 0;  // the thread that brings B
  if (static_cast<int>(threadIdx.x) == kFetching) {
    shared.init_barriers();
    if (CLUSTER_M == 1) fetch_first_b(p, shared, b_tile, count);
#ifdef A_TENSOR
    asm volatile("prefetch.tensormap [%0];" ::"l"(reinterpret_cast<unsigned long long>(&p.a_map)) : "memory");
#endif
  }
  const TileRows tile(p, panel * CLUSTER_M + static_cast<int>(blockIdx.x) % CLUSTER_M);
  // The rows of the tile that this part of k finishes.
  const int row0 = static_cast<int>(blockIdx.y) * p.part_rows, own_rows = max_int(0, min_int(p.part_rows, BM - row0));
  const bool clustered = CLUSTER_M > 1 || p.splits > 1;
  __syncthreads();
  if (CLUSTER_M > 1) {  // blocks that share tiles of B must find each other's barriers
    cluster_arrive();
    cluster_wait();
    if (static_cast<int>(threadIdx.x) == kFetching) fetch_first_b(p, shared, b_tile, count);
  }
#if A_MODE == A_DEFORM
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
  } else
#endif
  {
#ifdef CONSUMER_REGISTERS
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(CONSUMER_REGISTERS));
#endif
    wait_for_inputs();
    if (EPILOGUE_INPUTS > 0) touch_operands(p, tile, row0, own_rows, n0, z);
    // Parts are read in whole lines of the others' shared memory; of two, for as many rows at once as a thread has and
    // registers last. Where there are more, a thread has few rows, and their code would take longer than they do.
    constexpr int kVector = 16 / static_cast<int>(sizeof(OUT)) < 8 ? 16 / static_cast<int>(sizeof(OUT)) : 8;
    constexpr int kPartVector = 4, kPartRows = PARTS > 2 ? 1 : BM * BN / (kPartVector * kConsumers * 2);
    constexpr int kMostRows = MIN_BLOCKS * kThreads > 512 ? 2 : 4;
    constexpr int kPartTogether = kPartRows < 1 ? 1 : kPartRows > kMostRows ? kMostRows : kPartRows;
    Finish<kVector, kConsumers> finish(p, n0, z);
    Finish<kPartVector, kConsumers, kPartTogether> finish_parts(p, n0, z);
    Accumulators accumulators;
#if PRODUCERS > 0
    accumulators.consume(shared, count);
#else
    accumulators.consume_samples(p, shared, table, b_tile, z, first, count);
#endif
    // Only now: blocks of the next kernel that begin while this one fills the device would crowd where it is thin.
    release_dependents();
    consumers_meet();  // products of all warps read the stages that the sums replace
    accumulators.store(p.alpha, shared.stages);
    if (clustered) {
      publish_shared();
      cluster_arrive();
      cluster_wait();
    } else {
      consumers_meet();
    }
    const auto row_at = [&](int row) { return tile.at(row); };
    const OwnSums own{reinterpret_cast<const float*>(memory), kOutPitch};
    const AllSums all{p.splits, shared.stages};
    if (p.vector_epilogue == 0)
      Finish<1, kConsumers>(p, n0, z).run(p, row0, own_rows, row_at, all);
    else if (p.splits > 1)
      finish_parts.run(p, row0, own_rows, row_at, all);
    else
      finish.run(p, row0, own_rows, row_at, own);
    // No block of a cluster ends while another one may read its sums.
    if (clustered) {
      cluster_arrive();
      cluster_wait();
    }
  }
#endif
}
