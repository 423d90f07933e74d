// SPDX-License-Identifier: Apache-2.0
// Attention forward in one pass over the keys (online softmax) on the tensor cores, for 2-byte types. A block has WARPS x
// GROUPS warps: each warp holds ROW_TILES x 16 queries, their scores and sums in registers, from the first product to
// the last; GROUPS warps share the same queries, each with its own KEYS of a step's keys, and add up at the end. Keys
// and values come through STAGES buffers.
// Given: T, SIZE and SIZE_V (head sizes, multiples of 8), MASK (0 none, 1 added, 2 boolean: true may be seen), MASK_T,
// STAGED_MASK (1: it comes by way of shared memory, which pays where a row of it serves many queries), RAW_SCORES (1: no mask and a scale above zero, so that the largest product is the largest score), MIN_BLOCKS (of a
// multiprocessor, what registers shall allow).
using Params = ingot_cuda::AttentionParams;

constexpr int kSize = (SIZE + 15) / 16 * 16, kSizeV = (SIZE_V + 15) / 16 * 16;
// Rows of shared memory: an odd number of 16-byte pieces, so that eight of them lie in different banks.
constexpr int kPitch = kSize + 8, kPitchV = kSizeV + 8, kPitchQ = kPitch > kPitchV ? kPitch : kPitchV;
constexpr int kRows = ROW_TILES * 16, kQueries = WARPS * kRows, kStep = GROUPS * KEYS, kThreads = WARPS * GROUPS * 32;
constexpr bool kHoldQ = ROW_TILES * kSize <= 128;  // the queries stay in registers
constexpr int kSumTiles = kSizeV / 8, kScoreTiles = KEYS / 8;
[[maybe_unused]] constexpr int kMaskPitch = kStep + 8;

extern "C" __global__ void __launch_bounds__(kThreads, MIN_BLOCKS) attention_tiles(const __grid_constant__ Params p) {
  begin_dependent();
  extern __shared__ __align__(128) unsigned char shared[];
  T* const q_tile = reinterpret_cast<T*>(shared);
  T* const k_tiles = q_tile + kQueries * kPitchQ;
  T* const v_tiles = k_tiles + STAGES * kStep * kPitch;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const int group = GROUPS == 1 ? 0 : warp / WARPS, row0 = warp % WARPS * kRows;  // of the block's queries
  const int q0 = static_cast<int>(blockIdx.x) * kQueries;
  const int head = static_cast<int>(blockIdx.y), batch = static_cast<int>(blockIdx.z);
  const int kv = p.heads_per_kv == 1 ? head : head / p.heads_per_kv;
  const T* from_q = static_cast<const T*>(p.q) + batch * p.q_batch + head * p.q_head + q0 * p.q_row;
  const T* from_k = static_cast<const T*>(p.k) + batch * p.k_batch + kv * p.k_head;
  const T* from_v = static_cast<const T*>(p.v) + batch * p.v_batch + kv * p.v_head;
  const int visible = p.causal != 0 ? min_int(p.keys, q0 + kQueries) : p.keys;
  const int steps = (visible + kStep - 1) / kStep;

  const auto load_keys = [&](int step) {
    if (step < steps)
      load_tile<kThreads, kStep, SIZE, kSize, kPitch>(k_tiles + step % STAGES * kStep * kPitch,
                                                      from_k + step * kStep * p.k_row, p.k_row, p.keys - step * kStep,
                                                      thread);
    copy_async_commit();
  };
  const auto load_values = [&](int step) {
    if (step < steps)
      load_tile<kThreads, kStep, SIZE_V, kSizeV, kPitchV>(v_tiles + step % STAGES * kStep * kPitchV,
                                                          from_v + step * kStep * p.v_row, p.v_row,
                                                          p.keys - step * kStep, thread);
    copy_async_commit();
  };
  load_tile<kThreads, kQueries, SIZE, kSize, kPitchQ>(q_tile, from_q, p.q_row, p.queries - q0, thread);
#pragma unroll
  for (int step = 0; step < STAGES; ++step) {
    load_keys(step);
    load_values(step);
  }

  const unsigned q_address = shared_address(q_tile + (row0 + lane % 16) * kPitchQ + lane / 16 * 8);
  unsigned query[kHoldQ ? ROW_TILES : 1][kHoldQ ? kSize / 16 : 1][4];
  const float scale = p.scale * kLog2E;
  float sum[ROW_TILES][kSumTiles][4] = {};
  // Row h of a thread: lane / 4 + 8 h of 16. `most` is in units of the products with RAW_SCORES, otherwise of scores.
  float most[ROW_TILES][2], total[ROW_TILES][2];
#pragma unroll
  for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
    for (int h = 0; h < 2; ++h) most[r][h] = -kInfinity, total[r][h] = 0.0f;
#if MASK != 0
  const MASK_T* mask = static_cast<const MASK_T*>(p.mask) + batch % p.mask_batches * p.mask_batch + head * p.mask_head;
#if STAGED_MASK
  // The mask of a step, to base 2, minus infinity behind the last key: a row for each query, or one for all.
  float* const mask_tile = reinterpret_cast<float*>(v_tiles + STAGES * kStep * kPitchV);
  const int mask_rows = p.mask_row == 0 ? 1 : min_int(kQueries, p.queries - q0), mask_pitch = p.mask_row == 0 ? 0 : kMaskPitch;
  const auto stage_mask = [&](int step) {
#pragma unroll 2
    for (int row = warp; row < mask_rows; row += WARPS * GROUPS)
#pragma unroll
      for (int column = lane; column < kStep; column += 32) {
        const int k = step * kStep + column;
        mask_tile[row * kMaskPitch + column] = k < p.keys ? mask_value(mask[(q0 + row) * p.mask_row + k]) : -kInfinity;
      }
  };
#else
  const bool same_mask = p.mask_row == 0;  // of all queries
  constexpr int kMaskOf1 = ROW_TILES == 1 ? 1 : 0;
  const auto mask_row = [&](int r, int h) {
    return mask + min_int(q0 + row0 + r * 16 + h * 8 + lane / 4, p.queries - 1) * p.mask_row;
  };
#endif
#endif

  for (int step = 0; step < steps; ++step) {
    const int key0 = step * kStep + group * KEYS;  // of this warp
    const int last_row = q0 + row0 + kRows - 1;
    const bool active = key0 < visible && q0 + row0 < p.queries && (p.causal == 0 || key0 <= last_row);
#if MASK != 0 && STAGED_MASK
    stage_mask(step);
#elif MASK != 0
    float added[kMaskOf1 + 1][kScoreTiles][2];
    if (ROW_TILES == 1 && active) {  // the mask arrives while the keys do
      load_mask(added[0], p, mask_row(0, 0), key0 + lane % 4 * 2);
      if (!same_mask) load_mask(added[kMaskOf1], p, mask_row(0, 1), key0 + lane % 4 * 2);
    }
#endif
    // Behind this barrier the step before is done with, and so are its buffers.
    if constexpr (STAGES == 1) {
      if (step == 0)
        copy_async_wait<1>();
      else
        copy_async_wait<0>();
      __syncthreads();
      if (step > 0) load_values(step);
    } else {
      if (step == 0)
        copy_async_wait<2 * STAGES - 1>();
      else
        copy_async_wait<(STAGES > 1 ? 2 * STAGES - 3 : 0)>();
      __syncthreads();
      if (step > 0) {
        load_keys(step + STAGES - 1);
        load_values(step + STAGES - 1);
      }
    }

    if constexpr (kHoldQ) {
      if (step == 0) {
#pragma unroll
        for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
          for (int kk = 0; kk < kSize / 16; ++kk)
            load_matrices(query[r][kk], q_address + (r * 16 * kPitchQ + kk * 16) * 2);
      }
    }
    unsigned weight[ROW_TILES][kScoreTiles][2];  // as the left operand of the second product
    if (active) {
      const unsigned k_address = shared_address(k_tiles + (step % STAGES * kStep + group * KEYS) * kPitch +
                                                (lane % 8 + lane / 16 * 8) * kPitch + lane / 8 % 2 * 8);
      float score[ROW_TILES][kScoreTiles][4] = {};
#pragma unroll
      for (int kk = 0; kk < kSize / 16; ++kk) {
        unsigned a[ROW_TILES][4];
#pragma unroll
        for (int r = 0; r < ROW_TILES; ++r) {
          if constexpr (kHoldQ) {
#pragma unroll
            for (int e = 0; e < 4; ++e) a[r][e] = query[r][kk][e];
          } else {
            load_matrices(a[r], q_address + (r * 16 * kPitchQ + kk * 16) * 2);
          }
        }
#pragma unroll
        for (int n = 0; n < kScoreTiles / 2; ++n) {
          unsigned b[4];
          load_matrices(b, k_address + (n * 16 * kPitch + kk * 16) * 2);
#pragma unroll
          for (int r = 0; r < ROW_TILES; ++r) {
            Mma<T>::run(score[r][2 * n], a[r], b[0], b[1]);
            Mma<T>::run(score[r][2 * n + 1], a[r], b[2], b[3]);
          }
        }
      }
      // With a mask, keys behind the last one are masked already.
      const bool edge = (MASK == 0 && key0 + KEYS > p.keys) || (p.causal != 0 && key0 + KEYS - 1 > q0 + row0);
#pragma unroll
      for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
        for (int h = 0; h < 2; ++h) {
#if MASK != 0 && STAGED_MASK
          const float* const added =
              mask_tile + (row0 + r * 16 + h * 8 + lane / 4) * mask_pitch + group * KEYS + lane % 4 * 2;
#elif MASK != 0
          if constexpr (ROW_TILES > 1)
            if (r + h == 0 || !same_mask) load_mask(added[0], p, mask_row(r, h), key0 + lane % 4 * 2);
#endif
#pragma unroll
          for (int n = 0; n < kScoreTiles; ++n) {
#if MASK != 0 && STAGED_MASK
            const Vec<float, 2> more = *reinterpret_cast<const Vec<float, 2>*>(added + n * 8);
#elif MASK != 0
            Vec<float, 2> more;
#pragma unroll
            for (int e = 0; e < 2; ++e)
              more.v[e] = h == 1 && kMaskOf1 == 1 && !same_mask ? added[kMaskOf1][n][e] : added[0][n][e];
#endif
#pragma unroll
            for (int e = 0; e < 2; ++e) {
              [[maybe_unused]] float& s = score[r][n][2 * h + e];
#if MASK != 0
              s = more.v[e] == -kInfinity ? -kInfinity : fmaf(s, scale, more.v[e]);
#elif !RAW_SCORES
              s *= scale;
#endif
            }
          }
          if (edge) {
            const int q = q0 + row0 + r * 16 + h * 8 + lane / 4;
            const int end = min_int(p.keys, p.causal != 0 ? q + 1 : p.keys) - key0 - lane % 4 * 2;
#pragma unroll
            for (int n = 0; n < kScoreTiles; ++n)
#pragma unroll
              for (int e = 0; e < 2; ++e)
                if (n * 8 + e >= end) score[r][n][2 * h + e] = -kInfinity;
          }
          float top = -kInfinity;
#pragma unroll
          for (int n = 0; n < kScoreTiles; ++n)
            top = x_max(top, x_max(score[r][n][2 * h], score[r][n][2 * h + 1]));
          top = x_max(top, __shfl_xor_sync(0xffffffffu, top, 1));
          top = x_max(top, __shfl_xor_sync(0xffffffffu, top, 2));
          const float unit = RAW_SCORES ? scale : 1.0f;
          const float next = x_max(most[r][h], top), shift = next == -kInfinity ? 0.0f : next * unit;
          const float keep = power_of_2(fmaf(most[r][h], unit, -shift));
          most[r][h] = next;
          float part = 0.0f;
#pragma unroll
          for (int n = 0; n < kScoreTiles; ++n) {
            const float low = power_of_2(fmaf(score[r][n][2 * h], unit, -shift));
            const float high = power_of_2(fmaf(score[r][n][2 * h + 1], unit, -shift));
            part += low + high;
            weight[r][n][h] = Mma<T>::pack(low, high);
          }
          total[r][h] = fmaf(total[r][h], keep, part);
#pragma unroll
          for (int n = 0; n < kSumTiles; ++n) sum[r][n][2 * h] *= keep, sum[r][n][2 * h + 1] *= keep;
        }
    }

    if constexpr (STAGES == 1) {
      copy_async_wait<0>();
      __syncthreads();
      load_keys(step + 1);
    } else {
      copy_async_wait<2 * (STAGES - 1)>();
      __syncthreads();
    }
    if (active) {
      const unsigned v_address = shared_address(v_tiles + (step % STAGES * kStep + group * KEYS) * kPitchV +
                                                (lane % 8 + lane / 8 % 2 * 8) * kPitchV + lane / 16 * 8);
      add_values<kPitchV>(sum, weight, v_address);
    }
  }
  copy_async_wait<0>();
#pragma unroll
  for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      total[r][h] += __shfl_xor_sync(0xffffffffu, total[r][h], 1);
      total[r][h] += __shfl_xor_sync(0xffffffffu, total[r][h], 2);
    }

  // The result takes the place of the queries, and leaves from there in whole rows. A query that may see no key gets
  // zeros.
  const auto put = [&](int r, int h, int n, float low, float high) {
    *reinterpret_cast<unsigned*>(q_tile + (row0 + r * 16 + h * 8 + lane / 4) * kPitchQ + n * 8 + lane % 4 * 2) =
        Mma<T>::pack(low, high);
  };
  if constexpr (GROUPS == 1) {
    if (steps == 0) __syncthreads();  // the queries may still arrive
#pragma unroll
    for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const float factor = total[r][h] == 0.0f ? 0.0f : 1.0f / total[r][h];
#pragma unroll
        for (int n = 0; n < kSumTiles; ++n) put(r, h, n, sum[r][n][2 * h] * factor, sum[r][n][2 * h + 1] * factor);
      }
    __syncwarp();
  } else {
    // Each thread leaves its numbers where the same thread of another group finds them.
    constexpr int kOf = WARPS * 32;
    float* const parts = reinterpret_cast<float*>(k_tiles) + threadIdx.x % kOf;
    constexpr int kNumbers = ROW_TILES * (kSumTiles * 4 + 4);
    const auto number = [&](int g, int i) -> float& { return parts[(g * kNumbers + i) * kOf]; };
    __syncthreads();  // the last step's keys and values are done with
#pragma unroll
    for (int r = 0; r < ROW_TILES; ++r) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        number(group, r * 4 + h) = most[r][h];
        number(group, r * 4 + 2 + h) = total[r][h];
      }
#pragma unroll
      for (int n = 0; n < kSumTiles; ++n)
#pragma unroll
        for (int e = 0; e < 4; ++e) number(group, ROW_TILES * 4 + (r * kSumTiles + n) * 4 + e) = sum[r][n][e];
    }
    __syncthreads();
#pragma unroll
    for (int r = 0; r < ROW_TILES; ++r)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float top = -kInfinity, all = 0.0f, share[GROUPS];
#pragma unroll
        for (int g = 0; g < GROUPS; ++g) top = x_max(top, number(g, r * 4 + h));
        const float unit = RAW_SCORES ? scale : 1.0f, shift = top == -kInfinity ? 0.0f : top * unit;
#pragma unroll
        for (int g = 0; g < GROUPS; ++g) {
          share[g] = power_of_2(fmaf(number(g, r * 4 + h), unit, -shift));
          all = fmaf(number(g, r * 4 + 2 + h), share[g], all);
        }
        const float factor = all == 0.0f ? 0.0f : 1.0f / all;
        for (int n = group; n < kSumTiles; n += GROUPS) {
          float low = 0.0f, high = 0.0f;
#pragma unroll
          for (int g = 0; g < GROUPS; ++g) {
            const int at = ROW_TILES * 4 + (r * kSumTiles + n) * 4 + 2 * h;
            low = fmaf(number(g, at), share[g], low);
            high = fmaf(number(g, at + 1), share[g], high);
          }
          put(r, h, n, low * factor, high * factor);
        }
      }
    __syncthreads();
  }
  // Each warp its own rows; of a group, the warps of all groups share them.
  constexpr int kChunks = SIZE_V / 8;
  T* const y = static_cast<T*>(p.y) + batch * p.y_batch + head * p.y_head + (q0 + row0) * p.y_row;
  for (int i = group * 32 + lane; i < kRows * kChunks; i += GROUPS * 32) {
    const int row = i / kChunks, column = i % kChunks * 8;
    if (q0 + row0 + row < p.queries)
      *reinterpret_cast<Vec<unsigned, 4>*>(y + row * p.y_row + column) =
          *reinterpret_cast<const Vec<unsigned, 4>*>(q_tile + (row0 + row) * kPitchQ + column);
  }
}
