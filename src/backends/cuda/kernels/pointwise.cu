// SPDX-License-Identifier: Apache-2.0
// An expression over broadcast operands. Given: INPUTS, FAST_RANK, FAST_VECTOR, OUT, COMPUTE(v) with types X<i>.
// Two entries: `pointwise_fast` for up to FAST_RANK dimensions and vectors of FAST_VECTOR, `pointwise_any` for the rest.
// One operand's elements: consecutive, or one repeated.
template <typename T, int VECTOR>
INGOT_INLINE Vec<T, VECTOR> load_operand(const void* data, long long at, int stride) {
  Vec<T, VECTOR> r;
  const T* from = static_cast<const T*>(data) + at;
  if (stride == 1) {
    r = *reinterpret_cast<const Vec<T, VECTOR>*>(from);
  } else {
    const T one = *from;
#pragma unroll
    for (int j = 0; j < VECTOR; ++j) r.v[j] = one;
  }
  return r;
}

template <int RANK, int VECTOR>
INGOT_INLINE void pointwise(const ingot_cuda::PointwiseParams& p) {
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long unit = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; unit < p.units; unit += step) {
    long long at[INPUTS > 0 ? INPUTS : 1] = {};
    unsigned rest = static_cast<unsigned>(unit);
#pragma unroll
    for (int d = RANK - 1; d >= 0; --d) {
      if (d >= p.rank) continue;
      const unsigned dim = static_cast<unsigned>(p.dims[d]);
      unsigned index = rest;
      if (d > 0) {
        index = rest % dim;
        rest /= dim;
      }
      const long long element = d == p.rank - 1 ? static_cast<long long>(index) * VECTOR : index;
#pragma unroll
      for (int i = 0; i < INPUTS; ++i) at[i] += element * p.strides[i][d];
    }
    Vec<OUT, VECTOR> out;
    LOAD_INPUTS
#pragma unroll
    for (int j = 0; j < VECTOR; ++j) out.v[j] = COMPUTE(j);
    *reinterpret_cast<Vec<OUT, VECTOR>*>(static_cast<OUT*>(p.out) + unit * VECTOR) = out;
  }
}

extern "C" __global__ void __launch_bounds__(256) pointwise_fast(const __grid_constant__ ingot_cuda::PointwiseParams p) {
  begin_dependent();
  pointwise<FAST_RANK, FAST_VECTOR>(p);
}
extern "C" __global__ void __launch_bounds__(256) pointwise_any(const __grid_constant__ ingot_cuda::PointwiseParams p) {
  begin_dependent();
  pointwise<ingot_cuda::kMaxDims, 1>(p);
}
