// SPDX-License-Identifier: Apache-2.0
// The end of matrix products and convolutions: V consecutive columns of one row get bias and expression and are stored.
// Given: T, OUT, the epilogue.
template <int V>
INGOT_INLINE void finish(const ingot_cuda::GemmParams& p, const float* values, int row, int column, int n) {
  float x0[V];
#pragma unroll
  for (int j = 0; j < V; ++j) x0[j] = values[j];
  if (p.bias != nullptr) {
    const Vec<T, V> bias = *reinterpret_cast<const Vec<T, V>*>(static_cast<const T*>(p.bias) + column);
#pragma unroll
    for (int j = 0; j < V; ++j) x0[j] += load_value(bias.v[j]);
  }
  Vec<OUT, V> out;
  EPILOGUE_LOADS
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
  *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.c) + static_cast<long long>(row) * p.ldc + column) = out;
}
