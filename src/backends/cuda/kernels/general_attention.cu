// SPDX-License-Identifier: Apache-2.0
// Attention in every form of ONNX: past and present, masks, windows, soft caps, the scores as a result; and rotary
// embedding. A block of 128 per query row; scores of the row in the workspace. Q, K, V: strides of a batch entry, a
// head and a position.
#if defined(ROTARY)
INGOT_KERNEL(rotary) {
  FOR_UNITS(unit) {
    // [batch][position][head][size], in the strides of the operand.
    const i64 e = unit % SIZE, h = unit / SIZE % HEADS, s = unit / SIZE / HEADS % LENGTH, b = unit / SIZE / HEADS / LENGTH;
    const i64 row = b * BATCH_STRIDE + h * HEAD_STRIDE + s * ROW_STRIDE;
    A0 value = get<A0>(IN(0), row + e);
    if (e < ROTATED) {
      const i64 half = ROTATED / 2;
      const i64 pair = INTERLEAVED != 0 ? e / 2 : e % half;
      const bool second = INTERLEAVED != 0 ? e % 2 == 1 : e >= half;
      const i64 other = INTERLEAVED != 0 ? e + (second ? -1 : 1) : e + (second ? -half : half);
      i64 cache = (b * LENGTH + s) * half;
#if HAS_3
      cache = clamp_index(static_cast<i64>(IN(3)[b * LENGTH + s]), 0, ROWS - 1) * half;
#endif
      const A0 c = get<A0>(IN(1), cache + pair), n = get<A0>(IN(2), cache + pair);
      const A0 partner = get<A0>(IN(0), row + other);
      value = second ? n * partner + c * value : c * value - n * partner;
    }
    put(TO(0), row + e, value);
  }
}
#else
INGOT_INLINE A0 block_total(A0 v, A0* shared) {
  const int me = static_cast<int>(threadIdx.x);
  shared[me] = v;
  __syncthreads();
  for (int half = 64; half > 0; half /= 2) {
    if (me < half) shared[me] += shared[me + half];
    __syncthreads();
  }
  const A0 all = shared[0];
  __syncthreads();
  return all;
}
INGOT_INLINE A0 block_most(A0 v, A0* shared) {
  const int me = static_cast<int>(threadIdx.x);
  shared[me] = v;
  __syncthreads();
  for (int half = 64; half > 0; half /= 2) {
    if (me < half) shared[me] = x_max(shared[me], shared[me + half]);
    __syncthreads();
  }
  const A0 all = shared[0];
  __syncthreads();
  return all;
}
// Keys and values: those of the past first.
INGOT_INLINE A0 key_at(const Params& p, i64 b, i64 h, i64 j, i64 e) {
#if HAS_4
  if (j < PAST) return get<A0>(IN(4), ((b * KV_HEADS + h) * PAST + j) * SIZE + e);
#endif
  return get<A0>(IN(1), K_FIRST + b * K_BATCH + h * K_HEAD + (j - PAST) * K_ROW + e);
}
INGOT_INLINE A0 value_at(const Params& p, i64 b, i64 h, i64 j, i64 e) {
#if HAS_5
  if (j < PAST) return get<A0>(IN(5), ((b * KV_HEADS + h) * PAST + j) * V_SIZE + e);
#endif
  return get<A0>(IN(2), V_FIRST + b * V_BATCH + h * V_HEAD + (j - PAST) * V_ROW + e);
}
INGOT_INLINE A0 bias_at(const Params& p, i64 b, i64 h, i64 i, i64 j) {
  const A0 never = -static_cast<A0>(kInfinity);
  i64 valid = KEYS, offset = PAST;
#if HAS_6
  valid = static_cast<i64>(IN(6)[b]);
  if (HAS_4 == 0) offset = valid - QUERIES;
#endif
  const i64 position = i + offset;
  if (j >= valid || (CAUSAL != 0 && j > position) || (LEFT >= 0 && j < position - LEFT) ||
      (RIGHT >= 0 && j > position + RIGHT))
    return never;
#if HAS_3
  if (j >= MASK_KEYS) return never;
  const i64 at = b % MASK_BATCHES * MASK_STRIDE(0) + h * MASK_STRIDE(1) + i * MASK_STRIDE(2) + j * MASK_STRIDE(3);
#ifdef BOOLEAN_MASK
  return IN(3)[at] ? 0 : never;
#else
  return get<A0>(IN(3), at);
#endif
#else
  return 0;
#endif
}
INGOT_KERNEL(attend) {
  __shared__ A0 shared[128];
  const int me = static_cast<int>(threadIdx.x);
  const i64 row = blockIdx.x;
  const i64 i = row % QUERIES, h = row / QUERIES % HEADS, b = row / QUERIES / HEADS;
  const i64 kv = h / (HEADS / KV_HEADS);
  A0* scores = static_cast<A0*>(p.work) + row * KEYS;
  const i64 query = Q_FIRST + b * Q_BATCH + h * Q_HEAD + i * Q_ROW;
  A0 most = -static_cast<A0>(kInfinity), most_bias = most;
  for (i64 j = me; j < KEYS; j += 128) {
    A0 sum = 0;
    for (i64 e = 0; e < SIZE; ++e) sum += get<A0>(IN(0), query + e) * key_at(p, b, kv, j, e);
    sum *= static_cast<A0>(SCALE);
    const A0 bias = bias_at(p, b, h, i, j);
#if WANTS_3
    if (QK_MODE == 0) put(TO(3), row * KEYS + j, sum);
#endif
    if (CAP != 0) sum = static_cast<A0>(CAP) * x_tanh(sum / static_cast<A0>(CAP));
#if WANTS_3
    if (QK_MODE == 1) put(TO(3), row * KEYS + j, sum);
#endif
    sum += bias;
#if WANTS_3
    if (QK_MODE == 2) put(TO(3), row * KEYS + j, sum);
#endif
    scores[j] = sum;
    most = x_max(most, sum);
    most_bias = x_max(most_bias, bias);
  }
  most = block_most(most, shared);
  most_bias = block_most(most_bias, shared);
  const bool any = !(most_bias == -static_cast<A0>(kInfinity));
  A0 sum = 0;
  for (i64 j = me; j < KEYS; j += 128) {
    scores[j] = any ? x_exp(scores[j] - most) : static_cast<A0>(0);
    sum += scores[j];
  }
  sum = block_total(sum, shared);
  for (i64 j = me; j < KEYS; j += 128) {
    if (any) scores[j] /= sum;
#if WANTS_3
    if (QK_MODE == 3) put(TO(3), row * KEYS + j, scores[j]);
#endif
  }
  __syncthreads();
  for (i64 e = me; e < V_SIZE; e += 128) {
    A0 y = 0;
    for (i64 j = 0; j < KEYS; ++j)
      if (any && !(bias_at(p, b, h, i, j) == -static_cast<A0>(kInfinity))) y += scores[j] * value_at(p, b, kv, j, e);
    put(TO(0), b * Y_BATCH + h * Y_HEAD + i * Y_ROW + e, y);
  }
}
INGOT_KERNEL(present_key) {
#if WANTS_1
  FOR_UNITS(unit) {
    const i64 e = unit % SIZE, j = unit / SIZE % KEYS, h = unit / SIZE / KEYS % KV_HEADS, b = unit / SIZE / KEYS / KV_HEADS;
    put(TO(1), unit, key_at(p, b, h, j, e));
  }
#endif
}
INGOT_KERNEL(present_value) {
#if WANTS_2
  FOR_UNITS(unit) {
    const i64 e = unit % V_SIZE, j = unit / V_SIZE % KEYS, h = unit / V_SIZE / KEYS % KV_HEADS,
              b = unit / V_SIZE / KEYS / KV_HEADS;
    put(TO(2), unit, value_at(p, b, h, j, e));
  }
#endif
}
#endif
