// SPDX-License-Identifier: Apache-2.0
// Block operations on f32 with vector code per instruction set.
#include <cstring>
#include <type_traits>

#include "backends/cpu/kernels/simd_targets.h"
#include "backends/cpu/kernels/vector_ops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/vector_ops_f32.cc"
// foreach_target.h has to come first.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
// clang-format on

#include "backends/cpu/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using M = hn::Mask<D>;
using DBool = hn::Rebind<std::uint8_t, D>;

constexpr std::int64_t kMaxLanes = static_cast<std::int64_t>(kSplatBytes / sizeof(float));

// Element functions. keep_nan: x where it is NaN (Min and Max lose a NaN first operand), else y.
HWY_INLINE V keep_nan(V x, V y) { return hn::IfThenElse(hn::IsNaN(x), x, y); }

// y where x is in [-1, 1], NaN elsewhere.
HWY_INLINE V in_domain(D d, V x, V y) { return hn::IfThenElse(hn::Le(hn::Abs(x), hn::Set(d, 1.0F)), y, hn::NaN(d)); }

#define INGOT_ELEMENT(name, arity, type, expression)                                             \
  struct name {                                                                                  \
    static constexpr int kArity = arity;                                                         \
    static HWY_INLINE type run([[maybe_unused]] D d, [[maybe_unused]] V a, [[maybe_unused]] V b, \
                               [[maybe_unused]] V c) {                                           \
      return expression;                                                                         \
    }                                                                                            \
  };
INGOT_ELEMENT(AddF, 2, V, hn::Add(a, b))
INGOT_ELEMENT(SubF, 2, V, hn::Sub(a, b))
INGOT_ELEMENT(MulF, 2, V, hn::Mul(a, b))
INGOT_ELEMENT(DivF, 2, V, hn::Div(a, b))
INGOT_ELEMENT(MinF, 2, V, keep_nan(a, hn::Min(a, b)))
INGOT_ELEMENT(MaxF, 2, V, keep_nan(a, hn::Max(a, b)))
INGOT_ELEMENT(PreluF, 2, V, hn::IfThenElse(hn::Lt(a, hn::Zero(d)), hn::Mul(a, b), a))
INGOT_ELEMENT(NegF, 1, V, hn::Neg(a))
INGOT_ELEMENT(AbsF, 1, V, hn::Abs(a))
INGOT_ELEMENT(SignF, 1, V, hn::IfThenElse(hn::Gt(hn::Abs(a), hn::Zero(d)), hn::CopySignToAbs(hn::Set(d, 1.0F), a), a))
INGOT_ELEMENT(ReciprocalF, 1, V, hn::Div(hn::Set(d, 1.0F), a))
INGOT_ELEMENT(SqrtF, 1, V, hn::Sqrt(a))
INGOT_ELEMENT(RsqrtF, 1, V, hn::Div(hn::Set(d, 1.0F), hn::Sqrt(a)))
INGOT_ELEMENT(ExpF, 1, V, exp_f32(d, a))
INGOT_ELEMENT(AsinF, 1, V, in_domain(d, a, hn::Asin(d, a)))
INGOT_ELEMENT(AcosF, 1, V, in_domain(d, a, hn::Acos(d, a)))
INGOT_ELEMENT(AtanF, 1, V, keep_nan(a, hn::Atan(d, a)))
INGOT_ELEMENT(TanhF, 1, V, tanh_f32(d, a))
INGOT_ELEMENT(ErfF, 1, V, erf_f32(d, a))
INGOT_ELEMENT(SigmoidF, 1, V, sigmoid_f32(d, a))
INGOT_ELEMENT(SoftplusF, 1, V,
              keep_nan(a, hn::Add(hn::Max(a, hn::Zero(d)), hn::Log1p(d, exp_f32(d, hn::Neg(hn::Abs(a)))))))
INGOT_ELEMENT(FloorF, 1, V, hn::Floor(a))
INGOT_ELEMENT(CeilF, 1, V, hn::Ceil(a))
INGOT_ELEMENT(RoundF, 1, V, hn::Round(a))
INGOT_ELEMENT(GeluF, 1, V, gelu_f32(d, a))
INGOT_ELEMENT(GeluTanhF, 1, V, gelu_tanh_f32(d, a))
INGOT_ELEMENT(SiluF, 1, V, hn::Mul(a, sigmoid_f32(d, a)))
INGOT_ELEMENT(HardsigmoidF, 1, V, hardsigmoid_f32(d, a))
INGOT_ELEMENT(HardswishF, 1, V, hn::Mul(a, hardsigmoid_f32(d, a)))
INGOT_ELEMENT(FmaF, 3, V, hn::MulAdd(a, b, c))
INGOT_ELEMENT(ClampF, 3, V, keep_nan(a, keep_nan(b, hn::Min(keep_nan(a, hn::Max(a, b)), c))))
INGOT_ELEMENT(EqualF, 2, M, hn::Eq(a, b))
INGOT_ELEMENT(LessF, 2, M, hn::Lt(a, b))
INGOT_ELEMENT(LessEqualF, 2, M, hn::Le(a, b))
INGOT_ELEMENT(GreaterF, 2, M, hn::Gt(a, b))
INGOT_ELEMENT(GreaterEqualF, 2, M, hn::Ge(a, b))
INGOT_ELEMENT(IsNanF, 1, M, hn::IsNaN(a))
INGOT_ELEMENT(IsInfF, 1, M, hn::IsInf(a))
#undef INGOT_ELEMENT

// Results.
HWY_INLINE void put(D d, V v, float* out) { hn::StoreU(v, d, out); }
HWY_INLINE void put(D d, M m, std::uint8_t* out) {
  const hn::RebindToSigned<D> di;
  const auto ones = hn::BitCast(di, hn::IfThenElseZero(m, hn::BitCast(d, hn::Set(di, 1))));
  hn::StoreU(hn::DemoteTo(DBool(), ones), DBool(), out);
}

// The last elements of a run, padded to a whole vector; a splat stays as it is.
struct Tail {
  Tail(const BlockArg& arg, const void* at, std::int64_t rest, std::size_t size) {
    if (arg.step == 0) {
      std::memcpy(bytes, at, kSplatBytes);
    } else {
      std::memcpy(bytes, at, static_cast<std::size_t>(rest) * size);
    }
  }
  template <typename T>
  [[nodiscard]] const T* data() const {
    return reinterpret_cast<const T*>(bytes);
  }
  alignas(64) std::byte bytes[kSplatBytes] = {};
};

template <class Element, typename Out>
void block(std::int64_t n, void* result, const BlockArg* args) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  constexpr int kArity = Element::kArity;
  const auto* a = static_cast<const float*>(args[0].data);
  const auto* b = static_cast<const float*>(args[kArity > 1 ? 1 : 0].data);
  const auto* c = static_cast<const float*>(args[kArity > 2 ? 2 : 0].data);
  const std::int64_t step_a = args[0].step * lanes;
  const std::int64_t step_b = args[kArity > 1 ? 1 : 0].step * lanes;
  const std::int64_t step_c = args[kArity > 2 ? 2 : 0].step * lanes;
  auto* out = static_cast<Out*>(result);
  const auto compute = [d](const float* pa, const float* pb, const float* pc, Out* to) HWY_ATTR {
    const V va = hn::LoadU(d, pa);
    const V vb = kArity > 1 ? hn::LoadU(d, pb) : va;
    const V vc = kArity > 2 ? hn::LoadU(d, pc) : va;
    put(d, Element::run(d, va, vb, vc), to);
  };
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    compute(a, b, c, out + i);
    a += step_a;
    b += step_b;
    c += step_c;
  }
  if (i == n) return;
  const std::int64_t rest = n - i;
  const auto load = [d, rest](const float* from, std::int64_t step)
                        HWY_ATTR { return step == 0 ? hn::LoadU(d, from) : load_tail(d, from, rest, 0); };
  const V va = load(a, step_a);
  const V vb = kArity > 1 ? load(b, step_b) : va;
  const V vc = kArity > 2 ? load(c, step_c) : va;
  const auto result_v = Element::run(d, va, vb, vc);
  if constexpr (std::is_same_v<Out, float>) {
    store_tail(d, result_v, out + i, rest);
  } else {
    Out buffer[kMaxLanes];
    put(d, result_v, buffer);
    std::memcpy(out + i, buffer, static_cast<std::size_t>(rest) * sizeof(Out));
  }
}

void block_select(std::int64_t n, void* result, const BlockArg* args) {
  const D d;
  const hn::RebindToSigned<D> di;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto* m = static_cast<const std::uint8_t*>(args[0].data);
  const auto* a = static_cast<const float*>(args[1].data);
  const auto* b = static_cast<const float*>(args[2].data);
  auto* out = static_cast<float*>(result);
  const auto compute = [d, di](const std::uint8_t* pm, const float* pa, const float* pb, float* to) HWY_ATTR {
    const auto flags = hn::PromoteTo(di, hn::LoadU(DBool(), pm));
    const auto mask = hn::RebindMask(d, hn::Ne(flags, hn::Zero(di)));
    hn::StoreU(hn::IfThenElse(mask, hn::LoadU(d, pa), hn::LoadU(d, pb)), d, to);
  };
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    compute(m, a, b, out + i);
    m += args[0].step * lanes;
    a += args[1].step * lanes;
    b += args[2].step * lanes;
  }
  if (i == n) return;
  const std::int64_t rest = n - i;
  const Tail tm(args[0], m, rest, 1);
  const Tail ta(args[1], a, rest, sizeof(float));
  const Tail tb(args[2], b, rest, sizeof(float));
  float buffer[kMaxLanes];
  compute(tm.data<std::uint8_t>(), ta.data<float>(), tb.data<float>(), buffer);
  std::memcpy(out + i, buffer, static_cast<std::size_t>(rest) * sizeof(float));
}

BlockOp find(ExprOp op) {
  switch (op) {
#define INGOT_ROW(name, element) \
  case ExprOp::k_##name: return &block<element, float>;
    INGOT_ROW(add, AddF)
    INGOT_ROW(sub, SubF)
    INGOT_ROW(mul, MulF)
    INGOT_ROW(div, DivF)
    INGOT_ROW(min, MinF)
    INGOT_ROW(max, MaxF)
    INGOT_ROW(prelu, PreluF)
    INGOT_ROW(neg, NegF)
    INGOT_ROW(abs, AbsF)
    INGOT_ROW(sign, SignF)
    INGOT_ROW(reciprocal, ReciprocalF)
    INGOT_ROW(sqrt, SqrtF)
    INGOT_ROW(rsqrt, RsqrtF)
    INGOT_ROW(exp, ExpF)
    INGOT_ROW(asin, AsinF)
    INGOT_ROW(acos, AcosF)
    INGOT_ROW(atan, AtanF)
    INGOT_ROW(tanh, TanhF)
    INGOT_ROW(erf, ErfF)
    INGOT_ROW(sigmoid, SigmoidF)
    INGOT_ROW(softplus, SoftplusF)
    INGOT_ROW(floor, FloorF)
    INGOT_ROW(ceil, CeilF)
    INGOT_ROW(round, RoundF)
    INGOT_ROW(gelu, GeluF)
    INGOT_ROW(gelu_tanh, GeluTanhF)
    INGOT_ROW(silu, SiluF)
    INGOT_ROW(hardsigmoid, HardsigmoidF)
    INGOT_ROW(hardswish, HardswishF)
    INGOT_ROW(fma, FmaF)
    INGOT_ROW(clamp, ClampF)
#undef INGOT_ROW
#define INGOT_ROW(name, element) \
  case ExprOp::k_##name: return &block<element, std::uint8_t>;
    INGOT_ROW(equal, EqualF)
    INGOT_ROW(less, LessF)
    INGOT_ROW(less_equal, LessEqualF)
    INGOT_ROW(greater, GreaterF)
    INGOT_ROW(greater_equal, GreaterEqualF)
    INGOT_ROW(is_nan, IsNanF)
    INGOT_ROW(is_inf, IsInfF)
#undef INGOT_ROW
    case ExprOp::k_select: return &block_select;
    default: return nullptr;
  }
}

}  // namespace

BlockOp find_f32_target(ExprOp op) { return find(op); }

}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(find_f32_target);

BlockOp find_f32_op(ExprOp op) { return HWY_DYNAMIC_DISPATCH(find_f32_target)(op); }

}  // namespace ingot::cpu
#endif
