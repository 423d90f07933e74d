// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution, channels last: a thread computes COLUMNS neighbouring outputs of VECTOR channels, so that rows
// of the input and weights are read once for all of them. Given: T, OUT, VECTOR, COLUMNS, KERNEL_H, KERNEL_W, STRIDE_W
// and DILATION_W as constants, the epilogue.
using Params = ingot_cuda::DepthwiseParams;

extern "C" __global__ void __launch_bounds__(128) depthwise(const __grid_constant__ Params p) {
  begin_dependent();
  constexpr int V = VECTOR;
  constexpr int kSpan = (COLUMNS - 1) * STRIDE_W + (KERNEL_W - 1) * DILATION_W + 1;
  const int unit = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (unit >= p.units) return;
  const int groups = p.channels / V;
  const int across = (p.out_w + COLUMNS - 1) / COLUMNS;
  const int channel = unit % groups * V;
  int rest = unit / groups;
  const int ow0 = rest % across * COLUMNS;
  rest /= across;
  const int oh = rest % p.out_h;
  const int image = rest / p.out_h;
  const T* x = static_cast<const T*>(p.x) + static_cast<long long>(image) * p.in_h * p.in_w * p.channels + channel;
  const T* weights = static_cast<const T*>(p.w) + channel;
  float sum[COLUMNS][V];
#pragma unroll
  for (int c = 0; c < COLUMNS; ++c)
#pragma unroll
    for (int j = 0; j < V; ++j) sum[c][j] = 0.0f;
  const int h0 = oh * p.stride_h - p.pad_h, w0 = ow0 * STRIDE_W - p.pad_w;
#pragma unroll
  for (int kh = 0; kh < KERNEL_H; ++kh) {
    // Without branches, so that the loads of several rows are on their way together.
    const int h = h0 + kh * p.dilation_h;
    const bool inside = static_cast<unsigned>(h) < static_cast<unsigned>(p.in_h);
    const T* from = x + static_cast<long long>(inside ? h : 0) * p.in_w * p.channels;
    Vec<T, V> w[KERNEL_W], v[kSpan];
#pragma unroll
    for (int kw = 0; kw < KERNEL_W; ++kw)
      w[kw] = *reinterpret_cast<const Vec<T, V>*>(weights + (kh * KERNEL_W + kw) * p.channels);
#pragma unroll
    for (int s = 0; s < kSpan; ++s) {
      const int at = w0 + s;
      v[s] = Vec<T, V>{};
      if (inside && static_cast<unsigned>(at) < static_cast<unsigned>(p.in_w))
        v[s] = *reinterpret_cast<const Vec<T, V>*>(from + at * p.channels);
    }
#pragma unroll
    for (int s = 0; s < kSpan; ++s)
#pragma unroll
      for (int c = 0; c < COLUMNS; ++c) {
        const int tap = s - c * STRIDE_W;
        if (tap < 0 || tap % DILATION_W != 0 || tap / DILATION_W >= KERNEL_W) continue;
#pragma unroll
        for (int j = 0; j < V; ++j)
          sum[c][j] = fmaf(load_value(v[s].v[j]), load_value(w[tap / DILATION_W].v[j]), sum[c][j]);
      }
  }
#pragma unroll
  for (int c = 0; c < COLUMNS; ++c) {
    if (ow0 + c >= p.out_w) continue;
    const int row = (image * p.out_h + oh) * p.out_w + ow0 + c, column = channel;
    float(&x0)[V] = sum[c];
    if (p.bias != nullptr) {
      const Vec<T, V> bias = *reinterpret_cast<const Vec<T, V>*>(static_cast<const T*>(p.bias) + channel);
#pragma unroll
      for (int j = 0; j < V; ++j) x0[j] += load_value(bias.v[j]);
    }
    Vec<OUT, V> out;
    EPILOGUE_LOADS
#pragma unroll
    for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
    *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.y) + static_cast<long long>(row) * p.channels + column) = out;
  }
}
