// SPDX-License-Identifier: Apache-2.0
// Attention forward in one pass over the keys (online softmax). Given: T, SIZE and SIZE_V (head sizes), MASK (0 none,
// 1 added, 2 boolean: true may be seen), MASK_T. Entries: `attention_tiles` (2-byte types: tensor cores, 16 queries for
// each of WARPS; SIZE and SIZE_V multiples of 16 up to 128), `attention_rows` (a warp per query, any size up to 256).
using Params = ingot_cuda::AttentionParams;

constexpr float kLog2E = 1.4426950408889634f;  // tiles take exponentials to base 2

INGOT_INLINE float masked(const Params& p, float score, const MASK_T* mask, int q, int k) {
  if (p.causal != 0 && k > q) return -kInfinity;
#if MASK == 1
  return score + load_value(mask[q * p.mask_row + k * p.mask_column]);
#elif MASK == 2
  return mask[q * p.mask_row + k * p.mask_column] ? score : -kInfinity;
#else
  return score;
#endif
}

// What the mask adds to a score, to base 2; minus infinity: not to be seen.
INGOT_INLINE float mask_value(const Params& p, const MASK_T* mask, int q, int k) {
  if (p.causal != 0 && k > q) return -kInfinity;
#if MASK == 1
  return load_value(mask[q * p.mask_row + k * p.mask_column]) * kLog2E;
#elif MASK == 2
  return mask[q * p.mask_row + k * p.mask_column] ? 0.0f : -kInfinity;
#else
  return 0.0f;
#endif
}

// A query that may see no key gets zeros.
INGOT_INLINE float quotient(float sum, float total) { return total == 0.0f ? 0.0f : sum / total; }

#ifndef TENSOR_CORES
extern "C" __global__ void __launch_bounds__(128) attention_rows(const __grid_constant__ Params p) {
  begin_dependent();
  constexpr int kPer = (SIZE + 31) / 32, kPerV = (SIZE_V + 31) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int q = static_cast<int>(blockIdx.x) * 4 + static_cast<int>(threadIdx.x) / 32;
  if (q >= p.queries) return;
  const int head = static_cast<int>(blockIdx.y) % p.heads, batch = static_cast<int>(blockIdx.y) / p.heads;
  const int kv = head / p.heads_per_kv;
  const T* from_q = static_cast<const T*>(p.q) + batch * p.q_batch + head * p.q_head + q * p.q_row;
  const T* from_k = static_cast<const T*>(p.k) + batch * p.k_batch + kv * p.k_head;
  const T* from_v = static_cast<const T*>(p.v) + batch * p.v_batch + kv * p.v_head;
  const MASK_T* mask = static_cast<const MASK_T*>(p.mask) + batch % p.mask_batches * p.mask_batch + head * p.mask_head;
  float query[kPer], sum[kPerV] = {}, most = -kInfinity, total = 0.0f;
#pragma unroll
  for (int i = 0; i < kPer; ++i) query[i] = i * 32 + lane < SIZE ? load_value(from_q[i * 32 + lane]) : 0.0f;
  for (int k = 0; k < p.keys; ++k) {
    float score = 0.0f;
#pragma unroll
    for (int i = 0; i < kPer; ++i)
      if (i * 32 + lane < SIZE) score = fmaf(query[i], load_value(from_k[k * p.k_row + i * 32 + lane]), score);
    score = masked(p, warp_sum(score) * p.scale, mask, q, k);
    if (score == -kInfinity) continue;
    const float next = x_max(most, score);
    const float keep = expf(most - next), weight = expf(score - next);
    most = next;
    total = total * keep + weight;
#pragma unroll
    for (int i = 0; i < kPerV; ++i)
      if (i * 32 + lane < SIZE_V)
        sum[i] = fmaf(weight, load_value(from_v[k * p.v_row + i * 32 + lane]), sum[i] * keep);
  }
  T* y = static_cast<T*>(p.y) + batch * p.y_batch + head * p.y_head + q * p.y_row;
#pragma unroll
  for (int i = 0; i < kPerV; ++i)
    if (i * 32 + lane < SIZE_V) y[i * 32 + lane] = store_value<T>(quotient(sum[i], total));
}
#else
INGOT_INLINE unsigned pack(float low, float high) {
  return static_cast<unsigned>(store_value<T>(low).bits) | static_cast<unsigned>(store_value<T>(high).bits) << 16;
}

constexpr int kQueries = WARPS * 16, kKeys = 64, kThreads = WARPS * 32;

INGOT_INLINE float power_of_2(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
constexpr int kPitch = SIZE + 8, kPitchV = SIZE_V + 8;

// Rows of `count` columns into shared memory, zeros behind the last row.
template <int ROWS, int COUNT, int PITCH>
INGOT_INLINE void load_tile(T* to, const T* from, long long row_stride, int rows) {
  constexpr int kChunks = COUNT / 8;
  for (int i = static_cast<int>(threadIdx.x); i < ROWS * kChunks; i += kThreads) {
    const int row = i / kChunks, column = i % kChunks * 8;
    const bool ok = row < rows;
    copy_async_16(shared_address(to + row * PITCH + column), ok ? from + row * row_stride + column : from, ok);
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) attention_tiles(const __grid_constant__ Params p) {
  begin_dependent();
  extern __shared__ __align__(128) unsigned char shared[];
  T* const q_tile = reinterpret_cast<T*>(shared);
  T* const k_tile = q_tile + kQueries * kPitch;
  T* const v_tile = k_tile + 2 * kKeys * kPitch;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int q0 = static_cast<int>(blockIdx.x) * kQueries;
  const int head = static_cast<int>(blockIdx.y) % p.heads, batch = static_cast<int>(blockIdx.y) / p.heads;
  const int kv = head / p.heads_per_kv;
  const T* from_q = static_cast<const T*>(p.q) + batch * p.q_batch + head * p.q_head + q0 * p.q_row;
  const T* from_k = static_cast<const T*>(p.k) + batch * p.k_batch + kv * p.k_head;
  const T* from_v = static_cast<const T*>(p.v) + batch * p.v_batch + kv * p.v_head;
  const MASK_T* mask = static_cast<const MASK_T*>(p.mask) + batch % p.mask_batches * p.mask_batch + head * p.mask_head;
  const int visible = p.causal != 0 ? min_int(p.keys, q0 + kQueries) : p.keys;
  const int tiles = (visible + kKeys - 1) / kKeys;

  load_tile<kQueries, SIZE, kPitch>(q_tile, from_q, p.q_row, p.queries - q0);
  load_tile<kKeys, SIZE, kPitch>(k_tile, from_k, p.k_row, p.keys);
  load_tile<kKeys, SIZE_V, kPitchV>(v_tile, from_v, p.v_row, p.keys);
  copy_async_commit();

  const float scale = p.scale * kLog2E;
  float sum[SIZE_V / 8][4] = {};
  float most[2] = {-kInfinity, -kInfinity}, total[2] = {0.0f, 0.0f};
  for (int t = 0; t < tiles; ++t) {
    const int slot = t % 2;
    if (t + 1 < tiles) {
      const int next = (t + 1) * kKeys;
      load_tile<kKeys, SIZE, kPitch>(k_tile + (1 - slot) * kKeys * kPitch, from_k + next * p.k_row, p.k_row, p.keys - next);
      load_tile<kKeys, SIZE_V, kPitchV>(v_tile + (1 - slot) * kKeys * kPitchV, from_v + next * p.v_row, p.v_row,
                                 p.keys - next);
    }
    copy_async_commit();
#if MASK != 0
    // The mask arrives while the keys do.
    float added[kKeys / 8][4];
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int q = q0 + warp * 16 + lane / 4 + e / 2 * 8, k = t * kKeys + n * 8 + lane % 4 * 2 + e % 2;
        added[n][e] = k < p.keys && q < p.queries ? mask_value(p, mask, q, k) : -kInfinity;
      }
#endif
    copy_async_wait<1>();
    __syncthreads();
    const T* keys = k_tile + slot * kKeys * kPitch;
    const T* values = v_tile + slot * kKeys * kPitchV;
    float score[kKeys / 8][4] = {};
#pragma unroll
    for (int kk = 0; kk < SIZE; kk += 16) {
      unsigned a[4];
      load_matrices(a, shared_address(q_tile + (warp * 16 + lane % 16) * kPitch + kk + lane / 16 * 8));
#pragma unroll
      for (int n = 0; n < kKeys / 16; ++n) {
        unsigned b[4];
        load_matrices(b, shared_address(keys + (n * 16 + lane % 8 + lane / 16 * 8) * kPitch + kk + lane / 8 % 2 * 8));
        Mma<T>::run(score[2 * n], a, b[0], b[1]);
        Mma<T>::run(score[2 * n + 1], a, b[2], b[3]);
      }
    }
    // Row h of a thread: lane / 4 + 8 h of the warp's 16.
    float tile_most[2] = {-kInfinity, -kInfinity};
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
#if MASK != 0
        score[n][e] = added[n][e] == -kInfinity ? -kInfinity : fmaf(score[n][e], scale, added[n][e]);
#else
        const int q = q0 + warp * 16 + lane / 4 + e / 2 * 8, k = t * kKeys + n * 8 + lane % 4 * 2 + e % 2;
        score[n][e] = k < p.keys && (p.causal == 0 || k <= q) ? score[n][e] * scale : -kInfinity;
#endif
        tile_most[e / 2] = x_max(tile_most[e / 2], score[n][e]);
      }
    float keep[2], shift[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      tile_most[h] = x_max(tile_most[h], __shfl_xor_sync(0xffffffffu, tile_most[h], 1));
      tile_most[h] = x_max(tile_most[h], __shfl_xor_sync(0xffffffffu, tile_most[h], 2));
      const float next = x_max(most[h], tile_most[h]);
      shift[h] = next == -kInfinity ? 0.0f : next;
      keep[h] = power_of_2(most[h] - shift[h]);
      most[h] = next;
      total[h] *= keep[h];
    }
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        score[n][e] = power_of_2(score[n][e] - shift[e / 2]);
        total[e / 2] += score[n][e];
      }
#pragma unroll
    for (int n = 0; n < SIZE_V / 8; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) sum[n][e] *= keep[e / 2];
#pragma unroll
    for (int kk = 0; kk < kKeys / 16; ++kk) {
      const unsigned a[4] = {pack(score[2 * kk][0], score[2 * kk][1]), pack(score[2 * kk][2], score[2 * kk][3]),
                             pack(score[2 * kk + 1][0], score[2 * kk + 1][1]),
                             pack(score[2 * kk + 1][2], score[2 * kk + 1][3])};
#pragma unroll
      for (int n = 0; n < SIZE_V / 16; ++n) {
        unsigned b[4];
        load_matrices_transposed(
            b, shared_address(values + (kk * 16 + lane % 8 + lane / 8 % 2 * 8) * kPitchV + n * 16 + lane / 16 * 8));
        Mma<T>::run(sum[2 * n], a, b[0], b[1]);
        Mma<T>::run(sum[2 * n + 1], a, b[2], b[3]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    total[h] += __shfl_xor_sync(0xffffffffu, total[h], 1);
    total[h] += __shfl_xor_sync(0xffffffffu, total[h], 2);
    const int q = q0 + warp * 16 + lane / 4 + h * 8;
    if (q >= p.queries) continue;
    T* y = static_cast<T*>(p.y) + batch * p.y_batch + head * p.y_head + q * p.y_row;
#pragma unroll
    for (int n = 0; n < SIZE_V / 8; ++n)
      *reinterpret_cast<unsigned*>(y + n * 8 + lane % 4 * 2) =
          pack(quotient(sum[n][2 * h], total[h]), quotient(sum[n][2 * h + 1], total[h]));
  }
}
#endif
