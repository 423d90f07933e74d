// SPDX-License-Identifier: Apache-2.0
// Attention of few queries over many keys without tensor cores: any type, head size and alignment. Blocks and meetings:
// attention_parts.cuh. LANES threads have the columns of a key, in pieces of VECTOR elements, and go through AT_ONCE keys
// at a time, all of whose loads are on their way together.
// Given: T, SIZE and SIZE_V (head sizes), MASK (0 none, 1 added, 2 boolean: true may be seen), MASK_T, WARPS, ROWS,
// LANES, VECTOR, AT_ONCE.
constexpr int kThreads = WARPS * 32, kGroups = 32 / LANES, kSlots = WARPS * kGroups;
constexpr int kStride = LANES * VECTOR;  // from piece to piece of a thread
constexpr int kPieces = (SIZE + kStride - 1) / kStride, kPiecesV = (SIZE_V + kStride - 1) / kStride;
constexpr int kWords = VECTOR * sizeof(T) < 4 ? 1 : VECTOR * sizeof(T) / 4;

template <typename E>
INGOT_INLINE void load_piece(unsigned (&words)[kWords], const E* from, bool ok) {
  if constexpr (VECTOR * sizeof(E) == 2)
    words[0] = load_or_zero(from, ok).bits;
  else
    load_or_zero(words, from, ok);
}

// Over the lanes from FIRST to END apart.
template <int FIRST, int END>
INGOT_INLINE float lanes_sum(float v) {
#pragma unroll
  for (int offset = FIRST; offset < END; offset *= 2) v += __shfl_xor_sync(0xffffffffu, v, offset);
  return v;
}

extern "C" __global__ void __launch_bounds__(kThreads) attention_decode_lanes(const __grid_constant__ Params p) {
  begin_dependent();
  extern __shared__ __align__(128) unsigned char shared[];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int slot = warp * kGroups + lane / LANES, column = lane % LANES * VECTOR;
  const Work w = work_of_block<ROWS>(p);
  const int visible = keys_seen(p);
  const Share share = share_of(p, (visible + kSlots - 1) / kSlots, w.part);

  float query[ROWS][kPieces][VECTOR], sum[ROWS][kPiecesV][VECTOR] = {}, most[ROWS], total[ROWS];
  int end[ROWS];
  [[maybe_unused]] int mask_at[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
    const Row at = row_at(p, w, r);
    most[r] = -kInfinity, total[r] = 0.0f;
    end[r] = keys_seen(p, at);
    mask_at[r] = static_cast<int>(w.batch % p.mask_batches * p.mask_batch + at.head * p.mask_head +
                                  at.query * p.mask_row);
    const T* from = static_cast<const T*>(p.q) + w.batch * p.q_batch + at.head * p.q_head + at.query * p.q_row;
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      unsigned words[kWords];
      load_piece(words, from + column + i * kStride, column + i * kStride < SIZE);
#pragma unroll
      for (int e = 0; e < VECTOR; ++e) query[r][i][e] = load_value(Unpack<T>::at(words, e));
    }
  }
  const float scale = p.scale * kLog2E;
  const long long k_stride = kSlots * p.k_row, v_stride = kSlots * p.v_row;  // from key to key of a thread
  const long long key_first = static_cast<long long>(share.first) * kSlots + slot;
  const T* from_k = static_cast<const T*>(p.k) + w.batch * p.k_batch + w.kv * p.k_head + key_first * p.k_row + column;
  const T* from_v = static_cast<const T*>(p.v) + w.batch * p.v_batch + w.kv * p.v_head + key_first * p.v_row + column;

#pragma unroll 1
  for (int step = share.first; step < share.end; step += AT_ONCE) {
    unsigned keys[AT_ONCE][kPieces][kWords], values[AT_ONCE][kPiecesV][kWords];
    float score[AT_ONCE][ROWS];
#pragma unroll
    for (int j = 0; j < AT_ONCE; ++j) {
      const bool ok = step + j < share.end && (step + j) * kSlots + slot < visible;
#pragma unroll
      for (int i = 0; i < kPieces; ++i)
        load_piece(keys[j][i], from_k + i * kStride, ok && column + i * kStride < SIZE);
#pragma unroll
      for (int i = 0; i < kPiecesV; ++i)
        load_piece(values[j][i], from_v + i * kStride, ok && column + i * kStride < SIZE_V);
      from_k += k_stride;
      from_v += v_stride;
    }
#pragma unroll
    for (int j = 0; j < AT_ONCE; ++j) {
      const int key = (step + j) * kSlots + slot;
      float added[ROWS];
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        added[r] = 0.0f;
#if MASK != 0
        added[r] = mask_value(static_cast<const MASK_T*>(p.mask)[mask_at[r] + min_int(key, p.keys - 1)]);
#endif
        score[j][r] = 0.0f;
      }
#pragma unroll
      for (int i = 0; i < kPieces; ++i)
#pragma unroll
        for (int e = 0; e < VECTOR; ++e) {
          const float k = load_value(Unpack<T>::at(keys[j][i], e));
#pragma unroll
          for (int r = 0; r < ROWS; ++r) score[j][r] = fmaf(query[r][i][e], k, score[j][r]);
        }
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        const bool seen = step + j < share.end && key < end[r] && added[r] != -kInfinity;
        const float s = lanes_sum<1, LANES>(score[j][r]);
        score[j][r] = seen ? fmaf(s, scale, added[r]) : -kInfinity;
      }
    }
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
      float next = most[r];
#pragma unroll
      for (int j = 0; j < AT_ONCE; ++j) next = x_max(next, score[j][r]);
      const float shift = next == -kInfinity ? 0.0f : next, keep = power_of_2(most[r] - shift);
      most[r] = next;
      total[r] *= keep;
#pragma unroll
      for (int j = 0; j < AT_ONCE; ++j) total[r] += score[j][r] = power_of_2(score[j][r] - shift);
#pragma unroll
      for (int i = 0; i < kPiecesV; ++i)
#pragma unroll
        for (int e = 0; e < VECTOR; ++e) sum[r][i][e] *= keep;
    }
#pragma unroll
    for (int j = 0; j < AT_ONCE; ++j)
#pragma unroll
      for (int i = 0; i < kPiecesV; ++i)
#pragma unroll
        for (int e = 0; e < VECTOR; ++e) {
          const float v = load_value(Unpack<T>::at(values[j][i], e));
#pragma unroll
          for (int r = 0; r < ROWS; ++r) sum[r][i][e] = fmaf(score[j][r], v, sum[r][i][e]);
        }
  }

  // The groups of a warp meet; the first one's threads then have its state.
  float* const states = reinterpret_cast<float*>(shared);
#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
    float top = most[r];
#pragma unroll
    for (int offset = LANES; offset < 32; offset *= 2) top = x_max(top, __shfl_xor_sync(0xffffffffu, top, offset));
    const float keep = power_of_2(most[r] - (top == -kInfinity ? 0.0f : top));
    total[r] = lanes_sum<LANES, 32>(total[r] * keep);
    float* const to = states + (warp * ROWS + r) * kStatePitch;
    if (lane == 0) *reinterpret_cast<Vec<float, 2>*>(to + kMostAt) = {top, total[r]};
#pragma unroll
    for (int i = 0; i < kPiecesV; ++i)
#pragma unroll
      for (int e = 0; e < VECTOR; ++e) {
        const float all = lanes_sum<LANES, 32>(sum[r][i][e] * keep);
        if (lane < LANES && column + i * kStride < SIZE_V) to[column + i * kStride + e] = all;
      }
  }
  __syncthreads();
  finish_block<WARPS, ROWS>(p, w, states);
}
