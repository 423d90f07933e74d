// SPDX-License-Identifier: Apache-2.0
// Attention forward in one pass over the keys (online softmax), a warp per query: any type, any head size up to 256.
// Given: T, SIZE and SIZE_V (head sizes), MASK (0 none, 1 added, 2 boolean: true may be seen), MASK_T.
using Params = ingot_cuda::AttentionParams;

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

// A query that may see no key gets zeros.
INGOT_INLINE float quotient(float sum, float total) { return total == 0.0f ? 0.0f : sum / total; }

extern "C" __global__ void __launch_bounds__(128) attention_rows(const __grid_constant__ Params p) {
  begin_dependent();
  constexpr int kPer = (SIZE + 31) / 32, kPerV = (SIZE_V + 31) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int q = static_cast<int>(blockIdx.x) * 4 + static_cast<int>(threadIdx.x) / 32;
  if (q >= p.queries) return;
  const int head = static_cast<int>(blockIdx.y), batch = static_cast<int>(blockIdx.z);
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
