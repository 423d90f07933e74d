// SPDX-License-Identifier: Apache-2.0
// Behind rows.cu: `rows_held`, for short rows. GROUP lanes keep a row in registers, HELD vectors of HELD_VECTOR elements
// each, so that it is read once.
template <int WIDTH>
INGOT_INLINE float group_sum(float v) {
#pragma unroll
  for (int offset = WIDTH / 2; offset > 0; offset /= 2) v += __shfl_xor_sync(0xffffffffu, v, offset);
  return v;
}
template <int WIDTH>
INGOT_INLINE float group_max(float v) {
#pragma unroll
  for (int offset = WIDTH / 2; offset > 0; offset /= 2) v = x_max(v, __shfl_xor_sync(0xffffffffu, v, offset));
  return v;
}

// Elements stay as they were loaded from one pass over them to the next: in fp32 they would take twice the registers.
template <typename E, int V>
INGOT_INLINE void stay_packed(OperandVector<E, V, true>& operand) {
#pragma unroll
  for (int j = 0; j < V / 2; ++j) asm volatile("" : "+r"(operand.words[j]));
}
template <typename E, int V>
INGOT_INLINE void stay_packed(OperandVector<E, V, false>&) {}

constexpr int kPerBlock = 128 / GROUP;
// Registers for as many warps as cover the memory's latency, where that takes none to memory.
constexpr int kWords = HELD * HELD_VECTOR * static_cast<int>(sizeof(T)) / 4;
constexpr int kMinBlocks = OPERATION < LAYER_NORM || EPILOGUE_INPUTS > 0 || kWords > 32 ? 1
                           : kWords <= 4                                                ? 10
                           : kWords <= 8                                                ? 7
                           : kWords <= 16                                               ? 4
                                                                                        : 6;
using Held = OperandVector<T, HELD_VECTOR>;
// The element of the row where vector k of a lane begins.
#define COLUMN(k) (((k)*GROUP + lane) * HELD_VECTOR)

INGOT_INLINE void finish_held(const Params& p, const float* x0, int row, int column) {
  constexpr int V = HELD_VECTOR;
  Vec<OUT, V> out;
  EPILOGUE_LOADS
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
  *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.y) + static_cast<long long>(row) * p.length + column) = out;
}

// Scale and bias of a lane's columns. Where registers last, they are on their way with the first row, and stay.
constexpr bool kHoldAffine = kWords <= 16;
struct Affine {
  Held scale[HELD], bias[HELD];
  INGOT_INLINE void load(const Params& p, int k, int lane) {
    scale[k].load(static_cast<const T*>(p.scale) + COLUMN(k), 1);
    if (p.bias != nullptr) bias[k].load(static_cast<const T*>(p.bias) + COLUMN(k), 1);
  }
};

// `store`: lanes beyond the last row go with it, since all take part in the sums.
INGOT_INLINE void norm_row(const Params& p, Held (&held)[HELD], Affine& affine, int row, int lane, bool store) {
  const float length = static_cast<float>(p.length);
  float mean = 0.0f, squares = 0.0f;
  if (OPERATION == LAYER_NORM) {
#pragma unroll
    for (int k = 0; k < HELD; ++k)
      if (COLUMN(k) < p.length)
#pragma unroll
        for (int j = 0; j < HELD_VECTOR; ++j) mean += load_value(held[k].at(j));
    mean = group_sum<GROUP>(mean) / length;
  }
#pragma unroll
  for (int k = 0; k < HELD; ++k) {
    if (COLUMN(k) >= p.length) continue;
    stay_packed(held[k]);
#pragma unroll
    for (int j = 0; j < HELD_VECTOR; ++j) {
      const float d = load_value(held[k].at(j)) - mean;
      squares = fmaf(d, d, squares);
    }
  }
  const float factor = 1.0f / sqrtf(group_sum<GROUP>(squares) / length + p.epsilon);
  if (!store) return;
#pragma unroll
  for (int k = 0; k < HELD; ++k) {
    const int column = COLUMN(k);
    if (column >= p.length) continue;
    stay_packed(held[k]);
    if (!kHoldAffine) affine.load(p, k, lane);
    float x0[HELD_VECTOR];
#pragma unroll
    for (int j = 0; j < HELD_VECTOR; ++j) {
      x0[j] = (load_value(held[k].at(j)) - mean) * factor * load_value(affine.scale[k].at(j));
      if (p.bias != nullptr) x0[j] += load_value(affine.bias[k].at(j));
    }
    finish_held(p, x0, row, column);
  }
}

INGOT_INLINE void softmax_row(const Params& p, const Held (&held)[HELD], int row, int lane, bool store) {
  float x[HELD][HELD_VECTOR], most = -kInfinity, sum = 0.0f;
#pragma unroll
  for (int k = 0; k < HELD; ++k)
    if (COLUMN(k) < p.length)
#pragma unroll
      for (int j = 0; j < HELD_VECTOR; ++j) most = x_max(most, x[k][j] = load_value(held[k].at(j)));
  most = group_max<GROUP>(most);
#pragma unroll
  for (int k = 0; k < HELD; ++k)
    if (COLUMN(k) < p.length)
#pragma unroll
      for (int j = 0; j < HELD_VECTOR; ++j) {
        const float e = expf(x[k][j] - most);
        sum += e;
        if (OPERATION == SOFTMAX) x[k][j] = e;
      }
  sum = group_sum<GROUP>(sum);
  const float factor = OPERATION == SOFTMAX ? 1.0f / sum : logf(sum);
  if (!store) return;
#pragma unroll
  for (int k = 0; k < HELD; ++k) {
    const int column = COLUMN(k);
    if (column >= p.length) continue;
    float x0[HELD_VECTOR];
#pragma unroll
    for (int j = 0; j < HELD_VECTOR; ++j) x0[j] = OPERATION == SOFTMAX ? x[k][j] * factor : x[k][j] - most - factor;
    finish_held(p, x0, row, column);
  }
}

extern "C" __global__ void __launch_bounds__(128, kMinBlocks) rows_held(const __grid_constant__ Params p) {
  begin_dependent();
  const int lane = static_cast<int>(threadIdx.x) % GROUP;
#if OPERATION == LAYER_NORM || OPERATION == RMS_NORM
  Affine affine;
  if (kHoldAffine)
#pragma unroll
    for (int k = 0; k < HELD; ++k)
      if (COLUMN(k) < p.length) affine.load(p, k, lane);
#endif
  for (int first = static_cast<int>(blockIdx.x) * kPerBlock; first < p.rows;
       first += static_cast<int>(gridDim.x) * kPerBlock) {
    const int mine = first + static_cast<int>(threadIdx.x) / GROUP, row = min_int(mine, p.rows - 1);
    const T* from = static_cast<const T*>(p.x) + static_cast<long long>(row) * p.length;
    Held held[HELD];
#pragma unroll
    for (int k = 0; k < HELD; ++k)
      if (COLUMN(k) < p.length) held[k].load(from + COLUMN(k), 1);
#if OPERATION == LAYER_NORM || OPERATION == RMS_NORM
    norm_row(p, held, affine, row, lane, mine < p.rows);
#else
    softmax_row(p, held, row, lane, mine < p.rows);
#endif
  }
}
