// SPDX-License-Identifier: Apache-2.0
// Loads of epilogue operands, shared by the kernels whose output is rows x columns.
INGOT_INLINE long long operand_offset(const ingot_cuda::EpilogueOperand& o, int row, int column) {
  long long at = static_cast<long long>(column) * o.column_stride;
  if (o.simple != 0) return at + static_cast<long long>(row) * o.row_stride;
  const int q0 = row / o.d0, q1 = q0 / o.d1, q2 = q1 / o.d2;
  return at + static_cast<long long>(row - q0 * o.d0) * o.s0 + static_cast<long long>(q0 - q1 * o.d1) * o.s1 +
         static_cast<long long>(q1 - q2 * o.d2) * o.s2 + static_cast<long long>(q2) * o.s3;
}

// V columns of an operand. Halves stay in whole words until they are used: taking words apart where they are loaded would
// wait for each load.
template <typename E, int V, bool PAIRS = sizeof(E) == 2 && V % 2 == 0>
struct OperandVector {
  Vec<E, V> v;
  INGOT_INLINE void load(const E* from, int column_stride) {
    if (column_stride == 1) {
      v = *reinterpret_cast<const Vec<E, V>*>(from);
    } else {
      const E one = *from;
#pragma unroll
      for (int j = 0; j < V; ++j) v.v[j] = one;
    }
  }
  INGOT_INLINE E at(int j) const { return v.v[j]; }
};
template <typename E, int V>
struct OperandVector<E, V, true> {
  unsigned words[V / 2];
  INGOT_INLINE void load(const E* from, int column_stride) {
    if (column_stride == 1) {
      const Vec<unsigned, V / 2> all = *reinterpret_cast<const Vec<unsigned, V / 2>*>(from);
#pragma unroll
      for (int j = 0; j < V / 2; ++j) words[j] = all.v[j];
    } else {
      const unsigned both = static_cast<unsigned>(from->bits) * 0x10001u;
#pragma unroll
      for (int j = 0; j < V / 2; ++j) words[j] = both;
    }
  }
  INGOT_INLINE E at(int j) const { return E{static_cast<unsigned short>(words[j / 2] >> (j % 2 * 16))}; }
};

template <typename E, int V>
INGOT_INLINE OperandVector<E, V> load_epilogue(const ingot_cuda::EpilogueOperand& o, int row, int column) {
  OperandVector<E, V> r;
  r.load(static_cast<const E*>(o.data) + operand_offset(o, row, column), o.column_stride);
  return r;
}

// Asks for the cache line of an operand that differs from row to row.
template <typename E>
INGOT_INLINE void touch_epilogue(const ingot_cuda::EpilogueOperand& o, int row, int column) {
  if (o.column_stride != 1 || (o.simple != 0 && o.row_stride == 0)) return;
  asm volatile("prefetch.global.L2 [%0];" ::"l"(static_cast<const E*>(o.data) + operand_offset(o, row, column)));
}
