// SPDX-License-Identifier: Apache-2.0
// Behind rows.cu: `rows_held`, for short rows. GROUP lanes keep a row in registers, HELD vectors of HELD_VECTOR elements
// each, so that it is read once. CONSTANTS says that no kernel writes scale and bias.
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

extern "C" __global__ void __launch_bounds__(128) rows_held(const __grid_constant__ Params p) {
  constexpr int V = HELD_VECTOR;
  constexpr bool kNorm = OPERATION == LAYER_NORM || OPERATION == RMS_NORM;
  using Held = OperandVector<T, V>;
  release_dependents();
  if (!CONSTANTS) wait_for_inputs();
  const int lane = static_cast<int>(threadIdx.x) % GROUP;
  constexpr int kPerBlock = 128 / GROUP;
  Held scale[kNorm ? HELD : 1], bias[kNorm ? HELD : 1];
  if (kNorm) {
#pragma unroll
    for (int k = 0; k < HELD; ++k) {
      const int i = (k * GROUP + lane) * V;
      if (i >= p.length) continue;
      scale[k].load(static_cast<const T*>(p.scale) + i, 1);
      if (p.bias != nullptr) bias[k].load(static_cast<const T*>(p.bias) + i, 1);
    }
  }
  if (CONSTANTS) wait_for_inputs();
  const float length = static_cast<float>(p.length);
  for (int first = static_cast<int>(blockIdx.x) * kPerBlock; first < p.rows;
       first += static_cast<int>(gridDim.x) * kPerBlock) {
    // Lanes beyond the last row go with it: all take part in the sums.
    const int mine = first + static_cast<int>(threadIdx.x) / GROUP, row = min_int(mine, p.rows - 1);
    const T* from = static_cast<const T*>(p.x) + static_cast<long long>(row) * p.length;
    Held held[HELD];
#pragma unroll
    for (int k = 0; k < HELD; ++k) {
      const int i = (k * GROUP + lane) * V;
      if (i < p.length) held[k].load(from + i, 1);
    }
    float x[HELD][V], middle = 0.0f, factor = 1.0f;
#pragma unroll
    for (int k = 0; k < HELD; ++k)
#pragma unroll
      for (int j = 0; j < V; ++j)
        x[k][j] = (k * GROUP + lane) * V < p.length ? load_value(held[k].at(j)) : kNorm ? 0.0f : -kInfinity;
    if (!kNorm) {
      middle = -kInfinity;
#pragma unroll
      for (int k = 0; k < HELD; ++k)
#pragma unroll
        for (int j = 0; j < V; ++j) middle = x_max(middle, x[k][j]);
      middle = group_max<GROUP>(middle);
      float sum = 0.0f;
#pragma unroll
      for (int k = 0; k < HELD; ++k)
        if ((k * GROUP + lane) * V < p.length)
#pragma unroll
          for (int j = 0; j < V; ++j) {
            const float e = expf(x[k][j] - middle);
            sum += e;
            if (OPERATION == SOFTMAX) x[k][j] = e;
          }
      sum = group_sum<GROUP>(sum);
      if (OPERATION == SOFTMAX)
        factor = 1.0f / sum;
      else
        factor = logf(sum);
    } else {
      if (OPERATION == LAYER_NORM) {
        float sum = 0.0f;
#pragma unroll
        for (int k = 0; k < HELD; ++k)
#pragma unroll
          for (int j = 0; j < V; ++j) sum += x[k][j];
        middle = group_sum<GROUP>(sum) / length;
      }
      float squares = 0.0f;
#pragma unroll
      for (int k = 0; k < HELD; ++k)
        if ((k * GROUP + lane) * V < p.length)
#pragma unroll
          for (int j = 0; j < V; ++j) {
            x[k][j] -= middle;
            squares = fmaf(x[k][j], x[k][j], squares);
          }
      factor = 1.0f / sqrtf(group_sum<GROUP>(squares) / length + p.epsilon);
    }
    if (mine >= p.rows) continue;
#pragma unroll
    for (int k = 0; k < HELD; ++k) {
      const int column = (k * GROUP + lane) * V;
      if (column >= p.length) continue;
      float x0[V];
#pragma unroll
      for (int j = 0; j < V; ++j) {
        x0[j] = OPERATION == LOG_SOFTMAX ? x[k][j] - middle - factor : x[k][j] * factor;
        if (kNorm) x0[j] *= load_value(scale[k].at(j));
        if (kNorm && p.bias != nullptr) x0[j] += load_value(bias[k].at(j));
      }
      Vec<OUT, V> out;
      EPILOGUE_LOADS
#pragma unroll
      for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
      *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.y) + static_cast<long long>(row) * p.length + column) = out;
    }
  }
}
