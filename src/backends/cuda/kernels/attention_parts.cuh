// SPDX-License-Identifier: Apache-2.0
// Attention of few queries over many keys: which rows and keys a block has, and how the states of rows meet that several
// warps, and several blocks, have made over their parts of the keys. Rows are the queries of all heads that share a head
// of keys. Blocks: rows of heads of keys (x), parts of the keys (y), batch entries (z). Meetings go through the parts in
// their order, so that every run gives the same.
// Given: T, SIZE_V.
using Params = ingot_cuda::AttentionParams;

constexpr int kColumns = SIZE_V % 4 == 0 ? 4 : 1;  // of a vector
constexpr int kVectors = SIZE_V / kColumns;
// Floats of a row's state in shared memory: sums, and behind them the largest score and the sum of weights. Eight rows
// lie in different banks by fours.
constexpr int kMostAt = (SIZE_V + 15) / 16 * 16, kStatePitch = kMostAt + 8;

struct Work {
  int kv, row0, rows, part, batch;  // head of keys, first row and all rows of it, part of the keys, batch entry
};
template <int BLOCK_ROWS>
INGOT_INLINE Work work_of_block(const Params& p) {
  Work w;
  w.rows = p.heads_per_kv * p.queries;
  const int blocks = (w.rows + BLOCK_ROWS - 1) / BLOCK_ROWS, x = static_cast<int>(blockIdx.x);
  w.kv = x / blocks;
  w.row0 = x % blocks * BLOCK_ROWS;
  w.part = static_cast<int>(blockIdx.y);
  w.batch = static_cast<int>(blockIdx.z);
  return w;
}
// Head and query of a row; of the last one behind the end.
struct Row {
  int head, query;
};
INGOT_INLINE Row row_at(const Params& p, const Work& w, int row) {
  const int r = min_int(w.row0 + row, w.rows - 1);
  return {w.kv * p.heads_per_kv + r / p.queries, r % p.queries};
}
// Keys that any query sees, and that this one does.
INGOT_INLINE int keys_seen(const Params& p) { return p.causal != 0 ? min_int(p.keys, p.queries) : p.keys; }
INGOT_INLINE int keys_seen(const Params& p, Row row) {
  return p.causal != 0 ? min_int(p.keys, row.query + 1) : p.keys;
}
// Of steps that p.parts blocks share out, the first and the one behind the last of a part.
struct Share {
  int first, end;
};
INGOT_INLINE Share share_of(const Params& p, int steps, int part) {
  const int each = steps / p.parts, more = steps % p.parts;
  const int first = part * each + min_int(part, more);
  return {first, first + each + (part < more ? 1 : 0)};
}

// A vector of a row's columns: sums of weighted values and of weights, both relative to the largest score, to base 2.
struct State {
  float most, total, sum[kColumns];

  INGOT_INLINE void clear() {
    most = -kInfinity, total = 0.0f;
#pragma unroll
    for (int e = 0; e < kColumns; ++e) sum[e] = 0.0f;
  }
  INGOT_INLINE void add(float other_most, float other_total, const Vec<float, kColumns>& other) {
    const float next = x_max(most, other_most), shift = next == -kInfinity ? 0.0f : next;
    const float keep = power_of_2(most - shift), share = power_of_2(other_most - shift);
    most = next;
    total = fmaf(total, keep, other_total * share);
#pragma unroll
    for (int e = 0; e < kColumns; ++e) sum[e] = fmaf(sum[e], keep, other.v[e] * share);
  }
  // The result; zeros where no key may be seen.
  INGOT_INLINE void store(T* to) const {
    const float factor = total == 0.0f ? 0.0f : 1.0f / total;
    Vec<T, kColumns> out;
#pragma unroll
    for (int e = 0; e < kColumns; ++e) out.v[e] = store_value<T>(sum[e] * factor);
    *reinterpret_cast<Vec<T, kColumns>*>(to) = out;
  }
};

INGOT_INLINE T* output_of(const Params& p, int batch, Row row) {
  return static_cast<T*>(p.y) + batch * p.y_batch + row.head * p.y_head + row.query * p.y_row;
}

// The end of a block: `states` holds those of BLOCK_ROWS rows by each of COUNT warps.
template <int COUNT, int BLOCK_ROWS>
INGOT_INLINE void finish_block(const Params& p, const Work& w, const float* states) {
  const int rows = min_int(BLOCK_ROWS, w.rows - w.row0);
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < rows * kVectors; i += COUNT * 32) {
    const int row = i / kVectors, column = i % kVectors * kColumns;
    State all;
    all.clear();
#pragma unroll
    for (int warp = 0; warp < COUNT; ++warp) {
      const float* const from = states + (warp * BLOCK_ROWS + row) * kStatePitch;
      all.add(from[kMostAt], from[kMostAt + 1], *reinterpret_cast<const Vec<float, kColumns>*>(from + column));
    }
    const Row at = row_at(p, w, row);
    if (p.parts == 1) {
      all.store(output_of(p, w.batch, at) + column);
      continue;
    }
    const long long unit =
        ((static_cast<long long>(w.batch) * p.heads + at.head) * p.queries + at.query) * p.parts + w.part;
    Vec<float, kColumns> out;
#pragma unroll
    for (int e = 0; e < kColumns; ++e) out.v[e] = all.sum[e];
    *reinterpret_cast<Vec<float, kColumns>*>(p.part_sums + unit * SIZE_V + column) = out;
    if (column == 0) *reinterpret_cast<Vec<float, 2>*>(p.part_totals + unit * 2) = {all.most, all.total};
  }
}

// Where there are several parts: a block for 32 vectors of columns (y) of a row of the output (x); each warp takes every
// eighth part, AT_ONCE of them on their way together.
constexpr int kMeetWarps = 8;
extern "C" __global__ void __launch_bounds__(kMeetWarps * 32) attention_meet(const __grid_constant__ Params p) {
  begin_dependent();
  constexpr int kAtOnce = 8;
  __shared__ State met[kMeetWarps][32];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int column = (static_cast<int>(blockIdx.y) * 32 + lane) * kColumns, row = static_cast<int>(blockIdx.x);
  const bool inside = column < SIZE_V;
  const float* const sums = p.part_sums + static_cast<long long>(row) * p.parts * SIZE_V + column;
  const float* const totals = p.part_totals + static_cast<long long>(row) * p.parts * 2;
  State all;
  all.clear();
#pragma unroll 1
  for (int first = warp; first < p.parts; first += kMeetWarps * kAtOnce) {
    unsigned sum[kAtOnce][kColumns], total[kAtOnce][2];
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      const int part = first + j * kMeetWarps;
      const bool ok = part < p.parts;
      load_or_zero(sum[j], sums + static_cast<long long>(part) * SIZE_V, ok && inside);
      load_or_zero(total[j], totals + static_cast<long long>(part) * 2, ok);
    }
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      Vec<float, kColumns> values;
#pragma unroll
      for (int e = 0; e < kColumns; ++e) values.v[e] = __uint_as_float(sum[j][e]);
      const bool ok = first + j * kMeetWarps < p.parts;
      all.add(ok ? __uint_as_float(total[j][0]) : -kInfinity, __uint_as_float(total[j][1]), values);
    }
  }
  met[warp][lane] = all;
  __syncthreads();
  if (warp != 0 || !inside) return;
#pragma unroll
  for (int i = 1; i < kMeetWarps; ++i) {
    const State& other = met[i][lane];
    Vec<float, kColumns> values;
#pragma unroll
    for (int e = 0; e < kColumns; ++e) values.v[e] = other.sum[e];
    all.add(other.most, other.total, values);
  }
  const Row at{row / p.queries % p.heads, row % p.queries};
  all.store(output_of(p, row / p.queries / p.heads, at) + column);
}
