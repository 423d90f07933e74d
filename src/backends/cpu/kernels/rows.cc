// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/rows.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/rows.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backends/cpu/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr float kInf = std::numeric_limits<float>::infinity();

std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(D())); }

template <Combine kHow>
struct Step {
  static HWY_INLINE V run(V acc, V x) {
    if constexpr (kHow == Combine::sum) return hn::Add(acc, x);
    if constexpr (kHow == Combine::sum_squares) return hn::MulAdd(x, x, acc);
    if constexpr (kHow == Combine::sum_abs) return hn::Add(acc, hn::Abs(x));
    if constexpr (kHow == Combine::product) return hn::Mul(acc, x);
    // A NaN of either side stays: Max and Min give their second operand then.
    if constexpr (kHow == Combine::max) return hn::IfThenElse(hn::IsNaN(acc), acc, hn::Max(acc, x));
    if constexpr (kHow == Combine::min) return hn::IfThenElse(hn::IsNaN(acc), acc, hn::Min(acc, x));
  }
  static constexpr float start() {
    return kHow == Combine::max ? -kInf : kHow == Combine::min ? kInf : kHow == Combine::product ? 1.0F : 0.0F;
  }
  // Two partial results as one, and the lanes of one as a number.
  static HWY_INLINE V merge(V a, V b) {
    if constexpr (kHow == Combine::max || kHow == Combine::min || kHow == Combine::product)
      return run(a, b);
    else
      return hn::Add(a, b);
  }
  static HWY_INLINE float lanes_of(V v) {
    const D d;
    if constexpr (kHow == Combine::max || kHow == Combine::min) {
      if (!hn::AllFalse(d, hn::IsNaN(v))) return std::numeric_limits<float>::quiet_NaN();
      return hn::GetLane(kHow == Combine::max ? hn::MaxOfLanes(d, v) : hn::MinOfLanes(d, v));
    } else if constexpr (kHow == Combine::product) {
      float values[HWY_MAX_BYTES / sizeof(float)];
      hn::StoreU(v, d, values);
      float all = 1;
      for (std::int64_t i = 0; i < lanes(); ++i) all *= values[i];
      return all;
    } else {
      return hn::GetLane(hn::SumOfLanes(d, v));
    }
  }
};

template <Combine kHow>
float row_of(const float* x, std::int64_t n) {
  using S = Step<kHow>;
  const D d;
  const std::int64_t step = lanes();
  V acc[4];
  for (V& a : acc) a = hn::Set(d, S::start());
  std::int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step)
    for (int k = 0; k < 4; ++k) acc[k] = S::run(acc[k], hn::LoadU(d, x + i + k * step));
  for (; i + step <= n; i += step) acc[0] = S::run(acc[0], hn::LoadU(d, x + i));
  if (i < n) acc[1] = S::run(acc[1], load_tail(D(), x + i, n - i, S::start()));
  return S::lanes_of(S::merge(S::merge(acc[0], acc[1]), S::merge(acc[2], acc[3])));
}

template <Combine kHow>
void rows_of(const float* const* rows, std::int64_t count, std::int64_t n, bool accumulate, float* out) {
  using S = Step<kHow>;
  const D d;
  const std::int64_t step = lanes();
  std::int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) {
    V acc[4];
    for (int k = 0; k < 4; ++k) acc[k] = accumulate ? hn::LoadU(d, out + i + k * step) : hn::Set(d, S::start());
    for (std::int64_t r = 0; r < count; ++r)
      for (int k = 0; k < 4; ++k) acc[k] = S::run(acc[k], hn::LoadU(d, rows[r] + i + k * step));
    for (int k = 0; k < 4; ++k) hn::StoreU(acc[k], d, out + i + k * step);
  }
  for (; i + step <= n; i += step) {
    V acc = accumulate ? hn::LoadU(d, out + i) : hn::Set(d, S::start());
    for (std::int64_t r = 0; r < count; ++r) acc = S::run(acc, hn::LoadU(d, rows[r] + i));
    hn::StoreU(acc, d, out + i);
  }
  if (i == n) return;
  V acc = accumulate ? load_tail(D(), out + i, n - i, 0) : hn::Set(d, S::start());
  for (std::int64_t r = 0; r < count; ++r) acc = S::run(acc, load_tail(D(), rows[r] + i, n - i, 0));
  store_tail(D(), acc, out + i, n - i);
}

#define INGOT_FOR_COMBINE(call)                                   \
  switch (how) {                                                  \
    case Combine::sum: return call<Combine::sum>;                 \
    case Combine::max: return call<Combine::max>;                 \
    case Combine::min: return call<Combine::min>;                 \
    case Combine::sum_squares: return call<Combine::sum_squares>; \
    case Combine::product: return call<Combine::product>;         \
    default: return call<Combine::sum_abs>;                       \
  }

// out = f(x), element by element, `fill` in the padding.
template <class F>
HWY_INLINE F map_row(const float* x, std::int64_t n, float* out, F f) {
  const D d;
  const std::int64_t step = lanes();
  std::int64_t i = 0;
  for (; i + step <= n; i += step) hn::StoreU(f.run(hn::LoadU(d, x + i), i, step), d, out + i);
  if (i < n) store_tail(d, f.run(load_tail(d, x + i, n - i, F::kFill), i, n - i), out + i, n - i);
  return f;
}

struct ExpSum {
  static constexpr float kFill = -kInf;
  float top, factor;
  V sum;
  HWY_INLINE V run(V x, std::int64_t, std::int64_t) {
    const D d;
    const V e = exp_f32(d, hn::Sub(hn::Mul(x, hn::Set(d, factor)), hn::Set(d, top)));
    sum = hn::Add(sum, e);
    return e;
  }
};

struct Scale {
  static constexpr float kFill = 0;
  float factor, addend;
  HWY_INLINE V run(V x, std::int64_t, std::int64_t) const {
    return hn::MulAdd(x, hn::Set(D(), factor), hn::Set(D(), addend));
  }
};

// (x - mean) * inverse * scale + bias; a row of plain factors and addends has mean 0 and inverse 1.
struct Normalise {
  static constexpr float kFill = 0;
  float mean, inverse;
  const float *scale, *bias;
  HWY_INLINE V run(V x, std::int64_t i, std::int64_t count) const {
    const D d;
    const bool whole = count == lanes();
    const V s = whole ? hn::LoadU(d, scale + i) : load_tail(D(), scale + i, count, 0);
    const V y = hn::Mul(hn::Mul(hn::Sub(x, hn::Set(d, mean)), hn::Set(d, inverse)), s);
    if (bias == nullptr) return y;
    return hn::Add(y, whole ? hn::LoadU(d, bias + i) : load_tail(D(), bias + i, count, 0));
  }
};

// One after the other: beside a large maximum the logarithm would be lost.
struct Lower {
  static constexpr float kFill = 0;
  float first, second;
  HWY_INLINE V run(V x, std::int64_t, std::int64_t) const {
    const D d;
    return hn::Sub(hn::Sub(x, hn::Set(d, first)), hn::Set(d, second));
  }
};

struct ScaleMask {
  static constexpr float kFill = 0;
  float factor;
  const float* mask;
  HWY_INLINE V run(V x, std::int64_t i, std::int64_t count) const {
    const D d;
    const V m = count == lanes() ? hn::LoadU(d, mask + i) : load_tail(D(), mask + i, count, 0);
    return hn::MulAdd(x, hn::Set(d, factor), m);
  }
};

float sum_of(V v) { return hn::GetLane(hn::SumOfLanes(D(), v)); }

// exp(x * factor - top) into out; the sum.
float exp_row(const float* x, std::int64_t n, float top, float factor, float* out) {
  return sum_of(map_row(x, n, out, ExpSum{top, factor, hn::Zero(D())}).sum);
}

void softmax(const float* x, std::int64_t n, float* out) {
  const float top = row_of<Combine::max>(x, n);
  const float sum = exp_row(x, n, top, 1, out);
  map_row(out, n, out, Scale{1 / sum, 0});
}

void log_softmax(const float* x, std::int64_t n, float* out) {
  const float top = row_of<Combine::max>(x, n);
  ExpSum terms{top, 1, hn::Zero(D())};
  const std::int64_t step = lanes();
  std::int64_t i = 0;
  for (; i + step <= n; i += step) terms.run(hn::LoadU(D(), x + i), i, step);
  if (i < n) terms.run(load_tail(D(), x + i, n - i, -kInf), i, n - i);
  map_row(x, n, out, Lower{top, std::log(sum_of(terms.sum))});
}

void attention(float* x, std::int64_t n, float scale, const float* mask, const std::uint8_t* keep) {
  float factor = scale;
  if (mask != nullptr) {
    map_row(x, n, x, ScaleMask{scale, mask});
    factor = 1;
  } else if (scale < 0) {  // what stands for minus infinity below must not change its sign
    map_row(x, n, x, Scale{scale, 0});
    factor = 1;
  }
  if (keep != nullptr)
    for (std::int64_t i = 0; i < n; ++i) x[i] = keep[i] != 0 ? x[i] : -kInf;
  const float top = row_of<Combine::max>(x, n) * factor;
  if (top == -kInf) {
    std::memset(x, 0, static_cast<std::size_t>(n) * sizeof(float));
    return;
  }
  const float sum = exp_row(x, n, top, factor, x);
  map_row(x, n, x, Scale{1 / sum, 0});
}

struct Moments {
  float mean, inverse;  // of the standard deviation
};

Moments moments_of(const float* x, std::int64_t n, float epsilon, bool rms) {
  const D d;
  const std::int64_t step = lanes();
  const float count = static_cast<float>(n);
  const float mean = rms ? 0 : row_of<Combine::sum>(x, n) / count;
  // The squares of the distances from the mean: the difference of large sums would lose the variance.
  const V m = hn::Set(d, mean);
  V a = hn::Zero(d);
  V b = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + 2 * step <= n; i += 2 * step) {
    const V p = hn::Sub(hn::LoadU(d, x + i), m);
    const V q = hn::Sub(hn::LoadU(d, x + i + step), m);
    a = hn::MulAdd(p, p, a);
    b = hn::MulAdd(q, q, b);
  }
  for (; i + step <= n; i += step) {
    const V p = hn::Sub(hn::LoadU(d, x + i), m);
    a = hn::MulAdd(p, p, a);
  }
  if (i < n) {
    const V p = hn::Sub(load_tail(D(), x + i, n - i, mean), m);
    a = hn::MulAdd(p, p, a);
  }
  return {mean, 1 / std::sqrt(sum_of(hn::Add(a, b)) / count + epsilon)};
}

void normalise(const float* x, std::int64_t n, const float* scale, const float* bias, float epsilon, bool rms,
               float* out) {
  const Moments moments = moments_of(x, n, epsilon, rms);
  map_row(x, n, out, Normalise{moments.mean, moments.inverse, scale, bias});
}

// (x - mean) * factor + addend, all of them for the whole row.
struct Standardise {
  static constexpr float kFill = 0;
  float mean, factor, addend;
  HWY_INLINE V run(V x, std::int64_t, std::int64_t) const {
    const D d;
    return hn::MulAdd(hn::Sub(x, hn::Set(d, mean)), hn::Set(d, factor), hn::Set(d, addend));
  }
};

void normalise_several(const float* x, std::int64_t channels, std::int64_t pixels, const float* scale,
                       const float* bias, float epsilon, float* out) {
  const Moments moments = moments_of(x, channels * pixels, epsilon, false);
  for (std::int64_t c = 0; c < channels; ++c)
    map_row(x + c * pixels, pixels, out + c * pixels, Standardise{moments.mean, moments.inverse * scale[c], bias[c]});
}

void scale_shift(const float* x, std::int64_t n, const float* factor, const float* addend, float* out) {
  map_row(x, n, out, Normalise{0, 1, factor, addend});
}

void scale_by(float* x, std::int64_t n, float factor) { map_row(x, n, x, Scale{factor, 0}); }

using RowFn = float (*)(const float*, std::int64_t);
using RowsFn = void (*)(const float* const*, std::int64_t, std::int64_t, bool, float*);
RowFn find_row(Combine how){INGOT_FOR_COMBINE(&row_of)} RowsFn find_rows(Combine how) { INGOT_FOR_COMBINE(&rows_of) }
#undef INGOT_FOR_COMBINE

float combine_one(Combine how, const float* x, std::int64_t n) { return find_row(how)(x, n); }
void combine_many(Combine how, const float* const* rows, std::int64_t count, std::int64_t n, bool accumulate,
                  float* out) {
  find_rows(how)(rows, count, n, accumulate, out);
}

}  // namespace
}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(softmax);
HWY_EXPORT(log_softmax);
HWY_EXPORT(attention);
HWY_EXPORT(normalise);
HWY_EXPORT(normalise_several);
HWY_EXPORT(scale_shift);
HWY_EXPORT(scale_by);
HWY_EXPORT(combine_one);
HWY_EXPORT(combine_many);

void softmax_row(const float* x, std::int64_t n, float* out) { HWY_DYNAMIC_DISPATCH(softmax)(x, n, out); }
void log_softmax_row(const float* x, std::int64_t n, float* out) { HWY_DYNAMIC_DISPATCH(log_softmax)(x, n, out); }
void attention_row(float* x, std::int64_t n, float scale, const float* mask, const std::uint8_t* keep) {
  HWY_DYNAMIC_DISPATCH(attention)(x, n, scale, mask, keep);
}
void normalise_row(const float* x, std::int64_t n, const float* scale, const float* bias, float epsilon, bool rms,
                   float* out) {
  HWY_DYNAMIC_DISPATCH(normalise)(x, n, scale, bias, epsilon, rms, out);
}
void normalise_planes(const float* x, std::int64_t channels, std::int64_t pixels, const float* scale, const float* bias,
                      float epsilon, float* out) {
  HWY_DYNAMIC_DISPATCH(normalise_several)(x, channels, pixels, scale, bias, epsilon, out);
}
void scale_shift_row(const float* x, std::int64_t n, const float* factor, const float* addend, float* out) {
  HWY_DYNAMIC_DISPATCH(scale_shift)(x, n, factor, addend, out);
}
void scale_row(float* x, std::int64_t n, float factor) { HWY_DYNAMIC_DISPATCH(scale_by)(x, n, factor); }
float combine_row(Combine how, const float* x, std::int64_t n) { return HWY_DYNAMIC_DISPATCH(combine_one)(how, x, n); }
void combine_rows(Combine how, const float* const* rows, std::int64_t count, std::int64_t n, bool accumulate,
                  float* out) {
  HWY_DYNAMIC_DISPATCH(combine_many)(how, rows, count, n, accumulate, out);
}
float combine_start(Combine how) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  return how == Combine::max ? -kInf : how == Combine::min ? kInf : how == Combine::product ? 1.0F : 0.0F;
}

}  // namespace ingot::cpu
#endif
