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

// max(x, limit) and min(x, limit), where a NaN in x stays one: the x86 instructions give their second operand when
// either is a NaN.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> at_least(D d, hwy::HWY_NAMESPACE::Vec<D> x, float limit) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  return hn::Max(hn::Set(d, limit), x);
#else
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, limit)), hn::Set(d, limit), x);
#endif
}

template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> at_most(D d, hwy::HWY_NAMESPACE::Vec<D> x, float limit) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  return hn::Min(hn::Set(d, limit), x);
#else
  return hn::IfThenElse(hn::Lt(hn::Set(d, limit), x), hn::Set(d, limit), x);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace ingot::cpu
HWY_AFTER_NAMESPACE();

#endif
