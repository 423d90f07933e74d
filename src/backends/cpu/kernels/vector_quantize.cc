// SPDX-License-Identifier: Apache-2.0
// Block operations between bytes in memory and f32 that do several instructions at once, each rounded as by itself.
#include <array>
#include <cstring>
#include <iterator>

#include "backends/cpu/kernels/simd_targets.h"
#include "backends/cpu/kernels/vector_ops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/vector_quantize.cc"
// foreach_target.h has to come first.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using DI = hn::Rebind<std::int32_t, DF>;
using V = hn::Vec<DF>;

HWY_INLINE V number(const std::byte* from) { return hn::LoadU(DF(), reinterpret_cast<const float*>(from)); }
template <typename Byte>
HWY_INLINE V widened(const std::byte* from) {
  const hn::Rebind<Byte, DF> db;
  return hn::ConvertTo(DF(), hn::PromoteTo(DI(), hn::LoadU(db, reinterpret_cast<const Byte*>(from))));
}

// Element functions: operands by address, kBytes wide each, to memory.
template <typename Byte>
struct Widen {
  using Out = float;
  static constexpr std::size_t kBytes[] = {1};
  static HWY_INLINE void run(const std::byte* const* from, Out* to) { hn::StoreU(widened<Byte>(from[0]), DF(), to); }
};

template <typename Byte>
struct Dequantize {
  using Out = float;
  static constexpr std::size_t kBytes[] = {1, 4, 4};
  static HWY_INLINE void run(const std::byte* const* from, Out* to) {
    hn::StoreU(hn::Mul(hn::Sub(widened<Byte>(from[0]), number(from[1])), number(from[2])), DF(), to);
  }
};

template <bool kDivides>
struct Quantize {
  using Out = std::uint8_t;
  static constexpr auto kBytes = [] {
    std::array<std::size_t, kDivides ? 5 : 4> bytes{};
    for (std::size_t& b : bytes) b = sizeof(float);
    return bytes;
  }();
  static HWY_INLINE void run(const std::byte* const* from, Out* to) {
    const hn::Rebind<Out, DF> db;
    V x = number(from[0]);
    if constexpr (kDivides) x = hn::Div(x, number(from[4]));
    x = hn::Add(hn::Round(x), number(from[1]));
    const V kept = hn::Min(hn::Max(x, number(from[2])), number(from[3]));
    const auto y = hn::ConvertTo(DI(), hn::IfThenElseZero(hn::Eq(x, x), kept));
    hn::StoreU(hn::TruncateTo(db, hn::BitCast(hn::RebindToUnsigned<DI>(), y)), db, to);
  }
};

template <class Element>
void block(std::int64_t n, void* result, const BlockArg* args) {
  constexpr std::size_t kArgs = std::size(Element::kBytes);
  const std::size_t lanes = hn::Lanes(DF());
  auto* to = static_cast<typename Element::Out*>(result);
  const std::byte* from[kArgs];
  std::size_t steps[kArgs];
  for (std::size_t a = 0; a < kArgs; ++a) {
    from[a] = static_cast<const std::byte*>(args[a].data);
    steps[a] = args[a].step == 0 ? 0 : lanes * Element::kBytes[a];
  }
  auto left = static_cast<std::size_t>(n);
  bool constant = true;  // all but the first
  for (std::size_t a = 1; a < kArgs; ++a) constant = constant && steps[a] == 0;
  if (constant) {
    for (; left >= lanes; left -= lanes, to += lanes, from[0] += steps[0]) Element::run(from, to);
  } else {
    for (; left >= lanes; left -= lanes, to += lanes) {
      Element::run(from, to);
      for (std::size_t a = 0; a < kArgs; ++a) from[a] += steps[a];
    }
  }
  if (left == 0) return;
  alignas(64) std::byte padded[kArgs][kSplatBytes] = {};
  for (std::size_t a = 0; a < kArgs; ++a) {
    std::memcpy(padded[a], from[a], (steps[a] == 0 ? lanes : left) * Element::kBytes[a]);
    from[a] = padded[a];
  }
  alignas(64) typename Element::Out made[kSplatBytes];
  Element::run(from, made);
  std::memcpy(to, made, left * sizeof(made[0]));
}

}  // namespace

QuantizeOps quantize_ops_target(DType type) {
  if (type == DType::i8)
    return {&block<Widen<std::int8_t>>, &block<Dequantize<std::int8_t>>, &block<Quantize<false>>,
            &block<Quantize<true>>};
  return {&block<Widen<std::uint8_t>>, &block<Dequantize<std::uint8_t>>, &block<Quantize<false>>,
          &block<Quantize<true>>};
}

}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(quantize_ops_target);

QuantizeOps find_quantize_ops(DType type) { return HWY_DYNAMIC_DISPATCH(quantize_ops_target)(type); }

}  // namespace ingot::cpu
#endif
