// SPDX-License-Identifier: Apache-2.0
// Transposes with an expression. Given: T, OUT, S (the type in shared memory), FIRST(v) from T to S, LAST(v) from S to
// OUT, LINE (elements of a vector both types hold). In a matrix, a row is what the output holds side by side (`rows`
// counts its elements, r), a column what the input does (c):
//
//   transpose_blocks  a thread takes a small square in registers, 16 bytes of a line on either side
//   transpose_gather  few r: tiles of all r, or of some, through shared memory; the output's part of a tile is whole
//   transpose_spread  few c: tiles of all c; the input's part of a tile is whole
//   transpose_lines   the last dimension stays the last
//   transpose_any     element by element
using Params = ingot_cuda::TransposeParams;

#define FINISH(v) LAST(FIRST(v))
__device__ constexpr int within(int low, int high, int n) { return n < low ? low : n > high ? high : n; }
// Elements of 16 bytes, and the few that lanes side by side move where each puts them far apart in shared memory.
template <typename E>
constexpr int kWide = within(1, 8, 16 / sizeof(E));
constexpr int kLine = kWide<T> < kWide<OUT> ? kWide<T> : kWide<OUT>;
constexpr int kIn = sizeof(T) == 4 ? 4 : within(1, 4, 4 / sizeof(T)), kOut = within(1, 4, 4 / sizeof(OUT));

struct Place {
  long long in, out;
};
// Of an index over all dimensions but the last `skipped` ones.
INGOT_INLINE Place place_of(const Params& p, unsigned index, int skipped) {
  Place at = {0, 0};
  for (int d = p.rank - 1 - skipped; d >= 0; --d) {
    const unsigned dim = static_cast<unsigned>(p.dims[d]);
    const unsigned rest = index / dim, here = index - rest * dim;
    index = rest;
    at.in += here * p.in_strides[d];
    at.out += here * p.out_strides[d];
  }
  return at;
}

extern "C" __global__ void __launch_bounds__(128) transpose_blocks(const __grid_constant__ Params p) {
  begin_dependent();
  constexpr int kColumns = kWide<T>, kRows = kWide<OUT>;
  const long long unit = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (unit >= p.units) return;
  const long long in_pitch = p.in_strides[p.rank - 1], out_pitch = p.out_strides[p.rank - 2];
  const int rows = p.dims[p.rank - 1] / kRows, columns = p.dims[p.rank - 2] / kColumns;
  const unsigned split = static_cast<unsigned>(p.split_rows != 0 ? rows : columns);
  const unsigned other = static_cast<unsigned>(p.split_rows != 0 ? columns : rows);
  const unsigned strips = (split + (1u << p.lanes_shift) - 1) >> p.lanes_shift;
  unsigned rest = static_cast<unsigned>(unit);
  unsigned along = rest & ((1u << p.lanes_shift) - 1);
  rest >>= p.lanes_shift;
  const unsigned across = rest % other;
  rest /= other;
  along += rest % strips << p.lanes_shift;
  if (along >= split) return;
  const Place place = place_of(p, rest / strips, 2);
  const int r = static_cast<int>(p.split_rows != 0 ? along : across) * kRows;
  const int c = static_cast<int>(p.split_rows != 0 ? across : along) * kColumns;
  const T* in = static_cast<const T*>(p.in) + place.in + r * in_pitch + c;
  OUT* out = static_cast<OUT*>(p.out) + place.out + c * out_pitch + r;
  Vec<T, kColumns> lines[kRows];
#pragma unroll
  for (int i = 0; i < kRows; ++i) lines[i] = *reinterpret_cast<const Vec<T, kColumns>*>(in + i * in_pitch);
#pragma unroll
  for (int j = 0; j < kColumns; ++j) {
    Vec<OUT, kRows> line;
#pragma unroll
    for (int i = 0; i < kRows; ++i) line.v[i] = FINISH(lines[i].v[j]);
    *reinterpret_cast<Vec<OUT, kRows>*>(out + j * out_pitch) = line;
  }
}

// A tile of r and c, of which the block is to do the part from r0 and c0 on.
struct Tile {
  const T* in;
  OUT* out;
  int r0, c0, rows, columns;
};
INGOT_INLINE Tile tile_of(const Params& p) {
  const unsigned tiles = static_cast<unsigned>(p.tiles_down) * static_cast<unsigned>(p.tiles_across);
  const unsigned outer = blockIdx.x / tiles, tile = blockIdx.x - outer * tiles;
  const unsigned down = tile / static_cast<unsigned>(p.tiles_across);
  const Place place = place_of(p, outer, 2);
  Tile t;
  t.r0 = static_cast<int>(down) * p.tile_rows;
  t.c0 = static_cast<int>(tile - down * static_cast<unsigned>(p.tiles_across)) << p.tile_shift;
  t.rows = min_int(p.tile_rows, p.dims[p.rank - 1] - t.r0);
  t.columns = min_int(1 << p.tile_shift, p.dims[p.rank - 2] - t.c0);
  t.in = static_cast<const T*>(p.in) + place.in + t.r0 * p.in_strides[p.rank - 1] + t.c0;
  t.out = static_cast<OUT*>(p.out) + place.out + t.c0 * p.out_strides[p.rank - 2] + t.r0;
  return t;
}

constexpr int kTile = 16384 / sizeof(S);
constexpr int kThreads = 256;

// Calls load(i, unit) for a few units at once, then use(i, unit) for each of them, until all are done.
template <int AT_ONCE, typename Load, typename Use>
INGOT_INLINE void in_turns(int units, Load load, Use use) {
  for (int first = static_cast<int>(threadIdx.x); first < units; first += AT_ONCE * kThreads) {
#pragma unroll
    for (int i = 0; i < AT_ONCE; ++i)
      if (first + i * kThreads < units) load(i, first + i * kThreads);
#pragma unroll
    for (int i = 0; i < AT_ONCE; ++i)
      if (first + i * kThreads < units) use(i, first + i * kThreads);
  }
}

// IN elements of a column at a time, OUTS of a whole tile.
template <int IN, int OUTS>
INGOT_INLINE void gather_tile(const Params& p, S* tile) {
  const Tile t = tile_of(p);
  const bool whole = p.tiles_down == 1;
  const int pitch = whole ? t.rows : p.tile_rows + 1;
  const long long in_pitch = p.in_strides[p.rank - 1];
  const int shift = p.tile_shift - (IN == 4 ? 2 : IN == 2 ? 1 : 0);
  constexpr int kAtOnce = IN * sizeof(T) >= 16 ? 4 : 8;
  Vec<T, IN> held[kAtOnce];
  in_turns<kAtOnce>(
      t.rows << shift,
      [&](int i, int unit) {
        const int r = unit >> shift, c = (unit - (r << shift)) * IN;
        if (c < t.columns) held[i] = *reinterpret_cast<const Vec<T, IN>*>(t.in + r * in_pitch + c);
      },
      [&](int i, int unit) {
        const int r = unit >> shift, c = (unit - (r << shift)) * IN;
        if (c >= t.columns) return;
#pragma unroll
        for (int j = 0; j < IN; ++j) tile[(c + j) * pitch + r] = FIRST(held[i].v[j]);
      });
  __syncthreads();
  if (whole) {
    for (int unit = static_cast<int>(threadIdx.x) * OUTS; unit < t.columns * t.rows; unit += kThreads * OUTS) {
      const Vec<S, OUTS> from = *reinterpret_cast<const Vec<S, OUTS>*>(tile + unit);
      Vec<OUT, OUTS> to;
#pragma unroll
      for (int j = 0; j < OUTS; ++j) to.v[j] = LAST(from.v[j]);
      *reinterpret_cast<Vec<OUT, OUTS>*>(t.out + unit) = to;
    }
  } else {
    const long long out_pitch = p.out_strides[p.rank - 2];
    for (int c = static_cast<int>(threadIdx.x) / 32; c < t.columns; c += kThreads / 32)
      for (int r = static_cast<int>(threadIdx.x) % 32; r < t.rows; r += 32)
        t.out[c * out_pitch + r] = LAST(tile[c * pitch + r]);
  }
}

// IN elements of a whole tile at a time, OUTS of a row.
template <int IN, int OUTS>
INGOT_INLINE void spread_tile(const Params& p, S* tile) {
  // Here tiles are cut along r, and all c are in each.
  const int columns = p.dims[p.rank - 2];
  const unsigned tiles = static_cast<unsigned>(p.tiles_down);
  const unsigned outer = blockIdx.x / tiles;
  const Place place = place_of(p, outer, 2);
  const int r0 = static_cast<int>(blockIdx.x - outer * tiles) * p.tile_rows;
  const int rows = min_int(p.tile_rows, p.dims[p.rank - 1] - r0);
  const T* in = static_cast<const T*>(p.in) + place.in + static_cast<long long>(r0) * columns;
  OUT* out = static_cast<OUT*>(p.out) + place.out + r0;
  const long long out_pitch = p.out_strides[p.rank - 2];
  constexpr int kAtOnce = IN * sizeof(T) >= 16 ? 4 : 8;
  Vec<T, IN> held[kAtOnce];
  in_turns<kAtOnce>(
      (rows * columns + IN - 1) / IN,
      [&](int i, int unit) { held[i] = *reinterpret_cast<const Vec<T, IN>*>(in + unit * IN); },
      [&](int i, int unit) {
        Vec<S, IN> to;
#pragma unroll
        for (int j = 0; j < IN; ++j) to.v[j] = FIRST(held[i].v[j]);
        *reinterpret_cast<Vec<S, IN>*>(tile + unit * IN) = to;
      });
  __syncthreads();
  const int shift = p.tile_shift - (OUTS == 4 ? 2 : OUTS == 2 ? 1 : 0);
  for (int unit = static_cast<int>(threadIdx.x); unit < columns << shift; unit += kThreads) {
    const int c = unit >> shift, r = (unit - (c << shift)) * OUTS;
    if (r >= rows) continue;
    Vec<OUT, OUTS> to;
#pragma unroll
    for (int j = 0; j < OUTS; ++j) to.v[j] = LAST(tile[(r + j) * columns + c]);
    *reinterpret_cast<Vec<OUT, OUTS>*>(out + c * out_pitch + r) = to;
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) transpose_gather(const __grid_constant__ Params p) {
  begin_dependent();
  alignas(16) __shared__ S tile[kTile];
  gather_tile<kIn, kWide<OUT>>(p, tile);
}
extern "C" __global__ void __launch_bounds__(kThreads) transpose_gather_any(const __grid_constant__ Params p) {
  begin_dependent();
  alignas(16) __shared__ S tile[kTile];
  gather_tile<1, 1>(p, tile);
}
extern "C" __global__ void __launch_bounds__(kThreads) transpose_spread(const __grid_constant__ Params p) {
  begin_dependent();
  alignas(16) __shared__ S tile[kTile];
  spread_tile<kWide<T>, kOut>(p, tile);
}
extern "C" __global__ void __launch_bounds__(kThreads) transpose_spread_any(const __grid_constant__ Params p) {
  begin_dependent();
  alignas(16) __shared__ S tile[kTile];
  spread_tile<1, 1>(p, tile);
}

template <int V>
INGOT_INLINE void run_lines(const Params& p) {
  const unsigned last = static_cast<unsigned>(p.dims[p.rank - 1]) / V;
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long unit = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; unit < p.units; unit += step) {
    const unsigned line = static_cast<unsigned>(unit) / last, at = (static_cast<unsigned>(unit) - line * last) * V;
    const Place place = place_of(p, line, 1);
    const T* in = static_cast<const T*>(p.in) + place.in + at * p.in_strides[p.rank - 1];
    const Vec<T, V> from = *reinterpret_cast<const Vec<T, V>*>(in);
    Vec<OUT, V> to;
#pragma unroll
    for (int j = 0; j < V; ++j) to.v[j] = FINISH(from.v[j]);
    *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.out) + place.out + at) = to;
  }
}

extern "C" __global__ void __launch_bounds__(256) transpose_lines(const __grid_constant__ Params p) {
  begin_dependent();
  run_lines<kLine>(p);
}
extern "C" __global__ void __launch_bounds__(256) transpose_any(const __grid_constant__ Params p) {
  begin_dependent();
  run_lines<1>(p);
}
