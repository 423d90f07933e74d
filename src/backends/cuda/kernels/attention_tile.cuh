// SPDX-License-Identifier: Apache-2.0
// Tiles of keys and values in shared memory, for attention kernels on the tensor cores. Given: T, of 2 bytes.

// Rows of COLUMNS columns into shared memory by THREADS threads, of which this is `thread`; zeros behind the last row
// and the last column.
template <int THREADS, int ROWS, int COLUMNS, int WIDTH, int PITCH>
INGOT_INLINE void load_tile(T* to, const T* from, long long row_stride, int rows, int thread) {
  constexpr int kChunks = WIDTH / 8, kAtOnce = THREADS / kChunks;  // rows at once; threads beyond them idle
  const int row0 = thread / kChunks, column = thread % kChunks * 8;
  if (THREADS % kChunks != 0 && row0 >= kAtOnce) return;
  const bool inside = COLUMNS == WIDTH || column < COLUMNS;
  const T* at = from + row0 * row_stride + column;
  const unsigned to_address = shared_address(to + row0 * PITCH + column);
#pragma unroll
  for (int row = 0; row < ROWS; row += kAtOnce) {
    if (ROWS % kAtOnce != 0 && row0 + row >= ROWS) break;
    const bool ok = row0 + row < rows && inside;
    copy_async_16(to_address + row * PITCH * 2, ok ? at : from, ok);
    at += kAtOnce * row_stride;
  }
}

// sum += weights * values: row tiles of 16 by 8 keys, as the product of queries and keys leaves them, by keys in rows of
// PITCH; the address is that of this lane's row.
template <int PITCH, int TILES, int SUM_TILES, int KEY_TILES>
INGOT_INLINE void add_values(float (&sum)[TILES][SUM_TILES][4], const unsigned (&weight)[TILES][KEY_TILES][2],
                             unsigned v_address) {
#pragma unroll
  for (int kk = 0; kk < KEY_TILES / 2; ++kk)
#pragma unroll
    for (int n = 0; n < SUM_TILES / 2; ++n) {
      unsigned b[4];
      load_matrices_transposed(b, v_address + (kk * 16 * PITCH + n * 16) * 2);
#pragma unroll
      for (int r = 0; r < TILES; ++r) {
        const unsigned a[4] = {weight[r][2 * kk][0], weight[r][2 * kk][1], weight[r][2 * kk + 1][0],
                               weight[r][2 * kk + 1][1]};
        Mma<T>::run(sum[r][2 * n], a, b[0], b[1]);
        Mma<T>::run(sum[r][2 * n + 1], a, b[2], b[3]);
      }
    }
}
