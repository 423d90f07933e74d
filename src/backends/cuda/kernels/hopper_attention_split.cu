// SPDX-License-Identifier: Apache-2.0
// Attention forward by wgmma where queries are too few to fill the device: GROUPS warpgroups of a block share the same
// 64 queries and take every GROUPS-th step of the keys, each with a softmax of its own; then the block joins their
// parts, in order. One warpgroup's softmax runs beside the products of the others, so that a step is a plain loop and
// code is small: in a kernel this short, every line is read once. Given: what hopper_heads.cuh needs, GROUPS,
// MIN_BLOCKS, SCORES and VALUES as in hopper_attention.cu.
#if __CUDA_ARCH__ >= 900
constexpr int kQueries = 64, kThreads = GROUPS * 128, kQueryBytes = kQueries * kBlocks * kRowBytes;
constexpr int kPitch = SIZE + 8;  // of a part's sums: pairs of a quarter of a warp's rows in different banks
constexpr int kPartBytes = kQueries * kPitch * 4, kTileBytes = 2 * kKeyBytes > kPartBytes ? 2 * kKeyBytes : kPartBytes;
constexpr int kGroupBytes = (kTileBytes + 1023) / 1024 * 1024;

struct RowStat {
  float most, total;  // to base 2
};

// Of a warpgroup; barrier 0 is the block's. The numbers are constants: one from a register takes all barriers.
static_assert(GROUPS <= 3, "a barrier for each warpgroup");
INGOT_INLINE void group_meets(int group) {
  if (group == 0)
    asm volatile("bar.sync 1, 128;" ::: "memory");
  else if (group == 1)
    asm volatile("bar.sync 2, 128;" ::: "memory");
  else
    asm volatile("bar.sync 3, 128;" ::: "memory");
}

// This thread's part of a warpgroup's sums and statistics, to where all threads find them.
INGOT_INLINE void store_part(float* part, RowStat* stats, const Softmax& softmax, float scale,
                             const float (&sum)[kBlocks][32], bool any) {
  const int lane = softmax.lane, row = static_cast<int>(threadIdx.x) % 128 / 32 * 16 + lane / 4;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float* const to = part + (row + h * 8) * kPitch + lane % 4 * 2;
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
#pragma unroll
      for (int n = 0; n < 8; ++n)
        *reinterpret_cast<float2*>(to + block * 64 + n * 8) =
            any ? make_float2(sum[block][n * 4 + 2 * h], sum[block][n * 4 + 2 * h + 1]) : make_float2(0.0f, 0.0f);
    if (lane % 4 == 0) stats[row + h * 8] = {softmax.most[h] * Softmax::unit(scale), softmax.total[h]};
  }
}

// Four columns of a row out of all parts. A query that may see no key gets zeros.
INGOT_INLINE Vec<T, 4> join_parts(const unsigned char* parts, const RowStat* stats, int row, int column) {
  RowStat stat[GROUPS];
  float top = -kInfinity, total = 0.0f, result[4] = {};
#pragma unroll
  for (int group = 0; group < GROUPS; ++group) {
    stat[group] = stats[group * kQueries + row];
    top = x_max(top, stat[group].most);
  }
#pragma unroll
  for (int group = 0; group < GROUPS; ++group) {
    const float* const from = reinterpret_cast<const float*>(parts + group * kGroupBytes) + row * kPitch + column;
    const float factor = stat[group].most == -kInfinity ? 0.0f : power_of_2(stat[group].most - top);
    const float4 four = *reinterpret_cast<const float4*>(from);
    total = fmaf(stat[group].total, factor, total);
    result[0] = fmaf(four.x, factor, result[0]);
    result[1] = fmaf(four.y, factor, result[1]);
    result[2] = fmaf(four.z, factor, result[2]);
    result[3] = fmaf(four.w, factor, result[3]);
  }
  const float share = total == 0.0f ? 0.0f : __fdividef(1.0f, total);
  Vec<T, 4> out;
#pragma unroll
  for (int i = 0; i < 4; ++i) out.v[i] = store_value<T>(total == 0.0f ? 0.0f : result[i] * share);
  return out;
}

extern "C" __global__ void __launch_bounds__(kThreads, MIN_BLOCKS)
    hopper_attention_split(const __grid_constant__ ingot_cuda::AttentionParams p) {
  release_dependents();
  extern __shared__ __align__(128) unsigned char shared[];
  __shared__ RowStat stats[GROUPS * kQueries];
  const unsigned q_tile = (shared_address(shared) + 1023u) & ~1023u;
  unsigned char* const parts = shared + (q_tile - shared_address(shared)) + kQueryBytes;
  const int thread = static_cast<int>(threadIdx.x), group = thread / 128, in_group = thread % 128;
  unsigned char* const part = parts + group * kGroupBytes;  // keys and values, then sums
  const unsigned k_tile = shared_address(part), v_tile = k_tile + kKeyBytes;
  const int q0 = static_cast<int>(blockIdx.x) * kQueries;
  const HeadOperands from(p, q0, kQueries);
  const int steps = from.steps;
  const auto load = [&](unsigned tile, const T* rows, long long row_stride, int step) {
    if (step < steps)
      load_tile<KEYS, 128>(tile, rows + step * KEYS * row_stride, row_stride, p.keys - step * KEYS, in_group);
    copy_async_commit();
  };
  const float scale = p.scale * kLog2E;
  float sum[kBlocks][32], score[KEYS / 2];
  unsigned weight[KEYS / 16][4];
  Softmax softmax(p, from.batch, from.head, q0 + in_group / 32 * 16);
  wait_for_inputs();
  softmax.begin_mask(p, group * KEYS);
  load_tile<kQueries, kThreads>(q_tile, from.q, p.q_row, p.queries - q0, thread);
  load(k_tile, from.k, p.k_row, group);
  load(v_tile, from.v, p.v_row, group);

  copy_async_wait<1>();
  fence_async();
  __syncthreads();  // queries come by all warpgroups
#pragma unroll 1
  for (int step = group; step < steps; step += GROUPS) {
    const int next = step + GROUPS;
    products_begin();
    multiply_keys(score, q_tile, kQueries * kRowBytes, k_tile);
    products_wait<0>();
    if (next < steps) {
      group_meets(group);
      load(k_tile, from.k, p.k_row, next);
    }
    softmax.soften(p, scale, step * KEYS, score, weight);
    if (step != group) softmax.keep_sums(sum);
    if (next < steps) {
      softmax.begin_mask(p, next * KEYS);
      copy_async_wait<1>();
    } else {
      copy_async_wait<0>();
    }
    fence_async();
    group_meets(group);
    products_begin();
    multiply_values(sum, weight, v_tile, step - group);
    products_wait<0>();
    group_meets(group);  // also: sums take the place of keys and values
    if (next >= steps) break;
    load(v_tile, from.v, p.v_row, next);
    copy_async_wait<1>();
    fence_async();
    group_meets(group);
  }
  copy_async_wait_all();
  softmax.add_totals();
  store_part(reinterpret_cast<float*>(part), stats + group * kQueries, softmax, scale, sum, group < steps);
  __syncthreads();

  constexpr int kChunks = SIZE / 4;
  T* const y = static_cast<T*>(p.y) + from.batch * p.y_batch + from.head * p.y_head + q0 * p.y_row;
#pragma unroll 4
  for (int i = thread; i < kQueries * kChunks; i += kThreads) {
    const int row = i / kChunks, column = i % kChunks * 4;
    if (q0 + row < p.queries)
      *reinterpret_cast<Vec<T, 4>*>(y + row * p.y_row + column) = join_parts(parts, stats, row, column);
  }
}
#endif
