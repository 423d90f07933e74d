// SPDX-License-Identifier: Apache-2.0
// Attention of few queries over many keys (decoding with a cache) on the tensor cores, for 2-byte types; bound by the
// memory that keys and values come from. Blocks and meetings: attention_parts.cuh. Every warp takes steps of KEYS keys
// through STAGES buffers of its own, so that none waits for another before the end.
// Given: T, SIZE and SIZE_V (head sizes, multiples of 8), MASK (0 none, 1 added, 2 boolean: true may be seen), MASK_T,
// WARPS, ROW_TILES (of 16 rows), KEYS, STAGES, MIN_BLOCKS (of a multiprocessor, what registers shall allow).
constexpr int kSize = (SIZE + 15) / 16 * 16, kSizeV = (SIZE_V + 15) / 16 * 16;
// Rows of shared memory: an odd number of 16-byte pieces, so that eight of them lie in different banks.
constexpr int kPitch = kSize + 8, kPitchV = kSizeV + 8;
constexpr int kRows = ROW_TILES * 16, kThreads = WARPS * 32;
constexpr int kSumTiles = kSizeV / 8, kScoreTiles = KEYS / 8;
constexpr int kBuffer = KEYS * (kPitch + kPitchV);

extern "C" __global__ void __launch_bounds__(kThreads, MIN_BLOCKS) attention_decode(const __grid_constant__ Params p) {
  begin_dependent();
  extern __shared__ __align__(128) unsigned char shared[];
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  T* const q_tile = reinterpret_cast<T*>(shared);
  T* const buffers = q_tile + kRows * kPitch + warp * STAGES * kBuffer;
  const Work w = work_of_block<kRows>(p);
  const T* const from_k = static_cast<const T*>(p.k) + w.batch * p.k_batch + w.kv * p.k_head;
  const T* const from_v = static_cast<const T*>(p.v) + w.batch * p.v_batch + w.kv * p.v_head;
  const int visible = keys_seen(p);
  const Share share = share_of(p, (visible + KEYS - 1) / KEYS, w.part);

  const auto load = [&](int step, int slot) {
    if (step < share.end) {
      T* const to = buffers + slot * kBuffer;
      const int key0 = step * KEYS;
      load_tile<32, KEYS, SIZE, kSize, kPitch>(to, from_k + key0 * p.k_row, p.k_row, p.keys - key0, lane);
      load_tile<32, KEYS, SIZE_V, kSizeV, kPitchV>(to + KEYS * kPitch, from_v + key0 * p.v_row, p.v_row,
                                                   p.keys - key0, lane);
    }
  };
  // The first keys leave ahead of the queries, and arrive with them.
#pragma unroll 1
  for (int slot = 0; slot < STAGES; ++slot) {
    load(share.first + warp + slot * WARPS, slot);
    if (slot == 0) {
#pragma unroll 1
      for (int i = thread; i < kRows * (kSize / 8); i += kThreads) {
        const int row = i / (kSize / 8), column = i % (kSize / 8) * 8;
        const Row at = row_at(p, w, row);
        const bool ok = w.row0 + row < w.rows && column < SIZE;
        const T* from = static_cast<const T*>(p.q) + w.batch * p.q_batch + at.head * p.q_head + at.query * p.q_row;
        copy_async_16(shared_address(q_tile + row * kPitch + column), ok ? from + column : from, ok);
      }
    }
    copy_async_commit();
  }

  // Row h of a thread in a tile: lane / 4 + 8 h.
  float sum[ROW_TILES][kSumTiles][4] = {}, most[ROW_TILES][2], total[ROW_TILES][2];
  int end[ROW_TILES][2];
#pragma unroll
  for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      most[r][h] = -kInfinity, total[r][h] = 0.0f;
      end[r][h] = keys_seen(p, row_at(p, w, r * 16 + h * 8 + lane / 4)) - lane % 4 * 2;
    }
#if MASK != 0
  const MASK_T* mask_row[ROW_TILES][2];
#pragma unroll
  for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const Row at = row_at(p, w, r * 16 + h * 8 + lane / 4);
      mask_row[r][h] = static_cast<const MASK_T*>(p.mask) + w.batch % p.mask_batches * p.mask_batch +
                       at.head * p.mask_head + at.query * p.mask_row;
    }
#endif
  const float scale = p.scale * kLog2E;
  const unsigned q_address = shared_address(q_tile + lane % 16 * kPitch + lane / 16 * 8);
  const unsigned k_address = shared_address(buffers + (lane % 8 + lane / 16 * 8) * kPitch + lane / 8 % 2 * 8);
  const unsigned v_address =
      shared_address(buffers + KEYS * kPitch + (lane % 8 + lane / 8 % 2 * 8) * kPitchV + lane / 16 * 8);
  copy_async_wait<STAGES - 1>();
  __syncthreads();  // the queries are there

  int slot = 0;
#pragma unroll 1
  for (int step = share.first + warp; step < share.end; step += WARPS) {
    const int key0 = step * KEYS;
#if MASK != 0
    float added[ROW_TILES][2][kScoreTiles][2];  // arrives while the keys do
#pragma unroll
    for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
      for (int h = 0; h < 2; ++h) load_mask(added[r][h], p, mask_row[r][h], key0 + lane % 4 * 2);
#endif
    copy_async_wait<STAGES - 1>();
    __syncwarp();
    float score[ROW_TILES][kScoreTiles][4] = {};
#pragma unroll
    for (int kk = 0; kk < kSize / 16; ++kk) {
      unsigned a[ROW_TILES][4];
#pragma unroll
      for (int r = 0; r < ROW_TILES; ++r) load_matrices(a[r], q_address + (r * 16 * kPitch + kk * 16) * 2);
#pragma unroll
      for (int n = 0; n < kScoreTiles / 2; ++n) {
        unsigned b[4];
        load_matrices(b, k_address + (slot * kBuffer + n * 16 * kPitch + kk * 16) * 2);
#pragma unroll
        for (int r = 0; r < ROW_TILES; ++r) {
          Mma<T>::run(score[r][2 * n], a[r], b[0], b[1]);
          Mma<T>::run(score[r][2 * n + 1], a[r], b[2], b[3]);
        }
      }
    }
    unsigned weight[ROW_TILES][kScoreTiles][2];  // as the left operand of the second product
#pragma unroll
    for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float top = -kInfinity;
#pragma unroll
        for (int n = 0; n < kScoreTiles; ++n)
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            float& s = score[r][n][2 * h + e];
#if MASK != 0
            const float more = added[r][h][n][e];
            s = more == -kInfinity ? -kInfinity : fmaf(s, scale, more);
#else
            s *= scale;
#endif
            if (key0 + n * 8 + e >= end[r][h]) s = -kInfinity;
            top = x_max(top, s);
          }
        top = x_max(top, __shfl_xor_sync(0xffffffffu, top, 1));
        top = x_max(top, __shfl_xor_sync(0xffffffffu, top, 2));
        const float next = x_max(most[r][h], top), shift = next == -kInfinity ? 0.0f : next;
        const float keep = power_of_2(most[r][h] - shift);
        most[r][h] = next;
        float more_total = 0.0f;
#pragma unroll
        for (int n = 0; n < kScoreTiles; ++n) {
          const float low = power_of_2(score[r][n][2 * h] - shift), high = power_of_2(score[r][n][2 * h + 1] - shift);
          more_total += low + high;
          weight[r][n][h] = Mma<T>::pack(low, high);
        }
        total[r][h] = fmaf(total[r][h], keep, more_total);
#pragma unroll
        for (int n = 0; n < kSumTiles; ++n) sum[r][n][2 * h] *= keep, sum[r][n][2 * h + 1] *= keep;
      }
    add_values<kPitchV>(sum, weight, v_address + slot * kBuffer * 2);
    __syncwarp();  // the buffer is done with
    load(step + STAGES * WARPS, slot);
    copy_async_commit();
    slot = slot + 1 == STAGES ? 0 : slot + 1;
  }

  __syncthreads();  // all buffers are
  float* const states = reinterpret_cast<float*>(shared);
#pragma unroll
  for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      total[r][h] += __shfl_xor_sync(0xffffffffu, total[r][h], 1);
      total[r][h] += __shfl_xor_sync(0xffffffffu, total[r][h], 2);
      const int row = r * 16 + h * 8 + lane / 4;
      if (w.row0 + row >= w.rows) continue;
      float* const to = states + (warp * kRows + row) * kStatePitch;
      if (lane % 4 == 0) *reinterpret_cast<Vec<float, 2>*>(to + kMostAt) = {most[r][h], total[r][h]};
#pragma unroll
      for (int n = 0; n < kSumTiles; ++n)
        *reinterpret_cast<Vec<float, 2>*>(to + n * 8 + lane % 4 * 2) = {sum[r][n][2 * h], sum[r][n][2 * h + 1]};
    }
  __syncthreads();
  finish_block<WARPS, kRows>(p, w, states);
}
