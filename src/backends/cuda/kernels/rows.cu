// SPDX-License-Identifier: Apache-2.0
// Softmax, LogSoftmax, LayerNormalization and RMSNormalization of rows. Given: T, OUT, OPERATION, VECTOR, the epilogue.
// Entries: `rows_warp` (a warp a row), `rows_block` (a block a row), both in vectors; `rows_any` (a block a row, any
// stride). Statistics in fp32; a row is read up to three times, from the cache after the first.
#define SOFTMAX 0
#define LOG_SOFTMAX 1
#define LAYER_NORM 2
#define RMS_NORM 3

using Params = ingot_cuda::RowsParams;

template <int THREADS>
INGOT_INLINE float row_sum(float v) {
  v = warp_sum(v);
  if (THREADS == 32) return v;
  __shared__ float parts[32];
  __syncthreads();
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = v;
  __syncthreads();
  float all = 0.0f;
#pragma unroll
  for (int i = 0; i < THREADS / 32; ++i) all += parts[i];
  return all;
}
template <int THREADS>
INGOT_INLINE float row_max(float v) {
  v = warp_max(v);
  if (THREADS == 32) return v;
  __shared__ float parts[32];
  __syncthreads();
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = v;
  __syncthreads();
  float all = parts[0];
#pragma unroll
  for (int i = 1; i < THREADS / 32; ++i) all = x_max(all, parts[i]);
  return all;
}

template <int V>
INGOT_INLINE void finish(const Params& p, const float* x0, long long at) {
  const int row = static_cast<int>(at / p.columns), column = static_cast<int>(at % p.columns);
  Vec<OUT, V> out;
  EPILOGUE_LOADS
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
  *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.y) + at) = out;
}

template <int THREADS, int V>
INGOT_INLINE void run_rows(const Params& p) {
  const int lane = static_cast<int>(threadIdx.x) % THREADS;
  const int per_block = static_cast<int>(blockDim.x) / THREADS;
  for (int row = static_cast<int>(blockIdx.x) * per_block + static_cast<int>(threadIdx.x) / THREADS; row < p.rows;
       row += static_cast<int>(gridDim.x) * per_block) {
    const long long base = static_cast<long long>(row / p.inner) * p.length * p.inner + row % p.inner;
    const T* x = static_cast<const T*>(p.x) + base;
    const auto load = [&](int i) { return *reinterpret_cast<const Vec<T, V>*>(x + static_cast<long long>(i) * p.inner); };
    float most = -kInfinity, sum = 0.0f;
    if (OPERATION == SOFTMAX || OPERATION == LOG_SOFTMAX) {
      for (int i = lane * V; i < p.length; i += THREADS * V) {
        const Vec<T, V> v = load(i);
#pragma unroll
        for (int j = 0; j < V; ++j) most = x_max(most, load_value(v.v[j]));
      }
      most = row_max<THREADS>(most);
      for (int i = lane * V; i < p.length; i += THREADS * V) {
        const Vec<T, V> v = load(i);
#pragma unroll
        for (int j = 0; j < V; ++j) sum += expf(load_value(v.v[j]) - most);
      }
      sum = row_sum<THREADS>(sum);
    } else {
      if (OPERATION == LAYER_NORM) {
        for (int i = lane * V; i < p.length; i += THREADS * V) {
          const Vec<T, V> v = load(i);
#pragma unroll
          for (int j = 0; j < V; ++j) sum += load_value(v.v[j]);
        }
        most = row_sum<THREADS>(sum) / static_cast<float>(p.length);  // the mean
      } else {
        most = 0.0f;
      }
      float squares = 0.0f;
      for (int i = lane * V; i < p.length; i += THREADS * V) {
        const Vec<T, V> v = load(i);
#pragma unroll
        for (int j = 0; j < V; ++j) {
          const float d = load_value(v.v[j]) - most;
          squares = fmaf(d, d, squares);
        }
      }
      sum = 1.0f / sqrtf(row_sum<THREADS>(squares) / static_cast<float>(p.length) + p.epsilon);
    }
    const float log_sum = OPERATION == LOG_SOFTMAX ? logf(sum) : 0.0f;
    const float inverse = OPERATION == SOFTMAX ? 1.0f / sum : sum;
    for (int i = lane * V; i < p.length; i += THREADS * V) {
      const Vec<T, V> v = load(i);
      float x0[V];
#pragma unroll
      for (int j = 0; j < V; ++j) {
        const float d = load_value(v.v[j]) - most;
        x0[j] = OPERATION == SOFTMAX ? expf(d) * inverse : OPERATION == LOG_SOFTMAX ? d - log_sum : d * inverse;
      }
      if (OPERATION == LAYER_NORM || OPERATION == RMS_NORM) {
        const Vec<T, V> scale = *reinterpret_cast<const Vec<T, V>*>(static_cast<const T*>(p.scale) + i);
#pragma unroll
        for (int j = 0; j < V; ++j) x0[j] *= load_value(scale.v[j]);
        if (p.bias != nullptr) {
          const Vec<T, V> bias = *reinterpret_cast<const Vec<T, V>*>(static_cast<const T*>(p.bias) + i);
#pragma unroll
          for (int j = 0; j < V; ++j) x0[j] += load_value(bias.v[j]);
        }
      }
      finish<V>(p, x0, base + static_cast<long long>(i) * p.inner);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256) rows_warp(const __grid_constant__ Params p) {
  begin_dependent();
  run_rows<32, VECTOR>(p);
}
extern "C" __global__ void __launch_bounds__(256) rows_block(const __grid_constant__ Params p) {
  begin_dependent();
  run_rows<256, VECTOR>(p);
}
extern "C" __global__ void __launch_bounds__(256) rows_any(const __grid_constant__ Params p) {
  begin_dependent();
  run_rows<256, 1>(p);
}
