// SPDX-License-Identifier: Apache-2.0
// What attention by wgmma is made of: tiles of heads in shared memory, and the softmax of the two rows of scores that a
// thread has a part of. Given: T, SIZE (of a head: 64 or 128, of Q, K and V alike), MASK, MASK_T, RAW_SCORES (1: no
// mask and a scale above zero, so that the largest product is the largest score), KEYS (of a step).
constexpr int kRowBytes =
    128;  // of shared memory: 64 elements; a row of a head is SIZE / 64 of them, in as many blocks
constexpr int kBlocks = SIZE / 64, kKeyBytes = KEYS * kBlocks * kRowBytes, kPairs = KEYS / 8;

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

// Rows of a head into shared memory as wgmma reads them, by THREADS threads; zeros behind the last row.
template <int ROWS, int THREADS>
INGOT_INLINE void load_tile(unsigned to, const T* from, long long row_stride, int rows, int thread) {
  constexpr int kAtOnce = THREADS / 8;
  const int row0 = thread / 8, column = thread % 8;
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

// A block's queries, from q0 on, of its head and batch entry, with the keys and values that they meet.
struct HeadOperands {
  int head = static_cast<int>(blockIdx.y), batch = static_cast<int>(blockIdx.z);
  const T *q, *k, *v;
  int steps;  // of the keys that any of `queries` may see

  INGOT_INLINE HeadOperands(const ingot_cuda::AttentionParams& p, int q0, int queries) {
    const int kv = p.heads_per_kv == 1 ? head : head / p.heads_per_kv;
    q = static_cast<const T*>(p.q) + batch * p.q_batch + head * p.q_head + q0 * p.q_row;
    k = static_cast<const T*>(p.k) + batch * p.k_batch + kv * p.k_head;
    v = static_cast<const T*>(p.v) + batch * p.v_batch + kv * p.v_head;
    steps = ((p.causal != 0 ? min_int(p.keys, q0 + queries) : p.keys) + KEYS - 1) / KEYS;
  }
};

#if MASK != 0
// Two keys' values of the mask as one register or two: taken apart where they come, they would be waited for there,
// ahead of the loads behind them.
template <int BYTES>
struct MaskWord {
  using Type = unsigned;
};
template <>
struct MaskWord<2> {
  using Type = unsigned short;
};
template <>
struct MaskWord<8> {
  using Type = unsigned long long;
};
using MaskPair = typename MaskWord<2 * sizeof(MASK_T)>::Type;
#endif

// Row h of a thread: lane / 4 + 8 h of its warp's 16, which begin at `warp_row` of the queries.
struct Softmax {
  // `most` is in units of the products with RAW_SCORES, otherwise of scores.
  float most[2] = {-kInfinity, -kInfinity}, total[2] = {0.0f, 0.0f}, keep[2];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp_row;
#if MASK != 0
  const MASK_T* mask;
  MaskPair added[kPairs];

  INGOT_INLINE Softmax(const ingot_cuda::AttentionParams& p, int batch, int head, int row) : warp_row(row) {
    mask = static_cast<const MASK_T*>(p.mask) + batch % p.mask_batches * p.mask_batch + head * p.mask_head;
  }
  // Behind the last key: any other's value, since those keys are hidden.
  INGOT_INLINE void load_row(const ingot_cuda::AttentionParams& p, int h, int key0) {
    const MASK_T* const row = mask + min_int(warp_row + h * 8 + lane / 4, p.queries - 1) * p.mask_row;
    const int begin = key0 + lane % 4 * 2;
    if (p.mask_pairs != 0) {
#pragma unroll
      for (int n = 0; n < kPairs; ++n)
        added[n] = *reinterpret_cast<const MaskPair*>(row + min_int(begin + n * 8, p.keys - 2));
    } else {
#pragma unroll
      for (int n = 0; n < kPairs; ++n) {
        const int k = begin + n * 8;
        const Vec<MASK_T, 2> pair{{row[min_int(k, p.keys - 1)], row[min_int(k + 1, p.keys - 1)]}};
        added[n] = reinterpret_cast<const MaskPair&>(pair);
      }
    }
  }
  // The first row's, on its way while products run.
  INGOT_INLINE void begin_mask(const ingot_cuda::AttentionParams& p, int key0) { load_row(p, 0, key0); }
#else
  INGOT_INLINE Softmax(const ingot_cuda::AttentionParams&, int, int, int row) : warp_row(row) {}
  INGOT_INLINE void begin_mask(const ingot_cuda::AttentionParams&, int) {}
#endif

  static INGOT_INLINE float unit(float scale) { return RAW_SCORES ? scale : 1.0f; }

  // What the mask adds to row h's scores; keys that it hides cannot be seen whatever their score.
  INGOT_INLINE void add_mask([[maybe_unused]] float scale, [[maybe_unused]] int h,
                             [[maybe_unused]] float (&score)[KEYS / 2]) const {
#pragma unroll
    for (int n = 0; n < kPairs; ++n) {
#if MASK != 0
      const MaskPair word = added[n];
      const Vec<MASK_T, 2>& pair = reinterpret_cast<const Vec<MASK_T, 2>&>(word);
#endif
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        [[maybe_unused]] float& s = score[n * 4 + 2 * h + e];
#if MASK == 1
        s = fmaf(s, scale, mask_value(pair.v[e]));
#elif MASK == 2
        s = pair.v[e] ? s * scale : -kInfinity;
#elif !RAW_SCORES
        s *= scale;
#endif
      }
    }
  }
  // Keys behind the last one, and those that a causal query may not see.
  INGOT_INLINE void hide_keys(const ingot_cuda::AttentionParams& p, int key0, float (&score)[KEYS / 2]) const {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int q = warp_row + h * 8 + lane / 4;
      const int end = min_int(p.keys, p.causal != 0 ? q + 1 : p.keys) - key0 - lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < kPairs; ++n)
#pragma unroll
        for (int e = 0; e < 2; ++e)
          if (n * 8 + e >= end) score[n * 4 + 2 * h + e] = -kInfinity;
    }
  }

  // Scores of the keys from `key0` on become weights, left operands of the next products. `keep` is what the sums of
  // the steps before are to be multiplied by. `scale` is to base 2. Both rows together, without a branch between them:
  // what one waits for, the other hides.
  INGOT_INLINE void soften(const ingot_cuda::AttentionParams& p, float scale, int key0, float (&score)[KEYS / 2],
                           unsigned (&to)[KEYS / 16][4]) {
    add_mask(scale, 0, score);
#if MASK != 0
    if (p.mask_row != 0) load_row(p, 1, key0);
#endif
    add_mask(scale, 1, score);
    if (key0 + KEYS > p.keys || (p.causal != 0 && key0 + KEYS - 1 > warp_row)) hide_keys(p, key0, score);
    float top[2] = {-kInfinity, -kInfinity}, part[2] = {0.0f, 0.0f}, shift[2];
#pragma unroll
    for (int n = 0; n < kPairs; ++n)
#pragma unroll
      for (int h = 0; h < 2; ++h) top[h] = x_max(top[h], x_max(score[n * 4 + 2 * h], score[n * 4 + 2 * h + 1]));
#pragma unroll
    for (int other = 1; other < 4; other *= 2)
#pragma unroll
      for (int h = 0; h < 2; ++h) top[h] = x_max(top[h], __shfl_xor_sync(0xffffffffu, top[h], other));
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float now = x_max(most[h], top[h]);
      shift[h] = now == -kInfinity ? 0.0f : now * unit(scale);
      keep[h] = power_of_2(fmaf(most[h], unit(scale), -shift[h]));
      most[h] = now;
    }
#pragma unroll
    for (int n = 0; n < kPairs; ++n)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const float low = power_of_2(fmaf(score[n * 4 + 2 * h], unit(scale), -shift[h]));
        const float high = power_of_2(fmaf(score[n * 4 + 2 * h + 1], unit(scale), -shift[h]));
        part[h] += low + high;
        to[n / 2][n % 2 * 2 + h] = Mma<T>::pack(low, high);
      }
#pragma unroll
    for (int h = 0; h < 2; ++h) total[h] = fmaf(total[h], keep[h], part[h]);
  }

  INGOT_INLINE void keep_sums(float (&sum)[kBlocks][32]) const {
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
#pragma unroll
      for (int i = 0; i < 32; ++i) sum[block][i] *= keep[i / 2 % 2];
  }
  // Over the four threads of a row, at the end.
  INGOT_INLINE void add_totals() {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      total[h] += __shfl_xor_sync(0xffffffffu, total[h], 1);
      total[h] += __shfl_xor_sync(0xffffffffu, total[h], 2);
    }
  }
};

// One step's products: scores of 64 queries, and weights times values.
INGOT_INLINE void multiply_keys(float (&score)[KEYS / 2], unsigned q_rows, unsigned q_block, unsigned k_tile) {
  const unsigned long long a = matrix(q_rows), b = matrix(k_tile);
#pragma unroll
  for (int kk = 0; kk < SIZE / 16; ++kk)
    SCORES(score, a + kk / 4 * (q_block / 16) + kk % 4 * 2, b + kk / 4 * (KEYS * kRowBytes / 16) + kk % 4 * 2, kk);
  products_commit();
}
INGOT_INLINE void multiply_values(float (&sum)[kBlocks][32], const unsigned (&weight)[KEYS / 16][4], unsigned v_tile,
                                  int more) {
  const unsigned long long b = matrix(v_tile);
#pragma unroll
  for (int kk = 0; kk < KEYS / 16; ++kk)
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
      VALUES(sum[block], weight[kk], b + block * (KEYS * kRowBytes / 16) + kk * 16 * kRowBytes / 16, more + kk);
  products_commit();
}
