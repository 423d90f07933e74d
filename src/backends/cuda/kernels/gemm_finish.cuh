// SPDX-License-Identifier: Apache-2.0
// The end of matrix products and convolutions: V consecutive columns of one row get bias and expression and are stored.
// Given: T, OUT, BN, the epilogue. Optional: ROWS_TO (rows are stored in another order).
template <int V>
struct FinishOperands {
  EpilogueOperands<V> epilogue;
  int to;  // row of the output

  INGOT_INLINE void load(const ingot_cuda::GemmParams& p, int row, int column) {
    to = row;
#ifdef ROWS_TO
    const int batch = p.rows_to_length < p.m ? row / p.rows_to_length * p.rows_to_length : 0;
    to = batch + p.rows_to[row - batch];
#endif
    epilogue.load(p, row, column);
  }
};

// The sums of a tile in this block's shared memory: V of them side by side, of several rows. Word by word, threads that
// are V words apart would share few banks.
struct OwnSums {
  const float* sums;
  int pitch;
  template <int V, int TOGETHER>
  INGOT_INLINE void operator()(float (&values)[TOGETHER][V], const int (&rows)[TOGETHER], int column) const {
#pragma unroll
    for (int t = 0; t < TOGETHER; ++t) {
      const float* const from = sums + max_int(rows[t], 0) * pitch + column;
#pragma unroll
      for (int j = 0; j < V; j += V < 4 ? 1 : 4) {
        if constexpr (V < 4) {
          values[t][j] = from[j];
        } else {
          const float4 four = *reinterpret_cast<const float4*>(from + j);
          values[t][j] = four.x;
          values[t][j + 1] = four.y;
          values[t][j + 2] = four.z;
          values[t][j + 3] = four.w;
        }
      }
    }
  }
};

template <int V>
INGOT_INLINE void finish_loaded(const ingot_cuda::GemmParams& p, const FinishOperands<V>& operands,
                                const Vec<T, V>& bias, const float* values, int column) {
  const EpilogueOperands<V>& loaded = operands.epilogue;
  float x0[V];
#pragma unroll
  for (int j = 0; j < V; ++j) x0[j] = p.bias != nullptr ? values[j] + load_value(bias.v[j]) : values[j];
  Vec<OUT, V> out;
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
  *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.c) + static_cast<long long>(operands.to) * p.ldc + column) = out;
}

// What THREADS threads do for a tile's rows from row0 on, each for columns of its own, V side by side: those of its
// bias are on their way from the beginning. Loops stay loops: code that runs once is slow to arrive. TOGETHER: rows
// whose operands are on their way at once.
template <int V, int THREADS, int TOGETHER = EPILOGUE_INPUTS == 0 || V == 1 ? 1 : 2>
struct Finish {
  static constexpr int kColumns = BN / V, kAcross = kColumns < THREADS ? kColumns : THREADS, kTeams = THREADS / kAcross;
  static constexpr int kStep = kTeams * TOGETHER;
  int n0, z;
  Vec<T, V> bias;

  INGOT_INLINE static int thread() { return static_cast<int>(threadIdx.x); }
  INGOT_INLINE static int column() { return thread() % kAcross * V; }

  INGOT_INLINE Finish(const ingot_cuda::GemmParams& p, int first_column, int batch) : n0(first_column), z(batch) {
    if (V == 1 || p.vector_epilogue != 0) load_bias(p, column());
  }
  INGOT_INLINE void load_bias(const ingot_cuda::GemmParams& p, int at) {
    if (p.bias != nullptr && at < BN && n0 + at < p.n)
      bias = *reinterpret_cast<const Vec<T, V>*>(static_cast<const T*>(p.bias) + z * p.column_batch + n0 + at);
  }

  // `row_at(row)` is a row's place in its batch, `read(values, rows, column)` gives the sums of V columns of TOGETHER
  // rows; a row below 0 is none.
  template <typename RowAt, typename Read>
  INGOT_INLINE void run(const ingot_cuda::GemmParams& p, int row0, int rows, RowAt row_at, Read read) {
    const int team = thread() / kAcross, row_base = z * p.row_batch, column_base = z * p.column_batch + n0;
#pragma unroll 1
    for (int at = column(); at < BN && n0 + at < p.n; at += kAcross * V) {
      if (kColumns > THREADS && at != column()) load_bias(p, at);
#pragma unroll 1
      for (int begin = team < kTeams ? team : rows; begin < rows; begin += kStep) {
        FinishOperands<V> operands[TOGETHER];
        int tile_rows[TOGETHER], place[TOGETHER];  // -1: none
        float values[TOGETHER][V];
#pragma unroll
        for (int t = 0; t < TOGETHER; ++t) {
          const int i = begin + t * kTeams, row = row_at(row0 + i);
          const bool ok = i < rows && row < p.m;
          tile_rows[t] = ok ? row0 + i : -1;
          place[t] = ok ? row_base + row : -1;
          if (place[t] >= 0) operands[t].load(p, place[t], column_base + at);
        }
        read(values, tile_rows, at);
#pragma unroll
        for (int t = 0; t < TOGETHER; ++t)
          if (place[t] >= 0) finish_loaded<V>(p, operands[t], bias, values[t], column_base + at);
      }
    }
  }
};
