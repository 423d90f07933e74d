// SPDX-License-Identifier: Apache-2.0
// Behind pool.cu: `pool_window`, channels last, two dimensions, windows of KERNEL_H x KERNEL_W in steps of STRIDE_H x
// STRIDE_W without dilation. A thread makes DOWN x ACROSS neighbours of the output, VECTOR channels of each, and reads
// what their windows share once. MINUS_INFINITY: a word of such elements.

// VECTOR elements and what pooling does to them: the largest stays in the elements' type, two halves at a time.
struct Pooled {
#if AVERAGE
  float v[VECTOR];
  static INGOT_INLINE Pooled none() {
    Pooled r;
#pragma unroll
    for (int j = 0; j < VECTOR; ++j) r.v[j] = 0.0f;
    return r;
  }
  static INGOT_INLINE Pooled load(const T* from) {
    const Vec<T, VECTOR> all = *reinterpret_cast<const Vec<T, VECTOR>*>(from);
    Pooled r;
#pragma unroll
    for (int j = 0; j < VECTOR; ++j) r.v[j] = load_value(all.v[j]);
    return r;
  }
  INGOT_INLINE void take(const Pooled& other) {
#pragma unroll
    for (int j = 0; j < VECTOR; ++j) v[j] += other.v[j];
  }
  INGOT_INLINE float at(int j) const { return v[j]; }
#else
  static constexpr int kWords = VECTOR * static_cast<int>(sizeof(T)) / 4;
  unsigned v[kWords];
  static INGOT_INLINE Pooled none() {
    Pooled r;
#pragma unroll
    for (int j = 0; j < kWords; ++j) r.v[j] = kLeast;
    return r;
  }
  static INGOT_INLINE Pooled load(const T* from) {
    const Vec<unsigned, kWords> all = *reinterpret_cast<const Vec<unsigned, kWords>*>(from);
    Pooled r;
#pragma unroll
    for (int j = 0; j < kWords; ++j) r.v[j] = all.v[j];
    return r;
  }
  INGOT_INLINE void take(const Pooled& other) {
#pragma unroll
    for (int j = 0; j < kWords; ++j) v[j] = largest(v[j], other.v[j], T{});
  }
  INGOT_INLINE float at(int j) const { return load_value(Unpack<T>::at(v, j)); }

 private:
  static constexpr unsigned kLeast = MINUS_INFINITY;
  static INGOT_INLINE unsigned largest(unsigned a, unsigned b, float) {
    return __float_as_uint(x_max(__uint_as_float(a), __uint_as_float(b)));
  }
  static INGOT_INLINE unsigned largest(unsigned a, unsigned b, f16) {
    unsigned r;
    asm("max.NaN.f16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
  }
  static INGOT_INLINE unsigned largest(unsigned a, unsigned b, bf16) {
    unsigned r;
    asm("max.NaN.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
  }
#endif
};

// How many of `size` places from `first` on lie in [low, high).
INGOT_INLINE int inside(int first, int size, int low, int high) {
  return max_int(0, min_int(first + size, high) - max_int(first, low));
}

extern "C" __global__ void __launch_bounds__(128) pool_window(const __grid_constant__ Params p) {
  begin_dependent();
  constexpr int V = VECTOR, kInH = (DOWN - 1) * STRIDE_H + KERNEL_H, kInW = (ACROSS - 1) * STRIDE_W + KERNEL_W;
  const unsigned unit = blockIdx.x * blockDim.x + threadIdx.x;
  if (unit >= p.units) return;
  const unsigned groups = static_cast<unsigned>(p.channels) / V;
  const unsigned tiles_w = (static_cast<unsigned>(p.out[2]) + ACROSS - 1) / ACROSS;
  const unsigned tiles_h = (static_cast<unsigned>(p.out[1]) + DOWN - 1) / DOWN;
  unsigned rest = unit / groups;
  const int channel = static_cast<int>(unit - rest * groups) * V;
  const int out_w = static_cast<int>(rest % tiles_w) * ACROSS;
  rest /= tiles_w;
  const int out_h = static_cast<int>(rest % tiles_h) * DOWN;
  const int image = static_cast<int>(rest / tiles_h);
  const int in_h = out_h * STRIDE_H - p.pad[1], in_w = out_w * STRIDE_W - p.pad[2];
  const T* x = static_cast<const T*>(p.x) + static_cast<long long>(image) * p.in[1] * p.in[2] * p.channels + channel;
  Pooled all[DOWN][ACROSS];
#pragma unroll
  for (int i = 0; i < DOWN * ACROSS; ++i) all[i / ACROSS][i % ACROSS] = Pooled::none();
#pragma unroll
  for (int h = 0; h < kInH; ++h) {
    const bool row_inside = static_cast<unsigned>(in_h + h) < static_cast<unsigned>(p.in[1]);
    const T* row = x + static_cast<long long>(in_h + h) * p.in[2] * p.channels;
    Pooled of_row[kInW];
#pragma unroll
    for (int w = 0; w < kInW; ++w) {
      of_row[w] = Pooled::none();
      if (row_inside && static_cast<unsigned>(in_w + w) < static_cast<unsigned>(p.in[2]))
        of_row[w] = Pooled::load(row + static_cast<long long>(in_w + w) * p.channels);
    }
#pragma unroll
    for (int b = 0; b < ACROSS; ++b) {
      Pooled part = of_row[b * STRIDE_W];
#pragma unroll
      for (int w = 1; w < KERNEL_W; ++w) part.take(of_row[b * STRIDE_W + w]);
#pragma unroll
      for (int a = 0; a < DOWN; ++a)
        if (h >= a * STRIDE_H && h < a * STRIDE_H + KERNEL_H) all[a][b].take(part);
    }
  }
#pragma unroll
  for (int a = 0; a < DOWN; ++a)
#pragma unroll
    for (int b = 0; b < ACROSS; ++b) {
      if (out_h + a >= p.out[1] || out_w + b >= p.out[2]) continue;
      float x0[V];
#pragma unroll
      for (int j = 0; j < V; ++j) x0[j] = all[a][b].at(j);
      if (AVERAGE) {
        const int h = in_h + a * STRIDE_H, w = in_w + b * STRIDE_W;
        const bool padded = p.include_pad != 0;
        const int in_h_of = inside(h, KERNEL_H, padded ? -p.pad[1] : 0, p.in[1] + (padded ? p.pad_end[1] : 0));
        const int in_w_of = inside(w, KERNEL_W, padded ? -p.pad[2] : 0, p.in[2] + (padded ? p.pad_end[2] : 0));
        const float divisor = static_cast<float>(in_h_of * in_w_of);
#pragma unroll
        for (int j = 0; j < V; ++j) x0[j] /= divisor;
      }
      const int row = (image * p.out[1] + out_h + a) * p.out[2] + out_w + b, column = channel;
      Vec<OUT, V> out;
      EPILOGUE_LOADS
#pragma unroll
      for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
      *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.y) + static_cast<long long>(row) * p.channels + column) = out;
    }
}
