// SPDX-License-Identifier: Apache-2.0
// Per-target helper of the epilogue; included by files that hwy/foreach_target.h compiles several times.
#if defined(INGOT_SIMD_CLAMP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INGOT_SIMD_CLAMP_INL_H_
#undef INGOT_SIMD_CLAMP_INL_H_
#else
#define INGOT_SIMD_CLAMP_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu {
namespace HWY_NAMESPACE {

// min(max(x, low), high), where a NaN in x stays one.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> clamp(D d, hwy::HWY_NAMESPACE::Vec<D> x, float low, float high) {
  namespace hn = hwy::HWY_NAMESPACE;
  const auto lo = hn::Set(d, low);
  const auto hi = hn::Set(d, high);
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  // The instructions give their second operand when either is a NaN.
  return hn::Min(hi, hn::Max(lo, x));
#else
  x = hn::IfThenElse(hn::Lt(x, lo), lo, x);
  return hn::IfThenElse(hn::Lt(hi, x), hi, x);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace ingot::cpu
HWY_AFTER_NAMESPACE();

#endif
