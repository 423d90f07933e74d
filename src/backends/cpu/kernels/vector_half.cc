// SPDX-License-Identifier: Apache-2.0
// Between halves in memory and f32 in registers, with vector code per instruction set.
#include <algorithm>

#include "backends/cpu/kernels/simd_targets.h"
#include "backends/cpu/kernels/vector_ops.h"
#include "tensor/convert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/vector_half.cc"
// foreach_target.h has to come first.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using DBits = hn::Rebind<std::uint16_t, D>;
using DWide = hn::Rebind<std::uint32_t, D>;

struct F16 {
// Elsewhere the library emulates the conversions, and rounds differently.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  static constexpr bool kVector = true;
#else
  static constexpr bool kVector = false;
#endif
  static HWY_INLINE V load(const std::uint16_t* from) {
    const hn::Rebind<hwy::float16_t, D> dh;
    return hn::PromoteTo(D(), hn::LoadU(dh, reinterpret_cast<const hwy::float16_t*>(from)));
  }
  static HWY_INLINE void store(V v, std::uint16_t* to) {
    const hn::Rebind<hwy::float16_t, D> dh;
    hn::StoreU(hn::DemoteTo(dh, v), dh, reinterpret_cast<hwy::float16_t*>(to));
  }
  static float load_one(std::uint16_t bits) { return f16_to_float(bits); }
  static std::uint16_t store_one(float value) { return float_to_f16(value); }
};

struct BF16 {
  static constexpr bool kVector = true;
  static HWY_INLINE V load(const std::uint16_t* from) {
    return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(DWide(), hn::LoadU(DBits(), from))));
  }
  static HWY_INLINE void store(V v, std::uint16_t* to) {
    const DWide dw;
    const auto bits = hn::BitCast(dw, v);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(dw, 1));
    const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(dw, 0x7FFF))));
    const auto quiet = hn::Or(hn::ShiftRight<16>(bits), hn::Set(dw, 0x40));
    const auto nan = hn::RebindMask(dw, hn::IsNaN(v));
    hn::StoreU(hn::TruncateTo(DBits(), hn::IfThenElse(nan, quiet, rounded)), DBits(), to);
  }
  static float load_one(std::uint16_t bits) { return bf16_to_float(bits); }
  static std::uint16_t store_one(float value) { return float_to_bf16(value); }
};

std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(D())); }

template <class Half>
void load_block(std::int64_t n, void* result, const BlockArg* args) {
  const auto* in = static_cast<const std::uint16_t*>(args[0].data);
  auto* out = static_cast<float*>(result);
  if (args[0].step == 0) return std::fill_n(out, n, Half::load_one(in[0])), void();
  std::int64_t i = 0;
  if constexpr (Half::kVector)
    for (; i + lanes() <= n; i += lanes()) hn::StoreU(Half::load(in + i), D(), out + i);
  for (; i < n; ++i) out[i] = Half::load_one(in[i]);
}

template <class Half>
void store_block(std::int64_t n, void* result, const BlockArg* args) {
  const auto* in = static_cast<const float*>(args[0].data);
  auto* out = static_cast<std::uint16_t*>(result);
  if (args[0].step == 0) return std::fill_n(out, n, Half::store_one(in[0])), void();
  std::int64_t i = 0;
  if constexpr (Half::kVector)
    for (; i + lanes() <= n; i += lanes()) Half::store(hn::LoadU(D(), in + i), out + i);
  for (; i < n; ++i) out[i] = Half::store_one(in[i]);
}

template <class Half>
void round_block(std::int64_t n, void* result, const BlockArg* args) {
  const auto* in = static_cast<const float*>(args[0].data);
  auto* out = static_cast<float*>(result);
  if (args[0].step == 0) return std::fill_n(out, n, Half::load_one(Half::store_one(in[0]))), void();
  std::int64_t i = 0;
  if constexpr (Half::kVector) {
    std::uint16_t bits[HWY_MAX_BYTES / sizeof(float)];
    for (; i + lanes() <= n; i += lanes()) {
      Half::store(hn::LoadU(D(), in + i), bits);
      hn::StoreU(Half::load(bits), D(), out + i);
    }
  }
  for (; i < n; ++i) out[i] = Half::load_one(Half::store_one(in[i]));
}

template <class Half>
HalfOps ops() {
  return {&load_block<Half>, &store_block<Half>, &round_block<Half>};
}

HalfOps find_half(DType type) { return type == DType::f16 ? ops<F16>() : ops<BF16>(); }

}  // namespace

HalfOps find_half_target(DType type) { return find_half(type); }

}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(find_half_target);

HalfOps find_half_ops(DType type) { return HWY_DYNAMIC_DISPATCH(find_half_target)(type); }

}  // namespace ingot::cpu
#endif
