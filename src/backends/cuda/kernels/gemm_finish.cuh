// SPDX-License-Identifier: Apache-2.0
// The end of matrix products and convolutions: V consecutive columns of one row get bias and expression and are stored.
// Given: T, OUT, BN, the epilogue.
template <int V>
INGOT_INLINE void finish_loaded(const ingot_cuda::GemmParams& p, const EpilogueOperands<V>& loaded, const float* values,
                                int row, int column) {
  float x0[V];
#pragma unroll
  for (int j = 0; j < V; ++j) x0[j] = values[j];
  if (p.bias != nullptr) {
    const Vec<T, V> bias = *reinterpret_cast<const Vec<T, V>*>(static_cast<const T*>(p.bias) + column);
#pragma unroll
    for (int j = 0; j < V; ++j) x0[j] += load_value(bias.v[j]);
  }
  Vec<OUT, V> out;
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
  *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.c) + static_cast<long long>(row) * p.ldc + column) = out;
}

// A tile's rows from row0 on, by THREADS threads. `read(values, row, column)` gives the sums of V columns. Operands of
// several places are on their way together.
template <int V, int THREADS, typename Read>
INGOT_INLINE void finish_tile(const ingot_cuda::GemmParams& p, int row0, int rows, int m0, int n0, int z, Read read) {
  constexpr int kTogether = V == 1 || EPILOGUE_INPUTS > 2 ? 1 : EPILOGUE_INPUTS == 2 ? 2 : 4;
  const auto inside = [&](int i) { return i < rows * BN && m0 + row0 + i / BN < p.m && n0 + i % BN < p.n; };
  const int row_base = z * p.row_batch + m0 + row0, column_base = z * p.column_batch + n0;
  for (int begin = static_cast<int>(threadIdx.x) * V; begin < rows * BN; begin += THREADS * V * kTogether) {
    EpilogueOperands<V> loaded[kTogether];
#pragma unroll
    for (int t = 0; t < kTogether; ++t) {
      const int i = begin + t * THREADS * V;
      if (inside(i)) loaded[t].load(p, row_base + i / BN, column_base + i % BN);
    }
#pragma unroll
    for (int t = 0; t < kTogether; ++t) {
      const int i = begin + t * THREADS * V;
      if (!inside(i)) continue;
      float values[V];
      read(values, row0 + i / BN, i % BN);
      finish_loaded<V>(p, loaded[t], values, row_base + i / BN, column_base + i % BN);
    }
  }
}
