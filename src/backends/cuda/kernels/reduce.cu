// SPDX-License-Identifier: Apache-2.0
// Reductions of the middle of [outer][length][inner]. Given: T, ACC (what to compute in), START, TAKE(a, v), MERGE(a, b),
// FINISH(a), the epilogue. VECTOR. Entries: `reduce_inner` (inner = 1: a
// block an output), `reduce_vector` and `reduce_any` (a block takes a part of the length for some columns, or vectors of
// columns; the last block of p.parts to arrive combines them).
using Params = ingot_cuda::ReduceParams;

template <int V>
INGOT_INLINE void finish(const Params& p, const ACC (&values)[V], long long at) {
  const int row = static_cast<int>(at / p.columns), column = static_cast<int>(at % p.columns);
  ACC x0[V];
#pragma unroll
  for (int j = 0; j < V; ++j) x0[j] = FINISH(values[j]);
  Vec<OUT, V> out;
  EPILOGUE_LOADS
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
  *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.y) + at) = out;
}

extern "C" __global__ void __launch_bounds__(256) reduce_inner(const __grid_constant__ Params p) {
  begin_dependent();
  __shared__ ACC parts[8];
  for (int o = static_cast<int>(blockIdx.x); o < p.outer; o += static_cast<int>(gridDim.x)) {
    const T* x = static_cast<const T*>(p.x) + static_cast<long long>(o) * p.length;
    ACC a = START;
    for (int i = static_cast<int>(threadIdx.x); i < p.length; i += 256) a = TAKE(a, static_cast<ACC>(load_value(x[i])));
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
      const ACC b = __shfl_xor_sync(0xffffffffu, a, offset);
      a = MERGE(a, b);
    }
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = a;
    __syncthreads();
    if (threadIdx.x == 0) {
      for (int i = 1; i < 8; ++i) a = MERGE(a, parts[i]);
      const ACC all[1] = {a};
      finish<1>(p, all, o);
    }
  }
}

template <int V>
INGOT_INLINE void run_outer(const Params& p) {
  __shared__ ACC sums[256 * V];
  __shared__ int last;
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const int width = static_cast<int>(blockDim.x), rows = static_cast<int>(blockDim.y);
  const int chunks = (p.inner + width * V - 1) / (width * V);
  const int o = static_cast<int>(blockIdx.x) / chunks, column = (static_cast<int>(blockIdx.x) % chunks * width + x) * V;
  const int each = (p.length + p.parts - 1) / p.parts;
  const int first = static_cast<int>(blockIdx.y) * each, end = min_int(p.length, first + each);
  ACC a[V];
#pragma unroll
  for (int j = 0; j < V; ++j) a[j] = START;
  if (column < p.inner) {
    const T* from = static_cast<const T*>(p.x) + static_cast<long long>(o) * p.length * p.inner + column;
#pragma unroll 4
    for (int i = first + y; i < end; i += rows) {
      const Vec<T, V> v = *reinterpret_cast<const Vec<T, V>*>(from + static_cast<long long>(i) * p.inner);
#pragma unroll
      for (int j = 0; j < V; ++j) a[j] = TAKE(a[j], static_cast<ACC>(load_value(v.v[j])));
    }
  }
  // Over the rows of the block: the first one has the result.
  const auto merge_rows = [&] {
#pragma unroll
    for (int j = 0; j < V; ++j) sums[(y * width + x) * V + j] = a[j];
    for (int half = rows / 2; half > 0; half /= 2) {
      __syncthreads();
      if (y >= half) continue;
#pragma unroll
      for (int j = 0; j < V; ++j) {
        a[j] = MERGE(a[j], sums[((y + half) * width + x) * V + j]);
        sums[(y * width + x) * V + j] = a[j];
      }
    }
  };
  merge_rows();
  if (p.parts > 1) {
    const long long block = static_cast<long long>(blockIdx.x) * p.parts;
    ACC* partial = static_cast<ACC*>(p.partial) + x * V;
    if (y == 0) {
#pragma unroll
      for (int j = 0; j < V; ++j) partial[(block + blockIdx.y) * width * V + j] = a[j];
      __threadfence();
    }
    __syncthreads();
    if (x == 0 && y == 0) {
      last = atomicAdd(p.counters + blockIdx.x, 1) == p.parts - 1;
      if (last) p.counters[blockIdx.x] = 0;
    }
    __syncthreads();
    if (!last) return;
    __threadfence();
#pragma unroll
    for (int j = 0; j < V; ++j) a[j] = START;
    for (int part = y; part < p.parts; part += rows)
#pragma unroll
      for (int j = 0; j < V; ++j) a[j] = MERGE(a[j], __ldcg(partial + (block + part) * width * V + j));
    merge_rows();
  }
  if (y == 0 && column < p.inner) finish<V>(p, a, static_cast<long long>(o) * p.inner + column);
}

extern "C" __global__ void __launch_bounds__(256) reduce_vector(const __grid_constant__ Params p) {
  begin_dependent();
  run_outer<VECTOR>(p);
}
extern "C" __global__ void __launch_bounds__(256) reduce_any(const __grid_constant__ Params p) {
  begin_dependent();
  run_outer<1>(p);
}
