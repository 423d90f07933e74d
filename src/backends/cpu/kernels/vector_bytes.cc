// SPDX-License-Identifier: Apache-2.0
// Block operations between f32, 32-bit integers and bytes with vector code per instruction set.
#include <cmath>
#include <cstring>
#include <limits>

#include "backends/cpu/kernels/simd_targets.h"
#include "backends/cpu/kernels/vector_ops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/vector_bytes.cc"
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
using DU = hn::Rebind<std::uint32_t, DF>;

constexpr float kTwo31 = 2147483648.0F;

// Element functions: whole vectors from memory to memory.
struct Saturate {
  using In = float;
  using Out = std::int32_t;
  static HWY_INLINE void run(const In* from, Out* to) {
    const DF d;
    const DI di;
    const auto x = hn::LoadU(d, from);
    const auto number = hn::RebindMask(di, hn::Eq(x, x));
    const auto high = hn::RebindMask(di, hn::Ge(x, hn::Set(d, kTwo31)));
    const auto low = hn::RebindMask(di, hn::Lt(x, hn::Set(d, -kTwo31)));
    auto y = hn::IfThenElse(high, hn::Set(di, std::numeric_limits<Out>::max()), hn::ConvertTo(di, x));
    y = hn::IfThenElse(low, hn::Set(di, std::numeric_limits<Out>::min()), y);
    hn::StoreU(hn::IfThenElseZero(number, y), di, to);
  }
};

// As through an integer of 64 bits, which is what the rare vectors beyond 32 bits take.
struct Wrap {
  using In = float;
  using Out = std::int32_t;
  static HWY_INLINE void run(const In* from, Out* to) {
    const DF d;
    const DI di;
    const auto x = hn::LoadU(d, from);
    if (hn::AllTrue(d, hn::Lt(hn::Abs(x), hn::Set(d, kTwo31)))) {
      hn::StoreU(hn::ConvertTo(di, x), di, to);
      return;
    }
    for (std::size_t i = 0; i < hn::Lanes(d); ++i) to[i] = wrapped(from[i]);
  }
  static Out wrapped(float x) {
    constexpr float kTwo63 = 9223372036854775808.0F;
    if (x != x) return 0;
    if (x >= kTwo63) return static_cast<Out>(std::numeric_limits<std::int64_t>::max());
    if (x < -kTwo63) return static_cast<Out>(std::numeric_limits<std::int64_t>::min());
    return static_cast<Out>(static_cast<std::int64_t>(x));
  }
};

struct ToFloat {
  using In = std::int32_t;
  using Out = float;
  static HWY_INLINE void run(const In* from, Out* to) {
    hn::StoreU(hn::ConvertTo(DF(), hn::LoadU(DI(), from)), DF(), to);
  }
};

template <typename Byte>
struct LoadByte {
  using In = Byte;
  using Out = std::int32_t;
  static HWY_INLINE void run(const In* from, Out* to) {
    const hn::Rebind<Byte, DF> db;
    hn::StoreU(hn::PromoteTo(DI(), hn::LoadU(db, from)), DI(), to);
  }
};

struct StoreByte {
  using In = std::uint32_t;
  using Out = std::uint8_t;
  static HWY_INLINE void run(const In* from, Out* to) {
    const hn::Rebind<std::uint8_t, DF> db;
    hn::StoreU(hn::TruncateTo(db, hn::LoadU(DU(), from)), db, to);
  }
};

template <class Element>
void block(std::int64_t n, void* result, const BlockArg* args) {
  using In = typename Element::In;
  using Out = typename Element::Out;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(DF()));
  const auto* from = static_cast<const In*>(args[0].data);
  auto* to = static_cast<Out*>(result);
  const std::int64_t step = args[0].step * lanes;
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes, from += step) Element::run(from, to + i);
  if (i == n) return;
  const auto rest = static_cast<std::size_t>(n - i);
  alignas(64) In padded[kSplatBytes / sizeof(In)] = {};
  alignas(64) Out made[kSplatBytes / sizeof(Out)];
  std::memcpy(padded, from, (step == 0 ? static_cast<std::size_t>(lanes) : rest) * sizeof(In));
  Element::run(padded, made);
  std::memcpy(to + i, made, rest * sizeof(Out));
}

}  // namespace

ByteOps byte_ops_target(DType type) {
  if (type == DType::i8) return {&block<LoadByte<std::int8_t>>, &block<StoreByte>};
  return {&block<LoadByte<std::uint8_t>>, &block<StoreByte>};
}
BlockOp i32_op_target(VecClass from, VecClass to) {
  if (from == VecClass::f32 && to == VecClass::i32) return &block<Saturate>;
  if (from == VecClass::i32 && to == VecClass::f32) return &block<ToFloat>;
  return nullptr;
}
BlockOp i32_wrapping_target() { return &block<Wrap>; }

}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(byte_ops_target);
HWY_EXPORT(i32_op_target);
HWY_EXPORT(i32_wrapping_target);

ByteOps find_byte_ops(DType type) { return HWY_DYNAMIC_DISPATCH(byte_ops_target)(type); }
BlockOp find_i32_op(VecClass from, VecClass to) { return HWY_DYNAMIC_DISPATCH(i32_op_target)(from, to); }
BlockOp find_i32_wrapping_cast() { return HWY_DYNAMIC_DISPATCH(i32_wrapping_target)(); }

}  // namespace ingot::cpu
#endif
