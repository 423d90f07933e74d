// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/deform_sample.h"

#include <algorithm>

#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/deform_sample.cc"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr std::int64_t kLanes = HWY_MAX_BYTES / static_cast<std::int64_t>(sizeof(float));
// Pixels of so many channels are fetched before their turn; of shorter ones the processor has enough in flight by
// itself.
constexpr std::int64_t kFetchedFrom = 192;
constexpr std::int64_t kAheadFloats = 512;

// Meanwhile the pixels of the sample `ahead` are fetched: they lie anywhere.
template <bool kFetch>
void blend(const DeformSample& s, const DeformSample& ahead, std::int64_t count, float* out) {
  const D d;
  const V w0 = hn::Set(d, s.weight[0]), w1 = hn::Set(d, s.weight[1]);
  const V w2 = hn::Set(d, s.weight[2]), w3 = hn::Set(d, s.weight[3]);
  const float *p0 = s.corner[0], *p1 = s.corner[1], *p2 = s.corner[2], *p3 = s.corner[3];
  std::int64_t c = 0;
  for (; c + 2 * kLanes <= count; c += 2 * kLanes) {
#pragma GCC unroll 2
    for (std::int64_t v = c; v < c + 2 * kLanes; v += kLanes) {
      if constexpr (kFetch)
        for (int i = 0; i < 4; ++i) hwy::Prefetch(ahead.corner[i] + v);
      const V top = hn::MulAdd(w1, hn::LoadU(d, p1 + v), hn::Mul(w0, hn::LoadU(d, p0 + v)));
      const V low = hn::MulAdd(w3, hn::LoadU(d, p3 + v), hn::Mul(w2, hn::LoadU(d, p2 + v)));
      hn::StoreU(hn::Add(top, low), d, out + v);
    }
  }
  for (; c < count; c += kLanes) {
    const auto mask = hn::FirstN(d, static_cast<std::size_t>(count - c));
    const V top = hn::MulAdd(w1, hn::MaskedLoad(mask, d, p1 + c), hn::Mul(w0, hn::MaskedLoad(mask, d, p0 + c)));
    const V low = hn::MulAdd(w3, hn::MaskedLoad(mask, d, p3 + c), hn::Mul(w2, hn::MaskedLoad(mask, d, p2 + c)));
    hn::BlendedStore(hn::Add(top, low), mask, d, out + c);
  }
}

void sample_rows(const DeformSample* samples, const DeformSample* next, int rows, std::int64_t count, float* out,
                 std::int64_t pitch) {
  if (count < kFetchedFrom) {
    for (int i = 0; i < rows; ++i, out += pitch) blend<false>(samples[i], samples[i], count, out);
    return;
  }
  // Far enough ahead to hide the latency of the last-level cache, and no more than the first level holds.
  const int distance = static_cast<int>(std::max<std::int64_t>(kAheadFloats / count, 1));
  const int last = next == nullptr ? rows - 1 : 2 * rows - 1;
  for (int i = 0; i < rows; ++i, out += pitch) {
    const int ahead = std::min(i + distance, last);
    blend<true>(samples[i], ahead < rows ? samples[ahead] : next[ahead - rows], count, out);
  }
}

// `kVectors` vectors of channels at a time: as many chains of additions.
template <int kVectors>
void sum_block(const WeightedPixel* pixels, int pixel_count, std::int64_t from, bool add, float* out) {
  const D d;
  V sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = add ? hn::LoadU(d, out + from + v * kLanes) : hn::Zero(d);
  for (int p = 0; p < pixel_count; ++p) {
    const V weight = hn::Set(d, pixels[p].weight);
    const float* pixel = pixels[p].pixel + from;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[v] = hn::MulAdd(weight, hn::LoadU(d, pixel + v * kLanes), sum[v]);
  }
  for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[v], d, out + from + v * kLanes);
}

void weighted_sum(const WeightedPixel* pixels, int pixel_count, std::int64_t count, bool add, float* out) {
  std::int64_t c = 0;
  for (; c + 4 * kLanes <= count; c += 4 * kLanes) sum_block<4>(pixels, pixel_count, c, add, out);
  for (; c + 2 * kLanes <= count; c += 2 * kLanes) sum_block<2>(pixels, pixel_count, c, add, out);
  for (; c + kLanes <= count; c += kLanes) sum_block<1>(pixels, pixel_count, c, add, out);
  if (c == count) return;
  const D d;
  const auto mask = hn::FirstN(d, static_cast<std::size_t>(count - c));
  V sum = add ? hn::MaskedLoad(mask, d, out + c) : hn::Zero(d);
  for (int p = 0; p < pixel_count; ++p)
    sum = hn::MulAdd(hn::Set(d, pixels[p].weight), hn::MaskedLoad(mask, d, pixels[p].pixel + c), sum);
  hn::BlendedStore(sum, mask, d, out + c);
}

}  // namespace

DeformSampleFn deform_sample_fn_of_target() { return sample_rows; }
WeightedSumFn weighted_sum_fn_of_target() { return weighted_sum; }

}  // namespace HWY_NAMESPACE
}  // namespace ingot::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/kernels/simd_select.h"

namespace ingot::cpu {

DeformSampleFn deform_sample_fn(int panel) { return INGOT_SIMD_SELECT(deform_sample_fn_of_target, panel)(); }
WeightedSumFn weighted_sum_fn(int panel) { return INGOT_SIMD_SELECT(weighted_sum_fn_of_target, panel)(); }

}  // namespace ingot::cpu
#endif
