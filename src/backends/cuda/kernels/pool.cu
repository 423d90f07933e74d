// SPDX-License-Identifier: Apache-2.0
// MaxPool and AveragePool over up to three dimensions. Given: T, AVERAGE, VECTOR, the epilogue. Entries: `pool_vector`
// (channels last, vectors of channels), `pool_any`.
using Params = ingot_cuda::PoolParams;

template <int V>
INGOT_INLINE void run_pool(const Params& p) {
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long unit = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; unit < p.units; unit += step) {
    unsigned rest = static_cast<unsigned>(unit);
    int channel = 0;
    if (p.channels_last != 0) {
      const unsigned groups = static_cast<unsigned>(p.channels) / V;
      channel = static_cast<int>(rest % groups) * V;
      rest /= groups;
    }
    int first[3], padded = 1;
#pragma unroll
    for (int d = 2; d >= 0; --d) {
      const int at = static_cast<int>(rest % static_cast<unsigned>(p.out[d]));
      rest /= static_cast<unsigned>(p.out[d]);
      first[d] = at * p.stride[d] - p.pad[d];
      int inside = 0;
      for (int k = 0; k < p.kernel[d]; ++k) inside += first[d] + k * p.dilation[d] < p.in[d] + p.pad_end[d] ? 1 : 0;
      padded *= inside;
    }
    int image = static_cast<int>(rest);
    if (p.channels_last == 0) {
      channel = image % p.channels;
      image /= p.channels;
    }
    const long long pixels = static_cast<long long>(p.in[0]) * p.in[1] * p.in[2];
    const T* x = static_cast<const T*>(p.x) + static_cast<long long>(image) * pixels * p.channels +
                 (p.channels_last != 0 ? channel : channel * pixels);
    const long long pitch = p.channels_last != 0 ? p.channels : 1;
    float x0[V];
#pragma unroll
    for (int j = 0; j < V; ++j) x0[j] = AVERAGE ? 0.0f : -kInfinity;
    int count = 0;
    for (int kd = 0; kd < p.kernel[0]; ++kd) {
      const int d = first[0] + kd * p.dilation[0];
      if (static_cast<unsigned>(d) >= static_cast<unsigned>(p.in[0])) continue;
      for (int kh = 0; kh < p.kernel[1]; ++kh) {
        const int h = first[1] + kh * p.dilation[1];
        if (static_cast<unsigned>(h) >= static_cast<unsigned>(p.in[1])) continue;
        for (int kw = 0; kw < p.kernel[2]; ++kw) {
          const int w = first[2] + kw * p.dilation[2];
          if (static_cast<unsigned>(w) >= static_cast<unsigned>(p.in[2])) continue;
          ++count;
          const Vec<T, V> v = *reinterpret_cast<const Vec<T, V>*>(
              x + ((static_cast<long long>(d) * p.in[1] + h) * p.in[2] + w) * pitch);
#pragma unroll
          for (int j = 0; j < V; ++j) x0[j] = AVERAGE ? x0[j] + load_value(v.v[j]) : x_max(x0[j], load_value(v.v[j]));
        }
      }
    }
    if (AVERAGE) {
      const float divisor = static_cast<float>(p.include_pad != 0 ? padded : count);
#pragma unroll
      for (int j = 0; j < V; ++j) x0[j] /= divisor;
    }
    const long long at = unit * V;
    const int row = static_cast<int>(at / p.columns), column = static_cast<int>(at % p.columns);
    Vec<OUT, V> out;
    EPILOGUE_LOADS
#pragma unroll
    for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
    *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.y) + at) = out;
  }
}

extern "C" __global__ void __launch_bounds__(256) pool_vector(const __grid_constant__ Params p) {
  begin_dependent();
  run_pool<VECTOR>(p);
}
extern "C" __global__ void __launch_bounds__(256) pool_any(const __grid_constant__ Params p) {
  begin_dependent();
  run_pool<1>(p);
}
