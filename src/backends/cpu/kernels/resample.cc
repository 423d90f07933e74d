// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/resample.h"

#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/resample.cc"
// foreach_target.h has to come first.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

void rows(const float* const* row, const float* weights, std::int64_t taps, std::int64_t n, float* out) {
  const hn::ScalableTag<float> d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + step <= n; i += step) {
    auto sum = hn::Mul(hn::Set(d, weights[0]), hn::LoadU(d, row[0] + i));
    for (std::int64_t t = 1; t < taps; ++t) sum = hn::MulAdd(hn::Set(d, weights[t]), hn::LoadU(d, row[t] + i), sum);
    hn::StoreU(sum, d, out + i);
  }
  for (; i < n; ++i) {
    float sum = weights[0] * row[0][i];
    for (std::int64_t t = 1; t < taps; ++t) sum += weights[t] * row[t][i];
    out[i] = sum;
  }
}

void line(const float* from, const std::int32_t* positions, const float* weights, std::int64_t taps, std::int64_t n,
          float* out) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<std::int32_t, decltype(d)> di;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + step <= n; i += step) {
    auto sum = hn::Zero(d);
    for (std::int64_t t = 0; t < taps; ++t) {
      const auto weight = hn::LoadU(d, weights + t * n + i);
      const auto value = hn::GatherIndex(d, from, hn::LoadU(di, positions + t * n + i));
      sum = hn::Add(sum, hn::IfThenElseZero(hn::Ne(weight, hn::Zero(d)), hn::Mul(weight, value)));
    }
    hn::StoreU(sum, d, out + i);
  }
  for (; i < n; ++i) {
    float sum = 0;
    for (std::int64_t t = 0; t < taps; ++t)
      if (const float weight = weights[t * n + i]; weight != 0) sum += weight * from[positions[t * n + i]];
    out[i] = sum;
  }
}

}  // namespace

void rows_target(const float* const* row, const float* weights, std::int64_t taps, std::int64_t n, float* out) {
  rows(row, weights, taps, n, out);
}
void line_target(const float* from, const std::int32_t* positions, const float* weights, std::int64_t taps,
                 std::int64_t n, float* out) {
  line(from, positions, weights, taps, n, out);
}

}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(rows_target);
HWY_EXPORT(line_target);

void blend_rows(const float* const* row, const float* weights, std::int64_t taps, std::int64_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(rows_target)(row, weights, taps, n, out);
}

void blend_line(const float* from, const std::int32_t* positions, const float* weights, std::int64_t taps,
                std::int64_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(line_target)(from, positions, weights, taps, n, out);
}

}  // namespace ingot::cpu
#endif
