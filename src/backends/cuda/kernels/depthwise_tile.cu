// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution, channels last, where arithmetic and loads count: a thread computes ROWS x COLUMNS outputs of
// VECTOR channels, so that an input row serves all of them; a block keeps the weights of its channels in shared memory,
// widened to fp32, for all outputs that it works through. Threads: x over channels, y over outputs.
// Given: T, OUT, THREADS_X, THREADS_Y, ROWS, COLUMNS, VECTOR, KERNEL_H, KERNEL_W, STRIDE_H, STRIDE_W, DILATION_H,
// DILATION_W, CHANNELS as constants, the epilogue.
using Params = ingot_cuda::DepthwiseParams;

constexpr int kWidth = THREADS_X * VECTOR, kThreads = THREADS_X * THREADS_Y;
constexpr int kSpan = (COLUMNS - 1) * STRIDE_W + (KERNEL_W - 1) * DILATION_W + 1;
constexpr int kRows = (ROWS - 1) * STRIDE_H + (KERNEL_H - 1) * DILATION_H + 1;

constexpr int kWords = VECTOR * static_cast<int>(sizeof(T)) / 4;
static_assert(kSpan <= 32, "a bit for each column");

// One row of the input; what lies outside is zero. Bit s of `columns`: column s lies inside.
INGOT_INLINE void load_row(unsigned (&v)[kSpan][kWords], const T* from, bool inside, unsigned columns) {
#pragma unroll
  for (int s = 0; s < kSpan; ++s) load_or_zero(v[s], from + s * CHANNELS, inside && (columns >> s & 1u) != 0);
}

extern "C" __global__ void __launch_bounds__(kThreads) depthwise_tile(const __grid_constant__ Params p) {
  __shared__ Vec<float, VECTOR> weights[KERNEL_H * KERNEL_W][THREADS_X];
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const int channel0 = static_cast<int>(blockIdx.y) * kWidth, channel = channel0 + x * VECTOR;
  for (int i = y * THREADS_X + x; i < KERNEL_H * KERNEL_W * THREADS_X; i += kThreads) {
    const int c = channel0 + i % THREADS_X * VECTOR;
    if (c >= CHANNELS) continue;
    const Vec<T, VECTOR> w =
        *reinterpret_cast<const Vec<T, VECTOR>*>(static_cast<const T*>(p.w) + i / THREADS_X * CHANNELS + c);
#pragma unroll
    for (int j = 0; j < VECTOR; ++j) weights[i / THREADS_X][i % THREADS_X].v[j] = load_value(w.v[j]);
  }
  begin_dependent();
  __syncthreads();
  if (channel >= CHANNELS) return;
  const int across = (p.out_w + COLUMNS - 1) / COLUMNS, down = (p.out_h + ROWS - 1) / ROWS;
  for (int unit = static_cast<int>(blockIdx.x) * THREADS_Y + y; unit < p.units;
       unit += static_cast<int>(gridDim.x) * THREADS_Y) {
    const int ow0 = unit % across * COLUMNS, rest = unit / across;
    const int oh0 = rest % down * ROWS, image = rest / down;
    const int h0 = oh0 * STRIDE_H - p.pad_h, w0 = ow0 * STRIDE_W - p.pad_w;
    unsigned columns = 0;
#pragma unroll
    for (int i = 0; i < kSpan; ++i)
      columns |= static_cast<unsigned>(w0 + i) < static_cast<unsigned>(p.in_w) ? 1u << i : 0u;
    const auto row_inside = [&](int row) { return static_cast<unsigned>(h0 + row) < static_cast<unsigned>(p.in_h); };
    const T* const first =
        static_cast<const T*>(p.x) + ((static_cast<long long>(image) * p.in_h + h0) * p.in_w + w0) * CHANNELS + channel;
    float sum[ROWS][COLUMNS][VECTOR];
#pragma unroll
    for (int r = 0; r < ROWS; ++r)
#pragma unroll
      for (int c = 0; c < COLUMNS; ++c)
#pragma unroll
        for (int j = 0; j < VECTOR; ++j) sum[r][c][j] = 0.0f;
    const int pitch = p.in_w * CHANNELS;
    unsigned next[kSpan][kWords];
    load_row(next, first, row_inside(0), columns);
#pragma unroll UNROLL_ROWS
    for (int row = 0; row < kRows; ++row) {
      float f[kSpan][VECTOR];
#pragma unroll
      for (int s = 0; s < kSpan; ++s)
#pragma unroll
        for (int j = 0; j < VECTOR; ++j) f[s][j] = load_value(Unpack<T>::at(next[s], j));
      // On its way while this one is multiplied.
      load_row(next, first + static_cast<long long>(row + 1) * pitch, row + 1 < kRows && row_inside(row + 1), columns);
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        const int tap = row - r * STRIDE_H;
        if (tap < 0 || tap % DILATION_H != 0 || tap / DILATION_H >= KERNEL_H) continue;
#pragma unroll
        for (int kw = 0; kw < KERNEL_W; ++kw) {
          const Vec<float, VECTOR> w = weights[tap / DILATION_H * KERNEL_W + kw][x];
#pragma unroll
          for (int c = 0; c < COLUMNS; ++c)
#pragma unroll
            for (int j = 0; j < VECTOR; ++j)
              sum[r][c][j] = fmaf(f[c * STRIDE_W + kw * DILATION_W][j], w.v[j], sum[r][c][j]);
        }
      }
    }
    Vec<T, VECTOR> bias{};
    if (p.bias != nullptr) bias = *reinterpret_cast<const Vec<T, VECTOR>*>(static_cast<const T*>(p.bias) + channel);
#pragma unroll
    for (int r = 0; r < ROWS; ++r)
#pragma unroll
      for (int c = 0; c < COLUMNS; ++c) {
        if (oh0 + r >= p.out_h || ow0 + c >= p.out_w) continue;
        constexpr int V = VECTOR;
        const int row = (image * p.out_h + oh0 + r) * p.out_w + ow0 + c, column = channel;
        float(&x0)[V] = sum[r][c];
#pragma unroll
        for (int j = 0; j < V; ++j) x0[j] += load_value(bias.v[j]);
        Vec<OUT, V> out;
        EPILOGUE_LOADS
#pragma unroll
        for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
        *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.y) + static_cast<long long>(row) * CHANNELS + column) = out;
      }
  }
}
