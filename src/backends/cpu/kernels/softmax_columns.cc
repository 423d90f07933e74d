// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/softmax_columns.h"

#include <cmath>

#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/softmax_columns.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backends/cpu/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// `kVectors` vectors of columns, or with kVectors = 1 the first `count` lanes of one.
template <int kVectors, class LoadFn, class StoreFn>
HWY_INLINE void block(const float* x, std::int64_t length, std::int64_t stride, bool log, float* out, LoadFn load,
                      StoreFn store) {
  const D d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  V top[kVectors], sum[kVectors];
  for (int k = 0; k < kVectors; ++k) {
    top[k] = load(x + k * step);
    sum[k] = hn::Zero(d);
  }
  // A NaN that Max loses comes back through the exponential.
  for (std::int64_t r = 1; r < length; ++r)
    for (int k = 0; k < kVectors; ++k) top[k] = hn::Max(top[k], load(x + r * stride + k * step));
  for (std::int64_t r = 0; r < length; ++r)
    for (int k = 0; k < kVectors; ++k) {
      const V e = exp_f32(d, hn::Sub(load(x + r * stride + k * step), top[k]));
      sum[k] = hn::Add(sum[k], e);
      if (!log) store(e, out + r * stride + k * step);
    }
  if (log) {
    float logs[HWY_MAX_BYTES / sizeof(float)];
    for (int k = 0; k < kVectors; ++k) {
      hn::StoreU(sum[k], d, logs);
      for (std::int64_t i = 0; i < step; ++i) logs[i] = std::log(logs[i]);
      sum[k] = hn::LoadU(d, logs);
    }
    for (std::int64_t r = 0; r < length; ++r)
      for (int k = 0; k < kVectors; ++k)
        store(hn::Sub(hn::Sub(load(x + r * stride + k * step), top[k]), sum[k]), out + r * stride + k * step);
  } else {
    for (int k = 0; k < kVectors; ++k) sum[k] = hn::Div(hn::Set(d, 1.0F), sum[k]);
    for (std::int64_t r = 0; r < length; ++r)
      for (int k = 0; k < kVectors; ++k)
        store(hn::Mul(load(out + r * stride + k * step), sum[k]), out + r * stride + k * step);
  }
}

}  // namespace

void columns_target(const float* x, std::int64_t length, std::int64_t stride, std::int64_t n, bool log, float* out) {
  const D d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const auto load = [](const float* from) HWY_ATTR { return hn::LoadU(D(), from); };
  const auto store = [](V v, float* to) HWY_ATTR { hn::StoreU(v, D(), to); };
  std::int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) block<4>(x + i, length, stride, log, out + i, load, store);
  for (; i + step <= n; i += step) block<1>(x + i, length, stride, log, out + i, load, store);
  if (const std::int64_t rest = n - i; rest > 0)
    block<1>(
        x + i, length, stride, log, out + i,
        [rest](const float* from) HWY_ATTR { return load_tail(D(), from, rest, 0); },
        [rest](V v, float* to) HWY_ATTR { store_tail(D(), v, to, rest); });
}

}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(columns_target);

void softmax_columns(const float* x, std::int64_t length, std::int64_t stride, std::int64_t n, bool log, float* out) {
  HWY_DYNAMIC_DISPATCH(columns_target)(x, length, stride, n, log, out);
}

}  // namespace ingot::cpu
#endif
