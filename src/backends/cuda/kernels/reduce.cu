// SPDX-License-Identifier: Apache-2.0
// Reductions of the middle of [outer][length][inner]. Given: T, ACC (what to compute in), START, TAKE(a, v), MERGE(a, b),
// FINISH(a), the epilogue. Entries: `reduce_inner` (inner = 1: a block an output), `reduce_outer` (32 columns x 8).
using Params = ingot_cuda::ReduceParams;

INGOT_INLINE void finish(const Params& p, ACC value, long long at) {
  constexpr int V = 1;
  constexpr int j = 0;
  const int row = static_cast<int>(at / p.columns), column = static_cast<int>(at % p.columns);
  const ACC x0[1] = {FINISH(value)};
  EPILOGUE_LOADS
  static_cast<OUT*>(p.y)[at] = EPILOGUE(j);
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
      finish(p, a, o);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256) reduce_outer(const __grid_constant__ Params p) {
  begin_dependent();
  __shared__ ACC parts[8][32];
  const int columns = (p.inner + 31) / 32;
  for (long long unit = blockIdx.x; unit < static_cast<long long>(p.outer) * columns; unit += gridDim.x) {
    const int o = static_cast<int>(unit / columns);
    const int column = static_cast<int>(unit % columns) * 32 + static_cast<int>(threadIdx.x);
    ACC a = START;
    if (column < p.inner) {
      const T* x = static_cast<const T*>(p.x) + static_cast<long long>(o) * p.length * p.inner + column;
      for (int i = static_cast<int>(threadIdx.y); i < p.length; i += 8)
        a = TAKE(a, static_cast<ACC>(load_value(x[static_cast<long long>(i) * p.inner])));
    }
    __syncthreads();
    parts[threadIdx.y][threadIdx.x] = a;
    __syncthreads();
    if (threadIdx.y == 0 && column < p.inner) {
      for (int i = 1; i < 8; ++i) a = MERGE(a, parts[i][threadIdx.x]);
      finish(p, a, static_cast<long long>(o) * p.inner + column);
    }
  }
}
