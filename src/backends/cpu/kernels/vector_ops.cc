// SPDX-License-Identifier: Apache-2.0
// Block operations of every class in plain C++, and the choice between them and the vector code.
#include "backends/cpu/kernels/vector_ops.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "tensor/convert.h"

namespace ingot::cpu {
namespace {

// Where operands step, or do not, is known to the compiler, so that it makes vector code of the loop.
template <typename R, typename T, auto kFunction, bool kStepA, bool kStepB>
void loop(std::int64_t n, R* out, const T* a, const T* b) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = kFunction(a[kStepA ? i : 0], b[kStepB ? i : 0]);
}

template <typename R, typename T, int kArity, auto kFunction>
void block(std::int64_t n, void* result, const BlockArg* args) {
  auto* out = static_cast<R*>(result);
  const auto* a = static_cast<const T*>(args[0].data);
  const auto* b = static_cast<const T*>(args[kArity > 1 ? 1 : 0].data);
  const auto* c = static_cast<const T*>(args[kArity > 2 ? 2 : 0].data);
  if constexpr (kArity == 1) {
    if (args[0].step == 0) return std::fill_n(out, n, kFunction(a[0])), void();
    for (std::int64_t i = 0; i < n; ++i) out[i] = kFunction(a[i]);
  } else if constexpr (kArity == 2) {
    if (args[0].step == 0 && args[1].step == 0) return std::fill_n(out, n, kFunction(a[0], b[0])), void();
    if (args[0].step == 0) return loop<R, T, kFunction, false, true>(n, out, a, b);
    if (args[1].step == 0) return loop<R, T, kFunction, true, false>(n, out, a, b);
    loop<R, T, kFunction, true, true>(n, out, a, b);
  } else {
    for (std::int64_t i = 0; i < n; ++i)
      out[i] = kFunction(a[i * args[0].step], b[i * args[1].step], c[i * args[2].step]);
  }
}

template <typename T>
void select(std::int64_t n, void* result, const BlockArg* args) {
  auto* out = static_cast<T*>(result);
  const auto* m = static_cast<const std::uint8_t*>(args[0].data);
  const auto* a = static_cast<const T*>(args[1].data);
  const auto* b = static_cast<const T*>(args[2].data);
  for (std::int64_t i = 0; i < n; ++i) out[i] = m[i * args[0].step] != 0 ? a[i * args[1].step] : b[i * args[2].step];
}

// Integer arithmetic wraps: done on the unsigned type.
template <typename T, typename F>
constexpr T wrap(T a, T b, F f) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(f(static_cast<U>(a), static_cast<U>(b)));
  } else {
    return f(a, b);
  }
}

template <typename T>
T divide(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return wrap<T>(0, a, [](auto x, auto y) { return x - y; });
    return a / b;
  } else {
    return a / b;
  }
}

template <typename T>
T remainder(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1)) ? 0 : a % b;
  else
    return std::fmod(a, b);
}

// Integer powers wrap; those with a negative exponent are 1 / a power, cut.
template <typename T>
T power(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_signed_v<T>)
      if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
    T result = 1;
    for (; b != 0; b >>= 1) {
      if ((b & 1) != 0) result = wrap(result, a, [](auto x, auto y) { return x * y; });
      a = wrap(a, a, [](auto x, auto y) { return x * y; });
    }
    return result;
  } else {
    return std::pow(a, b);
  }
}

// The sign of the divisor, as Python's %.
template <typename T>
T modulo(T a, T b) {
  const T r = remainder(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

template <typename T>
T minimum(T a, T b) {
  return b < a || b != b ? b : a;  // a NaN in `a` compares false and stays
}
template <typename T>
T maximum(T a, T b) {
  return a < b || b != b ? b : a;
}

template <typename T>
T erf_gelu(T x) {
  return T(0.5) * x * (T(1) + std::erf(x * T(0.70710678118654752)));
}
template <typename T>
T tanh_gelu(T x) {
  return T(0.5) * x * (T(1) + std::tanh(T(0.79788456080286536) * (x + T(0.044715) * x * x * x)));
}
template <typename T>
T logistic(T x) {
  return T(1) / (T(1) + std::exp(-x));
}
template <typename T>
T hard_logistic(T x) {
  return maximum(T(0), minimum(T(1), x / T(6) + T(0.5)));
}

// Shifting by a negative count or by the width and more leaves what sign extension gives. Nothing here is left to the
// prediction of branches: counts may be anything.
template <typename T>
T shift(T value, T count, bool left) {
  using U = std::make_unsigned_t<T>;
  constexpr U kWidth = 8 * sizeof(T);
  const bool inside = static_cast<U>(count) < kWidth;
  const U within = static_cast<U>(count) & (kWidth - 1);
  if (left) return static_cast<T>((static_cast<U>(value) << within) & (inside ? ~U{0} : U{0}));
  // All bits but the sign go in two steps.
  return static_cast<T>(value >> (inside ? within : kWidth - 1) >> (inside ? 0 : 1));
}

template <typename T>
BlockOp common_op(ExprOp op) {
#define INGOT_ROW(name, arity, result, ...) \
  case ExprOp::k_##name: return &block<result, T, arity, (__VA_ARGS__)>;
  switch (op) {
    INGOT_ROW(add, 2, T, [](T a, T b) { return wrap(a, b, [](auto x, auto y) { return x + y; }); })
    INGOT_ROW(sub, 2, T, [](T a, T b) { return wrap(a, b, [](auto x, auto y) { return x - y; }); })
    INGOT_ROW(mul, 2, T, [](T a, T b) { return wrap(a, b, [](auto x, auto y) { return x * y; }); })
    INGOT_ROW(div, 2, T, [](T a, T b) { return divide(a, b); })
    INGOT_ROW(mod, 2, T, [](T a, T b) { return modulo(a, b); })
    INGOT_ROW(fmod, 2, T, [](T a, T b) { return remainder(a, b); })
    INGOT_ROW(pow, 2, T, [](T a, T b) { return power(a, b); })
    INGOT_ROW(min, 2, T, [](T a, T b) { return minimum(a, b); })
    INGOT_ROW(max, 2, T, [](T a, T b) { return maximum(a, b); })
    INGOT_ROW(prelu, 2, T, [](T a, T b) { return a < 0 ? wrap(a, b, [](auto x, auto y) { return x * y; }) : a; })
    INGOT_ROW(neg, 1, T,
              [](T a) { return std::is_integral_v<T> ? wrap<T>(0, a, [](auto x, auto y) { return x - y; }) : -a; })
    INGOT_ROW(abs, 1, T, [](T a) { return a < 0 ? wrap<T>(0, a, [](auto x, auto y) { return x - y; }) : a; })
    INGOT_ROW(sign, 1, T, [](T a) { return a > 0 ? T(1) : a < 0 ? T(-1) : a; })
    INGOT_ROW(clamp, 3, T, [](T a, T b, T c) { return minimum(maximum(a, b), c); })
    INGOT_ROW(fma, 3, T, [](T a, T b, T c) {
      return wrap(wrap(a, b, [](auto x, auto y) { return x * y; }), c, [](auto x, auto y) { return x + y; });
    })
    INGOT_ROW(equal, 2, std::uint8_t, [](T a, T b) { return std::uint8_t{a == b}; })
    INGOT_ROW(less, 2, std::uint8_t, [](T a, T b) { return std::uint8_t{a < b}; })
    INGOT_ROW(less_equal, 2, std::uint8_t, [](T a, T b) { return std::uint8_t{a <= b}; })
    INGOT_ROW(greater, 2, std::uint8_t, [](T a, T b) { return std::uint8_t{a > b}; })
    INGOT_ROW(greater_equal, 2, std::uint8_t, [](T a, T b) { return std::uint8_t{a >= b}; })
    case ExprOp::k_select: return &select<T>;
    default: return nullptr;
  }
}

template <typename T>
BlockOp float_op(ExprOp op) {
  switch (op) {
    INGOT_ROW(reciprocal, 1, T, [](T a) { return T(1) / a; })
    INGOT_ROW(sqrt, 1, T, [](T a) { return std::sqrt(a); })
    INGOT_ROW(rsqrt, 1, T, [](T a) { return T(1) / std::sqrt(a); })
    INGOT_ROW(exp, 1, T, [](T a) { return std::exp(a); })
    INGOT_ROW(log, 1, T, [](T a) { return std::log(a); })
    INGOT_ROW(sin, 1, T, [](T a) { return std::sin(a); })
    INGOT_ROW(cos, 1, T, [](T a) { return std::cos(a); })
    INGOT_ROW(tan, 1, T, [](T a) { return std::tan(a); })
    INGOT_ROW(asin, 1, T, [](T a) { return std::asin(a); })
    INGOT_ROW(acos, 1, T, [](T a) { return std::acos(a); })
    INGOT_ROW(atan, 1, T, [](T a) { return std::atan(a); })
    INGOT_ROW(sinh, 1, T, [](T a) { return std::sinh(a); })
    INGOT_ROW(cosh, 1, T, [](T a) { return std::cosh(a); })
    INGOT_ROW(asinh, 1, T, [](T a) { return std::asinh(a); })
    INGOT_ROW(acosh, 1, T, [](T a) { return std::acosh(a); })
    INGOT_ROW(atanh, 1, T, [](T a) { return std::atanh(a); })
    INGOT_ROW(tanh, 1, T, [](T a) { return std::tanh(a); })
    INGOT_ROW(erf, 1, T, [](T a) { return std::erf(a); })
    INGOT_ROW(sigmoid, 1, T, [](T a) { return logistic(a); })
    INGOT_ROW(softplus, 1, T, [](T a) { return maximum(a, T(0)) + std::log1p(std::exp(-std::abs(a))); })
    INGOT_ROW(floor, 1, T, [](T a) { return std::floor(a); })
    INGOT_ROW(ceil, 1, T, [](T a) { return std::ceil(a); })
    INGOT_ROW(round, 1, T, [](T a) { return std::nearbyint(a); })
    INGOT_ROW(gelu, 1, T, [](T a) { return erf_gelu(a); })
    INGOT_ROW(gelu_tanh, 1, T, [](T a) { return tanh_gelu(a); })
    INGOT_ROW(silu, 1, T, [](T a) { return a * logistic(a); })
    INGOT_ROW(hardsigmoid, 1, T, [](T a) { return hard_logistic(a); })
    INGOT_ROW(hardswish, 1, T, [](T a) { return a * hard_logistic(a); })
    INGOT_ROW(is_nan, 1, std::uint8_t, [](T a) { return std::uint8_t{a != a}; })
    INGOT_ROW(is_inf, 1, std::uint8_t, [](T a) { return std::uint8_t{std::isinf(a)}; })
    default: return common_op<T>(op);
  }
}

template <typename T>
BlockOp integer_op(ExprOp op) {
  switch (op) {
    INGOT_ROW(bit_and, 2, T, [](T a, T b) -> T { return a & b; })
    INGOT_ROW(bit_or, 2, T, [](T a, T b) -> T { return a | b; })
    INGOT_ROW(bit_xor, 2, T, [](T a, T b) -> T { return a ^ b; })
    INGOT_ROW(bit_not, 1, T, [](T a) -> T { return ~a; })
    INGOT_ROW(shift_left, 2, T, [](T a, T b) { return shift(a, b, true); })
    INGOT_ROW(shift_right, 2, T, [](T a, T b) { return shift(a, b, false); })
    default: return common_op<T>(op);
  }
}

BlockOp bool_op(ExprOp op) {
  using T = std::uint8_t;
  switch (op) {
    INGOT_ROW(and, 2, T, [](T a, T b) -> T { return a & b; })
    INGOT_ROW(or, 2, T, [](T a, T b) -> T { return a | b; })
    INGOT_ROW(xor, 2, T, [](T a, T b) -> T { return a ^ b; })
    INGOT_ROW(not, 1, T, [](T a) -> T { return a ^ 1; })
    INGOT_ROW(equal, 2, T, [](T a, T b) { return T{a == b}; })
    case ExprOp::k_select: return &select<T>;
    default: return nullptr;
  }
}
#undef INGOT_ROW

// Out of range values give the nearest end, NaN zero: defined on every machine.
template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    constexpr From kLow = static_cast<From>(std::numeric_limits<To>::min());
    if (value != value) return 0;
    if (value < kLow) return std::numeric_limits<To>::min();
    if (value >= -kLow) return std::numeric_limits<To>::max();
  }
  return static_cast<To>(value);
}

// Integers wrap; of a number below zero it is the bits of the signed integer that count.
template <typename From>
std::uint64_t to_u64(From value) {
  if constexpr (std::is_floating_point_v<From>) {
    constexpr From kTwo63 = static_cast<From>(9223372036854775808.0), kTwo64 = 2 * kTwo63;
    if (value >= kTwo64) return std::numeric_limits<std::uint64_t>::max();
    if (value >= kTwo63) return static_cast<std::uint64_t>(value);
    return static_cast<std::uint64_t>(convert<std::int64_t>(value));
  } else {
    return static_cast<std::uint64_t>(value);
  }
}

template <typename From>
BlockOp cast_from(VecClass to) {
  switch (to) {
    case VecClass::f32: return &block<float, From, 1, [](From x) { return static_cast<float>(x); }>;
    case VecClass::f64: return &block<double, From, 1, [](From x) { return static_cast<double>(x); }>;
    case VecClass::i32: return &block<std::int32_t, From, 1, [](From x) { return convert<std::int32_t>(x); }>;
    case VecClass::i64: return &block<std::int64_t, From, 1, [](From x) { return convert<std::int64_t>(x); }>;
    case VecClass::u64: return &block<std::uint64_t, From, 1, [](From x) { return to_u64(x); }>;
    case VecClass::b8: return &block<std::uint8_t, From, 1, [](From x) { return std::uint8_t{x != 0}; }>;
    case VecClass::none: break;
  }
  return nullptr;
}

template <typename Narrow, typename Wide>
constexpr BlockOp narrow_op() {
  return &block<Narrow, Wide, 1, [](Wide x) { return static_cast<Narrow>(x); }>;
}
template <typename Narrow, typename Wide>
constexpr BlockOp wrap_op() {
  return &block<Wide, Wide, 1, [](Wide x) -> Wide { return static_cast<Narrow>(x); }>;
}
// The low bits of an integer of 64 bits.
template <typename From>
constexpr BlockOp wrapping_cast() {
  return &block<std::int32_t, From, 1, [](From x) { return static_cast<std::int32_t>(convert<std::int64_t>(x)); }>;
}

// X(type, C++ type, type of its class): integers that live in a wider class.
#define INGOT_NARROW_INTEGERS(X)     \
  X(i8, std::int8_t, std::int32_t)   \
  X(i16, std::int16_t, std::int32_t) \
  X(u8, std::uint8_t, std::int32_t) X(u16, std::uint16_t, std::int32_t) X(u32, std::uint32_t, std::int64_t)

}  // namespace

VecClass class_of_type(DType type) {
  switch (type) {
    case DType::f32:
    case DType::f16:
    case DType::bf16: return VecClass::f32;
    case DType::f64: return VecClass::f64;
    case DType::i8:
    case DType::u8:
    case DType::i16:
    case DType::u16:
    case DType::i32: return VecClass::i32;
    case DType::boolean: return VecClass::b8;
    case DType::u32:
    case DType::i64: return VecClass::i64;
    case DType::u64: return VecClass::u64;
    default: return VecClass::none;
  }
}

std::size_t bytes_of_class(VecClass cls) {
  switch (cls) {
    case VecClass::f32:
    case VecClass::i32: return 4;
    case VecClass::b8: return 1;
    default: return 8;
  }
}

BlockOp find_op(ExprOp op, VecClass operands) {
  switch (operands) {
    case VecClass::f32: {
      const BlockOp fast = find_f32_op(op);
      return fast != nullptr ? fast : float_op<float>(op);
    }
    case VecClass::f64: return float_op<double>(op);
    case VecClass::i32: return integer_op<std::int32_t>(op);
    case VecClass::i64: return integer_op<std::int64_t>(op);
    case VecClass::u64: return integer_op<std::uint64_t>(op);
    case VecClass::b8: return bool_op(op);
    case VecClass::none: break;
  }
  return nullptr;
}

BlockOp find_cast(VecClass from, VecClass to) {
  if (const BlockOp fast = find_i32_op(from, to); fast != nullptr) return fast;
  switch (from) {
    case VecClass::f32: return cast_from<float>(to);
    case VecClass::f64: return cast_from<double>(to);
    case VecClass::i32: return cast_from<std::int32_t>(to);
    case VecClass::i64: return cast_from<std::int64_t>(to);
    case VecClass::u64: return cast_from<std::uint64_t>(to);
    case VecClass::b8: return cast_from<std::uint8_t>(to);
    case VecClass::none: break;
  }
  return nullptr;
}

BlockOp find_wrapping_cast(VecClass from) {
  switch (from) {
    case VecClass::f32: return find_i32_wrapping_cast();
    case VecClass::f64: return wrapping_cast<double>();
    case VecClass::i64: return wrapping_cast<std::int64_t>();
    case VecClass::u64: return wrapping_cast<std::uint64_t>();
    default: return find_cast(from, VecClass::i32);
  }
}

BlockOp find_rounding(DType type) {
  switch (type) {
    case DType::f16:
    case DType::bf16: return find_half_ops(type).round;
#define X(name, type_name, wide_name) \
  case DType::name: return wrap_op<type_name, wide_name>();
      INGOT_NARROW_INTEGERS(X)
#undef X
    default: return nullptr;
  }
}

BlockOp find_load(DType type) {
  if (is_byte(type)) return find_byte_ops(type).load;
  switch (type) {
    case DType::f16:
    case DType::bf16: return find_half_ops(type).load;
#define X(name, type_name, wide_name) \
  case DType::name: return narrow_op<wide_name, type_name>();
      INGOT_NARROW_INTEGERS(X)
#undef X
    default: return nullptr;
  }
}

BlockOp find_store(DType type) {
  if (is_byte(type)) return find_byte_ops(type).store;
  switch (type) {
    case DType::f16:
    case DType::bf16: return find_half_ops(type).store;
#define X(name, type_name, wide_name) \
  case DType::name: return narrow_op<type_name, wide_name>();
      INGOT_NARROW_INTEGERS(X)
#undef X
    default: return nullptr;
  }
}

}  // namespace ingot::cpu
