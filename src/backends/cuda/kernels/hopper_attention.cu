// SPDX-License-Identifier: Apache-2.0
// Attention forward in one pass over the keys by wgmma, for sm_90a and 2-byte types. A warpgroup holds 64 queries; the
// products of the next scores run while the last weights meet their values and the next softmax is computed.
// Given: what hopper_heads.cuh needs, WARPGROUPS, MIN_BLOCKS (of a multiprocessor, what registers shall allow),
// SCORES(d, a, b, more) and VALUES(d, a, b, more): one wgmma of 64 x KEYS x 16 with both operands in shared memory, and
// one of 64 x 64 x 16 with the left one in registers, the right one by rows.
#if __CUDA_ARCH__ >= 900
constexpr int kQueries = WARPGROUPS * 64, kThreads = WARPGROUPS * 128, kQueryBytes = kQueries * kBlocks * kRowBytes;

extern "C" __global__ void __launch_bounds__(kThreads, MIN_BLOCKS)
    hopper_attention(const __grid_constant__ ingot_cuda::AttentionParams p) {
  release_dependents();
  extern __shared__ __align__(128) unsigned char shared[];
  const unsigned q_tile = (shared_address(shared) + 1023u) & ~1023u;
  const unsigned k_tiles = q_tile + kQueryBytes, v_tiles = k_tiles + 2 * kKeyBytes;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  const int q0 = static_cast<int>(blockIdx.x) * kQueries, row0 = thread / 32 * 16;
  const HeadOperands from(p, q0, kQueries);
  const int steps = from.steps;
  const auto load = [&](unsigned tiles, const T* rows, long long row_stride, int step) {
    if (step < steps)
      load_tile<KEYS, kThreads>(tiles + step % 2 * kKeyBytes, rows + step * KEYS * row_stride, row_stride,
                                p.keys - step * KEYS, thread);
  };
  const auto load_keys = [&](int step) { load(k_tiles, from.k, p.k_row, step); };
  const auto load_values = [&](int step) { load(v_tiles, from.v, p.v_row, step); };
  Softmax softmax(p, from.batch, from.head, q0 + row0);
  wait_for_inputs();
  softmax.begin_mask(p, 0);
  load_tile<kQueries, kThreads>(q_tile, from.q, p.q_row, p.queries - q0, thread);
  load_keys(0);
  copy_async_commit();
  load_values(0);
  load_keys(1);
  copy_async_commit();

  const float scale = p.scale * kLog2E;
  // Uninitialised: the first products overwrite them, so that no other instruction ever defines a register of theirs.
  float sum[kBlocks][32], score[KEYS / 2];
  unsigned weight[KEYS / 16][4], next[KEYS / 16][4];
  const unsigned q_rows = q_tile + thread / 128 * 64 * kRowBytes;
  const auto keys_at = [&](int step) { return k_tiles + step % 2 * kKeyBytes; };
  const auto values_at = [&](int step) { return v_tiles + step % 2 * kKeyBytes; };

  copy_async_wait<1>();
  fence_async();
  __syncthreads();
  products_begin();
  multiply_keys(score, q_rows, kQueries * kRowBytes, keys_at(0));
  products_wait<0>();
  softmax.soften(p, scale, 0, score, weight);
  // The values of `step` and the scores of the next; weights from one array to the other.
  const auto advance = [&](int step, const unsigned(&from)[KEYS / 16][4], unsigned(&to)[KEYS / 16][4]) {
    copy_async_wait<0>();
    fence_async();
    __syncthreads();
    // Every warpgroup is done with this step's keys and the values before.
    load_values(step + 1);
    load_keys(step + 2);
    copy_async_commit();
    products_begin();
    multiply_keys(score, q_rows, kQueries * kRowBytes, keys_at(step + 1));
    products_begin();
    multiply_values(sum, from, values_at(step), step);
    softmax.begin_mask(p, (step + 1) * KEYS);
    products_wait<1>();
    softmax.soften(p, scale, (step + 1) * KEYS, score, to);
    products_wait<0>();
    softmax.keep_sums(sum);
  };
  const auto finish = [&](int step, const unsigned(&from)[KEYS / 16][4]) {
    copy_async_wait<0>();
    fence_async();
    __syncthreads();
    products_begin();
    multiply_values(sum, from, values_at(step), step);
    products_wait<0>();
  };
  int step = 0;
  for (; step + 2 < steps; step += 2) {
    advance(step, weight, next);
    advance(step + 1, next, weight);
  }
  if (step + 1 < steps) {
    advance(step, weight, next);
    finish(step + 1, next);
  } else {
    finish(step, weight);
  }

  // The result takes the place of the queries, and leaves from there in whole rows. A query that may see no key gets
  // zeros.
  constexpr int kOutBytes = kBlocks * kRowBytes;
  unsigned char* const rows = shared + (q_tile - shared_address(shared)) + row0 * kOutBytes;
  const auto place = [&](int row, int chunk) { return rows + row * kOutBytes + ((chunk ^ (row & 7)) << 4); };
  if constexpr (kBlocks > 1) __syncthreads();  // a warp's rows lie where the queries of others did
  softmax.add_totals();
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const float total = softmax.total[h], factor = total == 0.0f ? 0.0f : 1.0f / total;
    const auto scaled = [&](float v) { return total == 0.0f ? 0.0f : v * factor; };
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
#pragma unroll
      for (int n = 0; n < 8; ++n)
        *reinterpret_cast<unsigned*>(place(h * 8 + lane / 4, block * 8 + n) + lane % 4 * 4) =
            Mma<T>::pack(scaled(sum[block][n * 4 + 2 * h]), scaled(sum[block][n * 4 + 2 * h + 1]));
  }
  __syncwarp();
  constexpr int kChunks = SIZE / 8;
  T* const y = static_cast<T*>(p.y) + from.batch * p.y_batch + from.head * p.y_head + (q0 + row0) * p.y_row;
#pragma unroll
  for (int i = lane; i < 16 * kChunks; i += 32) {
    const int row = i / kChunks, chunk = i % kChunks;
    if (q0 + row0 + row < p.queries)
      *reinterpret_cast<Vec<unsigned, 4>*>(y + row * p.y_row + chunk * 8) =
          *reinterpret_cast<const Vec<unsigned, 4>*>(place(row, chunk));
  }
}
#endif
