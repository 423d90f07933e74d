// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/nbits_tile.h"

#include <algorithm>

#include "backends/cpu/kernels/isa.h"
#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/nbits_tile.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<D>;
using DB = hn::Rebind<std::int8_t, D>;
using V = hn::Vec<D>;
using VI = hn::Vec<DI>;
constexpr int kLanes = HWY_MAX_BYTES / static_cast<int>(sizeof(float));
constexpr int kPanel = 2 * kLanes;

// Row `kRow` of each word as a number.
template <int kBits, int kRow>
HWY_INLINE V value(VI words) {
  const D d;
#if HWY_TARGET == HWY_AVX3
  if constexpr (kBits == 4) {  // a table of sixteen numbers in a register: the lowest four bits of an index count
    alignas(64) static constexpr float kNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1};
    const VI index = hn::ShiftRight<4 * kRow>(words);
    return V{_mm512_permutexvar_ps(index.raw, hn::Load(d, kNumbers).raw)};
  }
#endif
  return hn::ConvertTo(d, hn::ShiftRight<32 - kBits>(hn::ShiftLeft<32 - kBits*(kRow + 1)>(words)));
}

HWY_INLINE void load_words(const std::uint32_t* from, VI (&words)[2]) {
  const DI d;
  for (int v = 0; v < 2; ++v) words[v] = hn::LoadU(d, reinterpret_cast<const std::int32_t*>(from) + v * kLanes);
}

HWY_INLINE void load_zero_points(const std::int8_t* from, V (&zero)[2]) {
  for (int v = 0; v < 2; ++v) zero[v] = hn::ConvertTo(D(), hn::PromoteTo(DI(), hn::LoadU(DB(), from + v * kLanes)));
}

// Some rows by one block of B: `kSplit` sums of each result, so that enough multiply-adds are in flight.
template <int kBits, bool kZeros, int kRows>
struct BlockSums {
  static constexpr int kSplit = kRows == 1 ? 4 : kRows == 2 ? 2 : 1;
  V sums[kSplit][kRows][2];
  V zero[2];

  HWY_INLINE void clear() {
    for (int s = 0; s < kSplit; ++s)
      for (int i = 0; i < kRows; ++i)
        for (int v = 0; v < 2; ++v) sums[s][i][v] = hn::Zero(D());
  }
  // Row kRow of the words, times a[.][k + kRow]; then the rows behind it.
  template <int kRow>
  HWY_INLINE void add_rows(const VI (&words)[2], const float* const (&a)[kRows], std::int64_t k) {
    add_row<kRow>(words, a, k + kRow);
    if constexpr (kRow + 1 < 32 / kBits) add_rows<kRow + 1>(words, a, k);
  }
  template <int kRow>
  HWY_INLINE void add_row(const VI (&words)[2], const float* const (&a)[kRows], std::int64_t k) {
    V b[2];
    for (int v = 0; v < 2; ++v) {
      b[v] = value<kBits, kRow>(words[v]);
      if (kZeros) b[v] = hn::Sub(b[v], zero[v]);
    }
    for (int i = 0; i < kRows; ++i) {
      const V factor = hn::Set(D(), a[i][k]);
      for (int v = 0; v < 2; ++v) {
        V& sum = sums[kRow % kSplit][i][v];
        sum = hn::MulAdd(factor, b[v], sum);
      }
    }
  }
  HWY_INLINE V total(int i, int v) const {
    V all = sums[0][i][v];
    for (int s = 1; s < kSplit; ++s) all = hn::Add(all, sums[s][i][v]);
    return all;
  }
};

template <int kBits, bool kZeros, int kRows>
void sums_of_rows(const NbitsMatrix& b, std::int64_t index, const float* const* rows, float* out) {
  const D d;
  const std::uint32_t* words = b.words + index * b.panel_words();
  const std::int64_t first_block = index * b.panel_blocks();
  const float* a[kRows];
  for (int i = 0; i < kRows; ++i) a[i] = rows[i];
  V totals[kRows][2];
  for (int i = 0; i < kRows; ++i)
    for (int v = 0; v < 2; ++v) totals[i][v] = hn::Zero(d);
  BlockSums<kBits, kZeros, kRows> block;
  std::int64_t at = first_block;
  for (std::int64_t k = 0; k < b.k; at += kPanel) {
    const std::int64_t end = std::min(b.k, k + b.block);
    if (kZeros) load_zero_points(b.zero_points + at, block.zero);
    block.clear();
    VI loaded[2];
    for (; k + 32 / kBits <= end; k += 32 / kBits, words += kPanel) {
      load_words(words, loaded);
      block.template add_rows<0>(loaded, a, k);
    }
    if (k < end) {
      load_words(words, loaded);
      for (; k < end; ++k) {
        block.template add_row<0>(loaded, a, k);
        for (int v = 0; v < 2; ++v) loaded[v] = hn::ShiftRight<kBits>(loaded[v]);
      }
      words += kPanel;
    }
    for (int v = 0; v < 2; ++v) {
      const V scale = hn::LoadU(d, b.scales + at + v * kLanes);
      for (int i = 0; i < kRows; ++i) totals[i][v] = hn::MulAdd(block.total(i, v), scale, totals[i][v]);
    }
  }
  for (int i = 0; i < kRows; ++i)
    for (int v = 0; v < 2; ++v) hn::Store(totals[i][v], d, out + i * kPanel + v * kLanes);
}

template <int kBits, bool kZeros>
void sums_of(const NbitsMatrix& b, std::int64_t index, const float* const* a, int rows, float* sums) {
  switch (rows) {
    case 1: return sums_of_rows<kBits, kZeros, 1>(b, index, a, sums);
    case 2: return sums_of_rows<kBits, kZeros, 2>(b, index, a, sums);
    case 3: return sums_of_rows<kBits, kZeros, 3>(b, index, a, sums);
    default: return sums_of_rows<kBits, kZeros, 4>(b, index, a, sums);
  }
}

void sums(const NbitsMatrix& b, std::int64_t index, const float* const* a, int rows, float* to) {
  const bool zeros = b.zero_points != nullptr;
  if (b.bits == 4) return zeros ? sums_of<4, true>(b, index, a, rows, to) : sums_of<4, false>(b, index, a, rows, to);
  return zeros ? sums_of<8, true>(b, index, a, rows, to) : sums_of<8, false>(b, index, a, rows, to);
}

struct Scaling {
  V zero[2], scale[2];
  HWY_INLINE V operator()(V value, int v) const { return hn::Mul(hn::Sub(value, zero[v]), scale[v]); }
};

template <int kBits, int kRow>
HWY_INLINE void unpack_rows(const VI (&words)[2], const Scaling& scaling, float* to) {
  for (int v = 0; v < 2; ++v) hn::Store(scaling(value<kBits, kRow>(words[v]), v), D(), to + kRow * kPanel + v * kLanes);
  if constexpr (kRow + 1 < 32 / kBits) unpack_rows<kBits, kRow + 1>(words, scaling, to);
}

template <int kBits>
void unpack_panel(const NbitsMatrix& b, std::int64_t index, std::int64_t k, std::int64_t k_end, float* to) {
  constexpr std::int64_t kPerWord = 32 / kBits;
  const D d;
  const std::uint32_t* words = b.words + index * b.panel_words();
  Scaling scaling;
  for (int v = 0; v < 2; ++v) scaling.zero[v] = hn::Zero(d);
  while (k < k_end) {
    const std::int64_t block = k / b.block;
    const std::int64_t at = index * b.panel_blocks() + block * kPanel;
    const std::int64_t end = std::min(k_end, (block + 1) * b.block);
    for (int v = 0; v < 2; ++v) scaling.scale[v] = hn::LoadU(d, b.scales + at + v * kLanes);
    if (b.zero_points != nullptr) load_zero_points(b.zero_points + at, scaling.zero);
    while (k < end) {
      VI loaded[2];
      load_words(words + k / kPerWord * kPanel, loaded);
      if (k % kPerWord == 0 && k + kPerWord <= end) {
        unpack_rows<kBits, 0>(loaded, scaling, to);
        k += kPerWord;
        to += kPerWord * kPanel;
        continue;
      }
      for (int v = 0; v < 2; ++v) {
        const VI shifted = hn::ShiftRightSame(loaded[v], static_cast<int>(k % kPerWord) * kBits);
        hn::Store(scaling(value<kBits, 0>(shifted), v), d, to + v * kLanes);
      }
      ++k;
      to += kPanel;
    }
  }
}

void unpack(const NbitsMatrix& b, std::int64_t index, std::int64_t k_begin, std::int64_t k_end, float* to) {
  if (b.bits == 4) return unpack_panel<4>(b, index, k_begin, k_end, to);
  return unpack_panel<8>(b, index, k_begin, k_end, to);
}

}  // namespace

const NbitsKernels& nbits_kernels_of_target() {
  static constexpr NbitsKernels kKernels{sums, unpack};
  return kKernels;
}

}  // namespace HWY_NAMESPACE
}  // namespace ingot::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/kernels/simd_select.h"

namespace ingot::cpu {

const NbitsKernels& nbits_kernels(int panel) { return INGOT_SIMD_SELECT(nbits_kernels_of_target, panel)(); }

}  // namespace ingot::cpu
#endif
