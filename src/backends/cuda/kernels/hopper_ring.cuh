// SPDX-License-Identifier: Apache-2.0
// What the tile engine for sm_90a is made of: sizes, barriers in shared memory, the ring of stages and what fills it
// with B. Given: see hopper_gemm.cu.
#define A_ROWS 0
#define A_WINDOW 1    // windows whose slices of 64 channels a tensor map finds, or, without SLICED, copies of 16 bytes
#define A_ELEMENTS 2  // windows whose channels fill no 16 bytes: in pieces of W_VECTOR; W_CHANNELS, W_KERNEL_W
#define A_DEFORM 3
#if A_MODE == A_ROWS || (A_MODE == A_WINDOW && defined(SLICED))
#define A_TENSOR 1
#endif

#if __CUDA_ARCH__ >= 900
constexpr int kRowBytes = 128;  // of a tile: 64 elements
constexpr int kATile = PRODUCERS > 0 ? BM * kRowBytes : 0, kBTile = BN * kRowBytes, kStage = kATile + kBTile;
constexpr int kConsumers = WARPGROUPS_M * WARPGROUPS_N * 128;
constexpr int kThreads = kConsumers + PRODUCERS;
constexpr int kFragments = BM / 64 / WARPGROUPS_M, kWarpgroupN = BN / WARPGROUPS_N;
constexpr int kParts = kWarpgroupN / INSTRUCTION_N;
constexpr int kOutPitch = BN + 8;
static_assert(kFragments * WARPGROUPS_M * 64 == BM, "tile and threads disagree");
#if PRODUCERS > 0 && !defined(A_TENSOR)
constexpr int kRowsPerPass = PRODUCERS / 8, kRows = BM / kRowsPerPass;
static_assert(kRows * kRowsPerPass == BM, "tile and producers disagree");
#endif

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
INGOT_INLINE void barrier_arrive_remote(unsigned at) {
  asm volatile("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(at) : "memory");
}
INGOT_INLINE void fence_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
INGOT_INLINE void consumers_meet() { asm volatile("bar.sync 1, %0;" ::"n"(kConsumers) : "memory"); }

// The rows of a block's tile: from `first` on, or, deformable, a patch of 8 columns of an image, whose neighbours share
// what they read: runs of 8 rows, `pitch` apart.
struct TileRows {
  int first, pitch;
  INGOT_INLINE TileRows(const Params& p, int tile) : first(tile * BM), pitch(8) {
#if A_MODE == A_DEFORM
    if (p.patches == 0) return;
    constexpr int kHeight = BM / 8;
    const int across = p.out_w / 8, y = tile / across;  // of all images
    first = y * kHeight * p.out_w + (tile - y * across) * 8;
    pitch = p.out_w;
#endif
  }
  INGOT_INLINE int at(int row) const { return first + (row >> 3) * pitch + (row & 7); }
};

// Arrivals that fill a stage: one with B, and A's.
#ifdef A_TENSOR
constexpr int kFullArrivals = 2;
#else
constexpr int kFullArrivals = PRODUCERS + 1;
#endif

struct Shared {
  unsigned stages, full, empty;
  INGOT_INLINE void init_barriers() const {
#pragma unroll
    for (int s = 0; s < STAGES; ++s) {
      barrier_init(full + s * 8, kFullArrivals);
      barrier_init(empty + s * 8, WARPGROUPS_M * WARPGROUPS_N * CLUSTER_M);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  INGOT_INLINE unsigned a(int s) const { return stages + s * kStage; }
  INGOT_INLINE unsigned b(int s) const { return stages + s * kStage + kATile; }
};

// ---- producers ----
// This block's share of tile `tile` of all of B for every block of its row of the cluster.
INGOT_INLINE void fetch_b(const Params& p, const Shared& shared, int tile, int s) {
  constexpr int kPart = kBTile / CLUSTER_M;
  const unsigned rank = CLUSTER_M > 1 ? cluster_column() : 0;
  const unsigned full = shared.full + s * 8;
  barrier_arrive_expect(full, kBTile);
  const unsigned to = shared.b(s) + rank * kPart;
  const char* from = static_cast<const char*>(p.b) + static_cast<long long>(tile) * kBTile + rank * kPart;
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

// The tiles that there are stages for; the others come to the second-level cache meanwhile. In a network the weights
// lie in memory, and this runs while the kernel ahead ends.
INGOT_INLINE void fetch_first_b(const Params& p, const Shared& shared, int tile, int count) {
#pragma unroll 1
  for (int t = 0; t < min_int(STAGES, count); ++t) fetch_b(p, shared, tile + t, t);
  if (count > STAGES)
    asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(
                     static_cast<const char*>(p.b) + static_cast<long long>(tile + STAGES) * kBTile),
                 "r"((count - STAGES) * kBTile)
                 : "memory");
}
#endif
