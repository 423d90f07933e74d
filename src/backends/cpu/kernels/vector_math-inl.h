// SPDX-License-Identifier: Apache-2.0
// Elementary functions of f32 vectors, accurate to about 2 ulp (1e-7 relative); results below the smallest normal
// number may be flushed to zero. NaN gives NaN. Included once per Highway target.
#if defined(INGOT_VECTOR_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef INGOT_VECTOR_MATH_INL_H
#undef INGOT_VECTOR_MATH_INL_H
#else
#define INGOT_VECTOR_MATH_INL_H
#endif

#include <cstring>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Highest power first.
template <class D, class V = hn::Vec<D>, std::size_t kTerms>
HWY_INLINE V polynomial(D d, V x, const float (&c)[kTerms]) {
  V y = hn::Set(d, c[0]);
  for (std::size_t i = 1; i < kTerms; ++i) y = hn::MulAdd(y, x, hn::Set(d, c[i]));
  return y;
}

// On x86 Min and Max return the second operand when either is NaN; limits go first so that NaN in x survives.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V limit(D d, V x, float low, float high) {
  return hn::Max(hn::Set(d, low), hn::Min(hn::Set(d, high), x));
}

// exp(x) = e^r 2^n with n the integer nearest to x / ln 2. Returns e^r and sets power to 2^(n + kBias - 127).
// Adding 1.5 * 2^23 leaves n + kBias in the low bits of the sum, which a shift makes an exponent.
template <int kBias, class D, class V = hn::Vec<D>>
HWY_INLINE V exp_parts(D d, V x, V& power) {
  constexpr float kTerms[] = {1.3950599823e-3F, 8.3689540625e-3F, 4.1666205972e-2F, 1.6666518152e-1F, 0.5F, 1.0F, 1.0F};
  const hn::RebindToUnsigned<D> du;
  const V magic = hn::Set(d, 12582912.0F + kBias);
  const V sum = hn::MulAdd(x, hn::Set(d, 1.44269504F), magic);
  const V n = hn::Sub(sum, magic);
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x);  // ln 2 in two parts: exact product, then the rest
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, sum)));
  return polynomial(d, r, kTerms);
}

// Zero below -87, infinite above 88.73. NaN needs no care: it passes through the polynomial.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_f32(D d, V x) {
  // 2^(n-1), doubled at the end, so that n = 128 is representable; at the lower limit n - 1 is -127: a factor of zero.
  V power = x;
  const V p = exp_parts<126>(d, limit(d, x, -87.3F, 89.0F), power);
  return hn::Mul(hn::Mul(p, power), hn::Set(d, 2.0F));
}

// For arguments whose exponential is finite and normal: limited to that range.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_bounded(D d, V x) {
  V power = x;
  const V p = exp_parts<127>(d, limit(d, x, -87.0F, 87.0F), power);
  return hn::Mul(p, power);
}

// 1 / x for x in [1, 1e38]: an estimate and one or two Newton steps, cheaper than a division.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V reciprocal_f32(D d, V x) {
  const V two = hn::Set(d, 2.0F);
  V y = hn::ApproximateReciprocal(x);
  y = hn::Mul(y, hn::NegMulAdd(x, y, two));
#if HWY_TARGET != HWY_AVX3  // whose estimate has 14 good bits; others have fewer
  y = hn::Mul(y, hn::NegMulAdd(x, y, two));
#endif
  return y;
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh_f32(D d, V x) {
  constexpr float kTerms[] = {1.9017993473e-3F,  -7.8921830282e-3F, 2.1575838327e-2F,
                              -5.3922124207e-2F, 1.3332995772e-1F,  -3.3333325386e-1F};
  const V one = hn::Set(d, 1.0F);
  const V magnitude = hn::Abs(x);
  const V t = hn::Mul(x, x);
  const V small = hn::MulAdd(hn::Mul(x, t), polynomial(d, t, kTerms), x);
  const V e = exp_bounded(d, hn::Add(magnitude, magnitude));
  const V half = reciprocal_f32(d, hn::Add(e, one));
  const V large = hn::CopySignToAbs(hn::NegMulAdd(hn::Set(d, 2.0F), half, one), x);
  const V y = hn::IfThenElse(hn::Lt(magnitude, hn::Set(d, 0.65F)), small, large);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// x * P(x^2) on [-3.9, 3.9], where |erf| reaches 1 to the last bit; P in the variable 2 x^2 / 3.9^2 - 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V erf_f32(D d, V x) {
  constexpr float kLimit = 3.9F;
  constexpr float kTerms[] = {-7.26910016965e-4F, 1.89107423648e-3F, -1.46688497625e-3F, 2.00444273651e-3F,
                              -7.11886910722e-3F, 1.34593583643e-2F, -1.95424817503e-2F, 2.92081814259e-2F,
                              -4.27833981812e-2F, 5.78835196793e-2F, -7.38023072481e-2F, 9.06732007861e-2F,
                              -1.09532482922e-1F, 1.34690910578e-1F, -1.81011080742e-1F, 3.62583965063e-1F};
  const V z = limit(d, x, -kLimit, kLimit);
  const V u = hn::MulSub(hn::Mul(z, z), hn::Set(d, 2.0F / (kLimit * kLimit)), hn::Set(d, 1.0F));
  return hn::Mul(z, polynomial(d, u, kTerms));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid_f32(D d, V x) {
  const V y = reciprocal_f32(d, hn::Add(hn::Set(d, 1.0F), exp_bounded(d, hn::Neg(x))));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.0F)), y);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu_f32(D d, V x) {
  const V half = hn::Mul(x, hn::Set(d, 0.5F));
  return hn::MulAdd(half, erf_f32(d, hn::Mul(x, hn::Set(d, 0.707106781F))), half);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu_tanh_f32(D d, V x) {
  // 0.5 x (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
  const V t = hn::Mul(x, x);
  const V u = hn::Mul(x, hn::MulAdd(t, hn::Set(d, 7.1354816e-2F), hn::Set(d, 1.5957691216F)));
  return hn::Mul(x, sigmoid_f32(d, u));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V hardsigmoid_f32(D d, V x) {
  return limit(d, hn::MulAdd(x, hn::Set(d, 1.0F / 6.0F), hn::Set(d, 0.5F)), 0.0F, 1.0F);
}

// The first `rest` floats at x, `fill` in the other lanes; and the store of the first `rest` lanes. rest < lanes.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V load_tail(D d, const float* x, std::int64_t rest, float fill) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  const auto mask = hn::FirstN(d, static_cast<std::size_t>(rest));
  return hn::IfThenElse(mask, hn::MaskedLoad(mask, d, x), hn::Set(d, fill));
#else
  float buffer[HWY_MAX_BYTES / sizeof(float)];
  for (float& value : buffer) value = fill;
  std::memcpy(buffer, x, static_cast<std::size_t>(rest) * sizeof(float));
  return hn::LoadU(d, buffer);
#endif
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void store_tail(D d, V v, float* out, std::int64_t rest) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, static_cast<std::size_t>(rest)), d, out);
#else
  float buffer[HWY_MAX_BYTES / sizeof(float)];
  hn::StoreU(v, d, buffer);
  std::memcpy(out, buffer, static_cast<std::size_t>(rest) * sizeof(float));
#endif
}

}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
