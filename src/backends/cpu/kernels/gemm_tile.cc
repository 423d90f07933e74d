// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gemm_tile.h"

#include <utility>
#include "backends/cpu/kernels/isa.h"
#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/gemm_tile.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include "backends/cpu/kernels/simd_clamp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int kLanes = HWY_MAX_BYTES / static_cast<int>(sizeof(float));
// The tile fills the register file: rows * 2 accumulators, 2 of B, 1 or 2 of A.
constexpr int kRows = kLanes == 16 ? 14 : 6;

// How many steps of K ahead B is fetched: hides the latency of the last-level cache. Low tiles only stream, which the
// processor foresees by itself.
constexpr int kAheadB = 24;

// Loads and stores vector `v` of NV; with Tail, the last one is cut at the tile's right edge.
template <int NV, bool Tail>
struct Edge {
  D d;
  hn::Mask<D> mask;
  explicit Edge(int cols) : mask(hn::FirstN(d, static_cast<std::size_t>(cols - (NV - 1) * kLanes))) {}
  HWY_INLINE V load(const float* p, int v) const {
    if (Tail && v == NV - 1) return hn::MaskedLoad(mask, d, p + v * kLanes);
    return hn::LoadU(d, p + v * kLanes);
  }
  HWY_INLINE void store(V value, float* p, int v) const {
    if (Tail && v == NV - 1) return hn::BlendedStore(value, mask, d, p + v * kLanes);
    hn::StoreU(value, d, p + v * kLanes);
  }
};

template <int MR, int NV, bool Tail>
void tile_kernel(const GemmTile& t, const Epilogue& e) {
  const D d;
  const Edge<NV, Tail> edge(t.cols);
  // Low tiles keep several partial sums so that enough multiply-adds are in flight. Narrow ones as many as wide ones:
  // at the right edge, equal columns must have equal sums.
  constexpr int kSplit = MR >= 4 ? 1 : MR >= 2 ? 2 : 4;
  V acc[kSplit][MR][NV];
  const bool biased = t.first && e.bias != nullptr;
#pragma GCC unroll 2
  for (int v = 0; v < NV; ++v) {
    const V start = biased ? edge.load(e.bias + t.col_index, v) : hn::Zero(d);
    for (int i = 0; i < MR; ++i) acc[0][i][v] = start;
  }
  for (int s = 1; s < kSplit; ++s)
    for (int i = 0; i < MR; ++i)
      for (int v = 0; v < NV; ++v) acc[s][i][v] = hn::Zero(d);

  // The stores at the end miss the cache one after the other unless the lines are on their way by then.
  for (int i = 0; i < MR; ++i)
    for (int v = 0; v < NV; ++v) __builtin_prefetch(t.c + i * t.ldc + v * kLanes, 1);

  const float* HWY_RESTRICT b = t.b;
  const float* const* table = t.a;
  const std::int64_t k_count = t.k;
  for (std::int64_t tap = 0; tap < t.taps; ++tap, table += kMaxTileRows) {
    const float* a[MR];
    for (int i = 0; i < MR; ++i) a[i] = table[i];
    std::int64_t k = 0;
    for (; k + kSplit <= k_count; k += kSplit) {
#pragma GCC unroll 4
      for (int s = 0; s < kSplit; ++s, b += 2 * kLanes) {
        V bv[NV];
        for (int v = 0; v < NV; ++v) {
          bv[v] = hn::Load(d, b + v * kLanes);
          if (MR >= 4) __builtin_prefetch(b + kAheadB * 2 * kLanes + v * kLanes);
        }
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i) {
          const V av = hn::Set(d, a[i][k + s]);
          for (int v = 0; v < NV; ++v) acc[s][i][v] = hn::MulAdd(av, bv[v], acc[s][i][v]);
        }
      }
    }
    for (; k < k_count; ++k, b += 2 * kLanes) {
      for (int i = 0; i < MR; ++i) {
        const V av = hn::Set(d, a[i][k]);
        for (int v = 0; v < NV; ++v) acc[0][i][v] = hn::MulAdd(av, hn::Load(d, b + v * kLanes), acc[0][i][v]);
      }
    }
  }
  for (int s = 1; s < kSplit; ++s)
    for (int i = 0; i < MR; ++i)
      for (int v = 0; v < NV; ++v) acc[0][i][v] = hn::Add(acc[0][i][v], acc[s][i][v]);

  // Row by row, with the conditions inside: all accumulators are live, so there are no registers to hoist into.
  const bool adds = !t.first || e.row_bias != nullptr || e.residual != nullptr;
  const bool clamps_low = t.last && e.clamps_low();
  const bool clamps_high = t.last && e.clamps_high();
  std::int64_t residual = t.row_index * e.residual_stride + t.col_index;  // an offset: the pointer may be null
  float* c = t.c;
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i, c += t.ldc, residual += e.residual_stride) {
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) {
      V x = acc[0][i][v];
      if (adds) [[unlikely]] {
        if (!t.first) {
          x = hn::Add(x, edge.load(c, v));
        } else {
          if (e.row_bias != nullptr) x = hn::Add(x, hn::Set(d, e.row_bias[t.row_index + i]));
          if (e.residual != nullptr) x = hn::Add(x, edge.load(e.residual + residual, v));
        }
      }
      if (clamps_low) x = at_least(d, x, e.clamp_min);
      if (clamps_high) x = at_most(d, x, e.clamp_max);
      edge.store(x, c, v);
    }
  }
}

using TileFn = void (*)(const GemmTile&, const Epilogue&);

template <int... MR>
struct TileTable {
  // [vectors - 1][tail][rows - 1]
  static constexpr TileFn kFns[2][2][sizeof...(MR)] = {
      {{tile_kernel<MR + 1, 1, false>...}, {tile_kernel<MR + 1, 1, true>...}},
      {{tile_kernel<MR + 1, 2, false>...}, {tile_kernel<MR + 1, 2, true>...}}};
};
template <int... MR>
TileTable<MR...> make_table(std::integer_sequence<int, MR...>);
using Table = decltype(make_table(std::make_integer_sequence<int, kRows>()));

void tile(const GemmTile& t, const Epilogue& e) {
  const bool wide = t.cols > kLanes;
  const bool tail = t.cols % kLanes != 0;
  Table::kFns[wide ? 1 : 0][tail ? 1 : 0][t.rows - 1](t, e);
}

}  // namespace

const GemmKernels& gemm_kernels_of_target() {
  static constexpr GemmKernels kKernels{2 * kLanes, kRows, tile};
  return kKernels;
}

}  // namespace HWY_NAMESPACE
}  // namespace ingot::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/kernels/simd_select.h"

namespace ingot::cpu {

const GemmKernels& gemm_kernels(int panel) { return INGOT_SIMD_SELECT(gemm_kernels_of_target, panel)(); }

}  // namespace ingot::cpu
#endif
