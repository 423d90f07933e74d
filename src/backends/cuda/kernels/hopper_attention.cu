// SPDX-License-Identifier: Apache-2.0
// Attention forward in one pass over the keys by wgmma, for sm_90a and 2-byte types. A warpgroup holds 64 queries; the
// products of the next scores run while the last weights meet their values and the next softmax is computed.
// Given: T, SIZE (of a head: 64 or 128, of Q, K and V alike), MASK, MASK_T, RAW_SCORES (1: no mask and a scale above
// zero, so that the largest product is the largest score), WARPGROUPS, KEYS (of a step), MIN_BLOCKS (of a
// multiprocessor, what registers shall allow), SCORES(d, a, b, more) and VALUES(d, a, b, more): one wgmma of 64 x KEYS x
// 16 with both operands in shared memory, and one of 64 x 64 x 16 with the left one in registers, the right one by rows.
#if __CUDA_ARCH__ >= 900
using Params = ingot_cuda::AttentionParams;

constexpr int kRowBytes = 128;  // of shared memory: 64 elements; a row of a head is SIZE / 64 of them, in as many blocks
constexpr int kBlocks = SIZE / 64, kQueries = WARPGROUPS * 64, kThreads = WARPGROUPS * 128;
constexpr int kQueryBytes = kQueries * kBlocks * kRowBytes, kKeyBytes = KEYS * kBlocks * kRowBytes;
constexpr int kPairs = KEYS / 8;

INGOT_INLINE void fence_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
INGOT_INLINE void products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
INGOT_INLINE void products_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int N>
INGOT_INLINE void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

// Rows of 128 bytes, swizzled in groups of 8.
INGOT_INLINE unsigned long long matrix(unsigned at) {
  return (1ULL << 62) | (64ULL << 32) | (1ULL << 16) | static_cast<unsigned long long>((at & 0x3ffffu) >> 4);
}

// Rows of a head into shared memory as wgmma reads them; zeros behind the last row.
template <int ROWS>
INGOT_INLINE void load_tile(unsigned to, const T* from, long long row_stride, int rows) {
  constexpr int kAtOnce = kThreads / 8;
  const int row0 = static_cast<int>(threadIdx.x) / 8, column = static_cast<int>(threadIdx.x) % 8;
  const T* at = from + row0 * row_stride + column * 8;
  const unsigned to_row = to + row0 * kRowBytes + ((column ^ (row0 & 7)) << 4);
#pragma unroll
  for (int row = 0; row < ROWS; row += kAtOnce) {
    if (ROWS % kAtOnce != 0 && row0 + row >= ROWS) break;
    const bool ok = row0 + row < rows;
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
      copy_async_16(to_row + (block * ROWS + row) * kRowBytes, ok ? at + block * 64 : from, ok);
    at += kAtOnce * row_stride;
  }
}

extern "C" __global__ void __launch_bounds__(kThreads, MIN_BLOCKS) hopper_attention(const __grid_constant__ Params p) {
  begin_dependent();
  extern __shared__ __align__(128) unsigned char shared[];
  const unsigned q_tile = (shared_address(shared) + 1023u) & ~1023u;
  const unsigned k_tiles = q_tile + kQueryBytes, v_tiles = k_tiles + 2 * kKeyBytes;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int q0 = static_cast<int>(blockIdx.x) * kQueries, row0 = static_cast<int>(threadIdx.x) / 32 * 16;
  const int head = static_cast<int>(blockIdx.y), batch = static_cast<int>(blockIdx.z);
  const int kv = p.heads_per_kv == 1 ? head : head / p.heads_per_kv;
  const T* from_q = static_cast<const T*>(p.q) + batch * p.q_batch + head * p.q_head + q0 * p.q_row;
  const T* from_k = static_cast<const T*>(p.k) + batch * p.k_batch + kv * p.k_head;
  const T* from_v = static_cast<const T*>(p.v) + batch * p.v_batch + kv * p.v_head;
  const int visible = p.causal != 0 ? min_int(p.keys, q0 + kQueries) : p.keys;
  const int steps = (visible + KEYS - 1) / KEYS;
  const auto load_keys = [&](int step) {
    if (step < steps)
      load_tile<KEYS>(k_tiles + step % 2 * kKeyBytes, from_k + step * KEYS * p.k_row, p.k_row, p.keys - step * KEYS);
  };
  const auto load_values = [&](int step) {
    if (step < steps)
      load_tile<KEYS>(v_tiles + step % 2 * kKeyBytes, from_v + step * KEYS * p.v_row, p.v_row, p.keys - step * KEYS);
  };
  load_tile<kQueries>(q_tile, from_q, p.q_row, p.queries - q0);
  load_keys(0);
  copy_async_commit();
  load_values(0);
  load_keys(1);
  copy_async_commit();

  const float scale = p.scale * kLog2E;
  // Uninitialised: the first products overwrite them, so that no other instruction ever defines a register of theirs.
  float sum[kBlocks][32], score[KEYS / 2];
  // Row h of a thread: lane / 4 + 8 h of its warp's 16. `most` is in units of the products with RAW_SCORES, otherwise of
  // scores.
  float most[2] = {-kInfinity, -kInfinity}, total[2] = {0.0f, 0.0f}, keep[2];
  unsigned weight[KEYS / 16][4], next[KEYS / 16][4];  // as left operands
#if MASK != 0
  const MASK_T* mask = static_cast<const MASK_T*>(p.mask) + batch % p.mask_batches * p.mask_batch + head * p.mask_head;
  const auto mask_row = [&](int h) { return mask + min_int(q0 + row0 + h * 8 + lane / 4, p.queries - 1) * p.mask_row; };
  float added[kPairs][2];
#endif
  const auto begin_mask = [&]([[maybe_unused]] int step) {
#if MASK != 0
    load_mask(added, p, mask_row(0), step * KEYS + lane % 4 * 2);
#endif
  };
  const auto multiply_keys = [&](int step) {
    const unsigned long long a = matrix(q_tile + static_cast<int>(threadIdx.x) / 128 * 64 * kRowBytes);
    const unsigned long long b = matrix(k_tiles + step % 2 * kKeyBytes);
#pragma unroll
    for (int kk = 0; kk < SIZE / 16; ++kk)
      SCORES(score, a + kk / 4 * (kQueries * kRowBytes / 16) + kk % 4 * 2,
             b + kk / 4 * (KEYS * kRowBytes / 16) + kk % 4 * 2, kk);
    products_commit();
  };
  const auto multiply_values = [&](int step, const unsigned (&weight)[KEYS / 16][4]) {
    const unsigned long long b = matrix(v_tiles + step % 2 * kKeyBytes);
#pragma unroll
    for (int kk = 0; kk < KEYS / 16; ++kk)
#pragma unroll
      for (int block = 0; block < kBlocks; ++block)
        VALUES(sum[block], weight[kk], b + block * (KEYS * kRowBytes / 16) + kk * 16 * kRowBytes / 16, step + kk);
    products_commit();
  };
  const auto soften = [&](int step, unsigned (&to)[KEYS / 16][4]) {
    const int key0 = step * KEYS;
    // With a mask, keys behind the last one are masked already.
    const bool edge = (MASK == 0 && key0 + KEYS > p.keys) || (p.causal != 0 && key0 + KEYS - 1 > q0 + row0);
#pragma unroll
    for (int h = 0; h < 2; ++h) {
#if MASK != 0
      if (h == 1 && p.mask_row != 0) load_mask(added, p, mask_row(1), key0 + lane % 4 * 2);
#endif
#pragma unroll
      for (int n = 0; n < kPairs; ++n)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          [[maybe_unused]] float& s = score[n * 4 + 2 * h + e];
#if MASK != 0
          s = added[n][e] == -kInfinity ? -kInfinity : fmaf(s, scale, added[n][e]);
#elif !RAW_SCORES
          s *= scale;
#endif
        }
      if (edge) {
        const int q = q0 + row0 + h * 8 + lane / 4;
        const int end = min_int(p.keys, p.causal != 0 ? q + 1 : p.keys) - key0 - lane % 4 * 2;
#pragma unroll
        for (int n = 0; n < kPairs; ++n)
#pragma unroll
          for (int e = 0; e < 2; ++e)
            if (n * 8 + e >= end) score[n * 4 + 2 * h + e] = -kInfinity;
      }
      float top = -kInfinity;
#pragma unroll
      for (int n = 0; n < kPairs; ++n) top = x_max(top, x_max(score[n * 4 + 2 * h], score[n * 4 + 2 * h + 1]));
      top = x_max(top, __shfl_xor_sync(0xffffffffu, top, 1));
      top = x_max(top, __shfl_xor_sync(0xffffffffu, top, 2));
      const float unit = RAW_SCORES ? scale : 1.0f;
      const float now = x_max(most[h], top), shift = now == -kInfinity ? 0.0f : now * unit;
      keep[h] = power_of_2(fmaf(most[h], unit, -shift));
      most[h] = now;
      float part = 0.0f;
#pragma unroll
      for (int n = 0; n < kPairs; ++n) {
        const float low = power_of_2(fmaf(score[n * 4 + 2 * h], unit, -shift));
        const float high = power_of_2(fmaf(score[n * 4 + 2 * h + 1], unit, -shift));
        part += low + high;
        to[n / 2][n % 2 * 2 + h] = Mma<T>::pack(low, high);
      }
      total[h] = fmaf(total[h], keep[h], part);
    }
  };

  copy_async_wait<1>();
  fence_async();
  __syncthreads();
  products_begin();
  multiply_keys(0);
  begin_mask(0);
  products_wait<0>();
  soften(0, weight);
  // The values of `step` and the scores of the next; weights from one array to the other.
  const auto advance = [&](int step, const unsigned (&from)[KEYS / 16][4], unsigned (&to)[KEYS / 16][4]) {
    copy_async_wait<0>();
    fence_async();
    __syncthreads();
    // Every warpgroup is done with this step's keys and the values before.
    load_values(step + 1);
    load_keys(step + 2);
    copy_async_commit();
    products_begin();
    multiply_keys(step + 1);
    products_begin();
    multiply_values(step, from);
    begin_mask(step + 1);
    products_wait<1>();
    soften(step + 1, to);
    products_wait<0>();
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
#pragma unroll
      for (int i = 0; i < 32; ++i) sum[block][i] *= keep[i / 2 % 2];
  };
  const auto finish = [&](int step, const unsigned (&from)[KEYS / 16][4]) {
    copy_async_wait<0>();
    fence_async();
    __syncthreads();
    products_begin();
    multiply_values(step, from);
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
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    total[h] += __shfl_xor_sync(0xffffffffu, total[h], 1);
    total[h] += __shfl_xor_sync(0xffffffffu, total[h], 2);
    const float factor = total[h] == 0.0f ? 0.0f : 1.0f / total[h];
    const auto scaled = [&](float v) { return total[h] == 0.0f ? 0.0f : v * factor; };
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
#pragma unroll
      for (int n = 0; n < 8; ++n)
        *reinterpret_cast<unsigned*>(place(h * 8 + lane / 4, block * 8 + n) + lane % 4 * 4) =
            Mma<T>::pack(scaled(sum[block][n * 4 + 2 * h]), scaled(sum[block][n * 4 + 2 * h + 1]));
  }
  __syncwarp();
  constexpr int kChunks = SIZE / 8;
  T* const y = static_cast<T*>(p.y) + batch * p.y_batch + head * p.y_head + (q0 + row0) * p.y_row;
#pragma unroll
  for (int i = lane; i < 16 * kChunks; i += 32) {
    const int row = i / kChunks, chunk = i % kChunks;
    if (q0 + row0 + row < p.queries)
      *reinterpret_cast<Vec<unsigned, 4>*>(y + row * p.y_row + chunk * 8) =
          *reinterpret_cast<const Vec<unsigned, 4>*>(place(row, chunk));
  }
}
#endif
