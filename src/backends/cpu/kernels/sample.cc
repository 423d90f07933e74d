// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/sample.h"

#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/sample.cc"
// foreach_target.h has to come first.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

void sample(const float* plane, const TapTable& table, int taps, float* y) {
  const hn::CappedTag<float, kSamplePixels> d;
  const hn::Rebind<std::int32_t, decltype(d)> di;
  for (std::size_t p = 0; p < static_cast<std::size_t>(kSamplePixels); p += hn::Lanes(d)) {
    auto sum = hn::Zero(d);
    for (int t = 0; t < taps; ++t) {
      const auto weight = hn::Load(d, table.weight[t] + p);
      const auto value = hn::GatherIndex(d, plane, hn::Load(di, table.offset[t] + p));
      const auto counts = hn::Ne(weight, hn::Zero(d));
      sum = hn::Add(sum, hn::IfThenElseZero(counts, hn::Mul(weight, value)));
    }
    hn::StoreU(sum, d, y + p);
  }
}

}  // namespace

void sample_target(const float* plane, const TapTable& table, int taps, float* y) { sample(plane, table, taps, y); }

}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(sample_target);

void sample_plane(const float* plane, const TapTable& table, int taps, float* y) {
  HWY_DYNAMIC_DISPATCH(sample_target)(plane, table, taps, y);
}

}  // namespace ingot::cpu
#endif
