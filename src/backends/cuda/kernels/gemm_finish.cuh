// SPDX-License-Identifier: Apache-2.0
// The end of matrix products and convolutions: V consecutive columns of one row get bias and expression and are stored.
// Given: T, OUT, BN, the epilogue. Optional: ROWS_TO (rows are stored in another order).
template <int V>
struct FinishOperands {
  Vec<T, V> bias;
  EpilogueOperands<V> epilogue;
  int to;  // row of the output

  INGOT_INLINE void load(const ingot_cuda::GemmParams& p, int row, int column) {
    if (p.bias != nullptr) bias = *reinterpret_cast<const Vec<T, V>*>(static_cast<const T*>(p.bias) + column);
    to = row;
#ifdef ROWS_TO
    const int batch = p.rows_to_length < p.m ? row / p.rows_to_length * p.rows_to_length : 0;
    to = batch + p.rows_to[row - batch];
#endif
    epilogue.load(p, row, column);
  }
};

template <int V>
INGOT_INLINE void finish_loaded(const ingot_cuda::GemmParams& p, const FinishOperands<V>& operands, const float* values,
                                int column) {
  const EpilogueOperands<V>& loaded = operands.epilogue;
  float x0[V];
#pragma unroll
  for (int j = 0; j < V; ++j) x0[j] = p.bias != nullptr ? values[j] + load_value(operands.bias.v[j]) : values[j];
  Vec<OUT, V> out;
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
  *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.c) + static_cast<long long>(operands.to) * p.ldc + column) = out;
}

// A tile's rows from row0 on, by THREADS threads. `row_at(row)` is a row's place in its batch, `read(values, row,
// column)` gives the sums of V columns. Operands of several places are on their way together.
template <int V, int THREADS, typename RowAt, typename Read>
INGOT_INLINE void finish_tile(const ingot_cuda::GemmParams& p, int row0, int rows, RowAt row_at, int n0, int z,
                              Read read) {
  constexpr int kTogether = V == 1 || EPILOGUE_INPUTS > 2 ? 1 : EPILOGUE_INPUTS == 2 ? 2 : 4;
  const int row_base = z * p.row_batch, column_base = z * p.column_batch + n0;
  for (int begin = static_cast<int>(threadIdx.x) * V; begin < rows * BN; begin += THREADS * V * kTogether) {
    FinishOperands<V> operands[kTogether];
    int place[kTogether];  // -1: outside
#pragma unroll
    for (int t = 0; t < kTogether; ++t) {
      const int i = begin + t * THREADS * V, row = row_at(row0 + i / BN);
      place[t] = i < rows * BN && row < p.m && n0 + i % BN < p.n ? row_base + row : -1;
      if (place[t] >= 0) operands[t].load(p, place[t], column_base + i % BN);
    }
#pragma unroll
    for (int t = 0; t < kTogether; ++t) {
      const int i = begin + t * THREADS * V;
      if (place[t] < 0) continue;
      float values[V];
      read(values, row0 + i / BN, i % BN);
      finish_loaded<V>(p, operands[t], values, column_base + i % BN);
    }
  }
}
