// SPDX-License-Identifier: Apache-2.0
// Attention forward by wgmma where queries are too few to fill the device: GROUPS warpgroups of each of CLUSTER blocks
// share the same 64 queries and take every (GROUPS * CLUSTER)th step of the keys, each with a softmax of its own; then
// every block finishes its share of the rows out of all parts, in their order. One warpgroup's softmax runs beside the
// products of the others, so that a step is a plain loop and code is small: a kernel this short is paid by the line.
// Given: what hopper_heads.cuh needs, GROUPS, CLUSTER, MIN_BLOCKS, SCORES and VALUES as in hopper_attention.cu.
#if __CUDA_ARCH__ >= 900
constexpr int kQueries = 64, kThreads = GROUPS * 128, kParts = GROUPS * CLUSTER, kOwnRows = kQueries / CLUSTER;
constexpr int kQueryBytes = kQueries * kBlocks * kRowBytes;
constexpr int kPitch = SIZE + 8;  // of a part's sums: pairs of a quarter of a warp's rows in different banks
constexpr int kPartBytes = kQueries * kPitch * 4;
constexpr int kTileBytes = 2 * kKeyBytes > kPartBytes ? 2 * kKeyBytes : kPartBytes;
constexpr int kGroupBytes = (kTileBytes + 1023) / 1024 * 1024;

// Of a warpgroup's barrier: 0 is the block's.
INGOT_INLINE void group_meets(int group) { asm volatile("bar.sync %0, 128;" ::"r"(group + 1) : "memory"); }

struct RowStat {
  float most, total;  // to base 2
};
INGOT_INLINE RowStat read_stat(unsigned at, unsigned rank) {
  RowStat r;
  asm volatile("ld.shared::cluster.v2.f32 {%0, %1}, [%2];"
               : "=f"(r.most), "=f"(r.total)
               : "r"(in_cluster(at, rank))
               : "memory");
  return r;
}
INGOT_INLINE void read_sums(float (&sums)[8], unsigned at, unsigned rank) {
  const unsigned from = in_cluster(at, rank);
#pragma unroll
  for (int i = 0; i < 8; i += 4)
    asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(sums[i]), "=f"(sums[i + 1]), "=f"(sums[i + 2]), "=f"(sums[i + 3])
                 : "r"(from + i * 4)
                 : "memory");
}

INGOT_INLINE void blocks_meet() {
  if (CLUSTER > 1) {
    publish_shared();
    cluster_arrive();
    cluster_wait();
  } else {
    __syncthreads();
  }
}

// This thread's part of a warpgroup's sums and statistics, to where all threads find them.
INGOT_INLINE void store_part(unsigned part, unsigned stats, const Softmax& softmax, float scale,
                             const float (&sum)[kBlocks][32], bool any) {
  const int lane = softmax.lane, row = static_cast<int>(threadIdx.x) % 128 / 32 * 16 + lane / 4;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const unsigned to = part + ((row + h * 8) * kPitch + lane % 4 * 2) * 4;
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
#pragma unroll
      for (int n = 0; n < 8; ++n)
        asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(to + (block * 64 + n * 8) * 4),
                     "f"(any ? sum[block][n * 4 + 2 * h] : 0.0f), "f"(any ? sum[block][n * 4 + 2 * h + 1] : 0.0f)
                     : "memory");
    if (lane % 4 == 0)
      asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(stats + (row + h * 8) * 8),
                   "f"(softmax.most[h] * Softmax::unit(scale)), "f"(softmax.total[h])
                   : "memory");
  }
}

// Eight columns of a row out of all parts. A query that may see no key gets zeros.
INGOT_INLINE Vec<T, 8> join_parts(unsigned parts, unsigned stats, int row, int column) {
  float top = -kInfinity;
#pragma unroll 1
  for (unsigned rank = 0; rank < CLUSTER; ++rank)
#pragma unroll
    for (int group = 0; group < GROUPS; ++group)
      top = x_max(top, read_stat(stats + (group * kQueries + row) * 8, rank).most);
  float total = 0.0f, result[8] = {};
#pragma unroll 1
  for (unsigned rank = 0; rank < CLUSTER; ++rank)
#pragma unroll
    for (int group = 0; group < GROUPS; ++group) {
      const RowStat stat = read_stat(stats + (group * kQueries + row) * 8, rank);
      float sums[8];
      read_sums(sums, parts + group * kGroupBytes + (row * kPitch + column) * 4, rank);
      const float factor = stat.most == -kInfinity ? 0.0f : power_of_2(stat.most - top);
      total = fmaf(stat.total, factor, total);
#pragma unroll
      for (int i = 0; i < 8; ++i) result[i] = fmaf(sums[i], factor, result[i]);
    }
  const float share = total == 0.0f ? 0.0f : 1.0f / total;
  Vec<T, 8> out;
#pragma unroll
  for (int i = 0; i < 8; ++i) out.v[i] = store_value<T>(total == 0.0f ? 0.0f : result[i] * share);
  return out;
}

extern "C" __global__ void __launch_bounds__(kThreads, MIN_BLOCKS)
    hopper_attention_split(const __grid_constant__ ingot_cuda::AttentionParams p) {
  begin_dependent();
  extern __shared__ __align__(128) unsigned char shared[];
  __shared__ RowStat stats[GROUPS * kQueries];
  const unsigned q_tile = (shared_address(shared) + 1023u) & ~1023u, parts = q_tile + kQueryBytes;
  const int thread = static_cast<int>(threadIdx.x), group = thread / 128, in_group = thread % 128;
  const unsigned k_tile = parts + group * kGroupBytes, v_tile = k_tile + kKeyBytes;
  const int rank = static_cast<int>(blockIdx.x) % CLUSTER, q0 = static_cast<int>(blockIdx.x) / CLUSTER * kQueries;
  const int head = static_cast<int>(blockIdx.y), batch = static_cast<int>(blockIdx.z);
  const int kv = p.heads_per_kv == 1 ? head : head / p.heads_per_kv;
  const T* from_q = static_cast<const T*>(p.q) + batch * p.q_batch + head * p.q_head + q0 * p.q_row;
  const T* from_k = static_cast<const T*>(p.k) + batch * p.k_batch + kv * p.k_head;
  const T* from_v = static_cast<const T*>(p.v) + batch * p.v_batch + kv * p.v_head;
  const int visible = p.causal != 0 ? min_int(p.keys, q0 + kQueries) : p.keys;
  const int steps = (visible + KEYS - 1) / KEYS, first = rank * GROUPS + group;
  const auto load = [&](unsigned tile, const T* from, long long row_stride, int step) {
    if (step < steps)
      load_tile<KEYS, 128>(tile, from + step * KEYS * row_stride, row_stride, p.keys - step * KEYS, in_group);
    copy_async_commit();
  };
  load_tile<kQueries, kThreads>(q_tile, from_q, p.q_row, p.queries - q0, thread);
  load(k_tile, from_k, p.k_row, first);
  load(v_tile, from_v, p.v_row, first);

  const float scale = p.scale * kLog2E;
  float sum[kBlocks][32], score[KEYS / 2];
  unsigned weight[KEYS / 16][4];
  Softmax softmax(p, batch, head, q0 + in_group / 32 * 16);
  copy_async_wait<1>();
  fence_async();
  __syncthreads();  // queries come by all warpgroups
#pragma unroll 1
  for (int step = first; step < steps; step += kParts) {
    products_begin();
    multiply_keys(score, q_tile, kQueries * kRowBytes, k_tile);
    softmax.begin_mask(p, step * KEYS);
    products_wait<0>();
    group_meets(group);
    load(k_tile, from_k, p.k_row, step + kParts);
    softmax.soften(p, scale, step * KEYS, score, weight);
    if (step != first) softmax.keep_sums(sum);
    copy_async_wait<1>();
    fence_async();
    group_meets(group);
    products_begin();
    multiply_values(sum, weight, v_tile, step - first);
    products_wait<0>();
    group_meets(group);
    load(v_tile, from_v, p.v_row, step + kParts);
    copy_async_wait<1>();
    fence_async();
    group_meets(group);
  }
  copy_async_wait_all();
  softmax.add_totals();
  group_meets(group);  // sums take the place of keys and values
  const unsigned stats_at = shared_address(stats);
  store_part(k_tile, stats_at + group * kQueries * 8, softmax, scale, sum, first < steps);
  blocks_meet();

  constexpr int kChunks = SIZE / 8;
  T* const y = static_cast<T*>(p.y) + batch * p.y_batch + head * p.y_head;
#pragma unroll 1
  for (int i = thread; i < kOwnRows * kChunks; i += kThreads) {
    const int row = rank * kOwnRows + i / kChunks, column = i % kChunks * 8;
    if (q0 + row < p.queries)
      *reinterpret_cast<Vec<T, 8>*>(y + (q0 + row) * p.y_row + column) = join_parts(parts, stats_at, row, column);
  }
  // No block of a cluster ends while another one may read its part.
  if (CLUSTER > 1) {
    cluster_arrive();
    cluster_wait();
  }
}
#endif
