// SPDX-License-Identifier: Apache-2.0
// Resize by tables of positions, nearest (weight 0) or linear. Given: T, OUT, VECTOR, PIECE, the epilogue. Entries:
// `resize_vector` (vectors of the inner dimension), `resize_piece` (PIECE neighbours of it, wherever they begin),
// `resize_any`.
using Params = ingot_cuda::ResizeParams;

template <typename E, int N, bool ALIGNED>
struct Neighbours {
  using type = Vec<E, N>;
};
template <typename E, int N>
struct Neighbours<E, N, false> {
  struct type {
    E v[N];
  };
};

template <int V, bool ALIGNED = true>
INGOT_INLINE void run_resize(const Params& p) {
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long unit = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; unit < p.units; unit += step) {
    const unsigned groups = static_cast<unsigned>(p.inner) / V;
    unsigned rest = static_cast<unsigned>(unit);
    const int inner = static_cast<int>(rest % groups) * V;
    rest /= groups;
    const ingot_cuda::ResizePoint w = p.points[static_cast<unsigned>(p.out_h) + rest % static_cast<unsigned>(p.out_w)];
    rest /= static_cast<unsigned>(p.out_w);
    const ingot_cuda::ResizePoint h = p.points[rest % static_cast<unsigned>(p.out_h)];
    const long long image = rest / static_cast<unsigned>(p.out_h);
    const T* x = static_cast<const T*>(p.x) + image * p.in_h * p.in_w * p.inner + inner;
    const auto add = [&](float (&sum)[V], int row, int column, float weight) {
      if (weight == 0.0f) return;
      using In = typename Neighbours<T, V, ALIGNED>::type;
      const In v = *reinterpret_cast<const In*>(x + (static_cast<long long>(row) * p.in_w + column) * p.inner);
#pragma unroll
      for (int j = 0; j < V; ++j) sum[j] = weight == 1.0f ? load_value(v.v[j]) : fmaf(weight, load_value(v.v[j]), sum[j]);
    };
    float x0[V];
#pragma unroll
    for (int j = 0; j < V; ++j) x0[j] = 0.0f;
    add(x0, h.low, w.low, (1.0f - h.weight) * (1.0f - w.weight));
    add(x0, h.low, w.high, (1.0f - h.weight) * w.weight);
    add(x0, h.high, w.low, h.weight * (1.0f - w.weight));
    add(x0, h.high, w.high, h.weight * w.weight);
    const long long at = unit * V;
    const int row = static_cast<int>(at / p.columns), column = static_cast<int>(at % p.columns);
    using Out = typename Neighbours<OUT, V, ALIGNED>::type;
    Out out;
    EPILOGUE_LOADS
#pragma unroll
    for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
    *reinterpret_cast<Out*>(static_cast<OUT*>(p.y) + at) = out;
  }
}

extern "C" __global__ void __launch_bounds__(256) resize_vector(const __grid_constant__ Params p) {
  begin_dependent();
  run_resize<VECTOR>(p);
}
extern "C" __global__ void __launch_bounds__(256) resize_piece(const __grid_constant__ Params p) {
  begin_dependent();
  run_resize<PIECE, false>(p);
}
extern "C" __global__ void __launch_bounds__(256) resize_any(const __grid_constant__ Params p) {
  begin_dependent();
  run_resize<1>(p);
}
