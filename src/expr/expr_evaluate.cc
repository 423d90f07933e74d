// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <numbers>

#include "expr/expr.h"
#include "expr/expr_scalar.h"
#include "tensor/convert.h"

namespace ingot {
namespace {

using Scalar = Expr::Scalar;

double round_float(DType type, double value) {
  switch (type) {
    case DType::f64: return value;
    case DType::f32: return static_cast<float>(value);
    case DType::f16: return f16_to_float(float_to_f16(round_to_odd(value)));
    case DType::bf16: return bf16_to_float(float_to_bf16(round_to_odd(value)));
    default: return small_float_to_float(type, float_to_small_float(type, round_to_odd(value)));
  }
}

std::int64_t wrap(DType type, std::int64_t value) {
  const int bits = bits_of(type);
  if (bits == 64) return value;
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  const std::uint64_t low = static_cast<std::uint64_t>(value) & mask;
  const bool negative = kind_of(type) == 'i' && (low >> (bits - 1)) != 0;
  return static_cast<std::int64_t>(negative ? low | ~mask : low);
}

std::int64_t truncate(DType type, double value) {
  if (std::isnan(value)) return 0;
  if (type == DType::u64 && value >= 0x1p63)
    return static_cast<std::int64_t>(value < 0x1p64 ? static_cast<std::uint64_t>(value) : ~std::uint64_t{0});
  if (value >= 0x1p63) return std::numeric_limits<std::int64_t>::max();
  if (value < -0x1p63) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

// NaN if either is NaN.
double min_of(double a, double b) { return a < b || std::isnan(a) ? a : b; }
double max_of(double a, double b) { return a > b || std::isnan(a) ? a : b; }

double floor_mod(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

double hardsigmoid(double x) { return max_of(0, min_of(1, x / 6 + 0.5)); }

double float_op(ExprOp op, const double* x) {
  const double a = x[0];
  switch (op) {
    case ExprOp::k_add: return a + x[1];
    case ExprOp::k_sub: return a - x[1];
    case ExprOp::k_mul: return a * x[1];
    case ExprOp::k_div: return a / x[1];
    case ExprOp::k_mod: return floor_mod(a, x[1]);
    case ExprOp::k_fmod: return std::fmod(a, x[1]);
    case ExprOp::k_pow: return std::pow(a, x[1]);
    case ExprOp::k_min: return min_of(a, x[1]);
    case ExprOp::k_max: return max_of(a, x[1]);
    case ExprOp::k_prelu: return a < 0 ? x[1] * a : a;
    case ExprOp::k_neg: return -a;
    case ExprOp::k_abs: return std::fabs(a);
    case ExprOp::k_sign: return a > 0 ? 1 : a < 0 ? -1 : a;
    case ExprOp::k_reciprocal: return 1 / a;
    case ExprOp::k_sqrt: return std::sqrt(a);
    case ExprOp::k_rsqrt: return 1 / std::sqrt(a);
    case ExprOp::k_exp: return std::exp(a);
    case ExprOp::k_log: return std::log(a);
    case ExprOp::k_sin: return std::sin(a);
    case ExprOp::k_cos: return std::cos(a);
    case ExprOp::k_tan: return std::tan(a);
    case ExprOp::k_asin: return std::asin(a);
    case ExprOp::k_acos: return std::acos(a);
    case ExprOp::k_atan: return std::atan(a);
    case ExprOp::k_sinh: return std::sinh(a);
    case ExprOp::k_cosh: return std::cosh(a);
    case ExprOp::k_asinh: return std::asinh(a);
    case ExprOp::k_acosh: return std::acosh(a);
    case ExprOp::k_atanh: return std::atanh(a);
    case ExprOp::k_tanh: return std::tanh(a);
    case ExprOp::k_erf: return std::erf(a);
    case ExprOp::k_sigmoid: return 1 / (1 + std::exp(-a));
    case ExprOp::k_softplus: return max_of(a, 0) + std::log1p(std::exp(-std::fabs(a)));
    case ExprOp::k_floor: return std::floor(a);
    case ExprOp::k_ceil: return std::ceil(a);
    case ExprOp::k_round: return std::nearbyint(a);
    case ExprOp::k_gelu: return 0.5 * a * std::erfc(-a * std::numbers::sqrt2 / 2);
    case ExprOp::k_gelu_tanh: {
      const double inner = std::sqrt(2 * std::numbers::inv_pi) * (a + 0.044715 * a * a * a);
      return 0.5 * a * (1 + std::tanh(inner));
    }
    case ExprOp::k_silu: return a / (1 + std::exp(-a));
    case ExprOp::k_hardsigmoid: return hardsigmoid(a);
    case ExprOp::k_hardswish: return a * hardsigmoid(a);
    case ExprOp::k_fma: return std::fma(a, x[1], x[2]);
    case ExprOp::k_clamp: return min_of(max_of(a, x[1]), x[2]);
    default: return std::numeric_limits<double>::quiet_NaN();
  }
}

std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::int64_t signed_of(std::uint64_t value) { return static_cast<std::int64_t>(value); }

// Wrapping power; a negative exponent gives the truncated quotient 1 / a^|b|.
std::int64_t int_pow(std::int64_t a, std::int64_t b, bool is_unsigned) {
  if (b < 0 && !is_unsigned) {
    if (a == 1) return 1;
    return a == -1 ? (b % 2 != 0 ? -1 : 1) : 0;
  }
  std::uint64_t result = 1, base = bits(a);
  for (std::uint64_t n = bits(b); n != 0; n >>= 1) {
    if ((n & 1U) != 0) result *= base;
    base *= base;
  }
  return signed_of(result);
}

// Quotient and remainder towards zero. Division by zero gives 0 and the dividend: it must not trap.
struct Division {
  std::int64_t quotient, rest;
};
Division divide(std::int64_t a, std::int64_t b, bool is_unsigned) {
  if (b == 0) return {0, a};
  if (is_unsigned) return {signed_of(bits(a) / bits(b)), signed_of(bits(a) % bits(b))};
  if (b == -1) return {signed_of(0 - bits(a)), 0};
  return {a / b, a % b};
}

std::int64_t int_op(ExprOp op, DType type, const std::int64_t* x) {
  const bool is_unsigned = kind_of(type) != 'i';
  const std::int64_t a = x[0], b = x[1];
  const auto less = [is_unsigned](std::int64_t l, std::int64_t r) { return is_unsigned ? bits(l) < bits(r) : l < r; };
  const auto shift_fits = [type](std::int64_t by) { return by >= 0 && by < bits_of(type); };
  switch (op) {
    case ExprOp::k_add: return signed_of(bits(a) + bits(b));
    case ExprOp::k_sub: return signed_of(bits(a) - bits(b));
    case ExprOp::k_mul: return signed_of(bits(a) * bits(b));
    case ExprOp::k_div: return divide(a, b, is_unsigned).quotient;
    case ExprOp::k_fmod: return b == 0 ? 0 : divide(a, b, is_unsigned).rest;
    case ExprOp::k_mod: {
      if (b == 0) return 0;
      const std::int64_t rest = divide(a, b, is_unsigned).rest;
      return !is_unsigned && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
    case ExprOp::k_pow: return int_pow(a, b, is_unsigned);
    case ExprOp::k_min: return less(b, a) ? b : a;
    case ExprOp::k_max: return less(a, b) ? b : a;
    case ExprOp::k_prelu: return less(a, 0) ? signed_of(bits(a) * bits(b)) : a;
    case ExprOp::k_bit_and: return a & b;
    case ExprOp::k_bit_or: return a | b;
    case ExprOp::k_bit_xor: return a ^ b;
    case ExprOp::k_bit_not: return ~a;
    case ExprOp::k_shift_left: return shift_fits(b) ? signed_of(bits(a) << b) : 0;
    case ExprOp::k_shift_right:
      if (!shift_fits(b)) return less(a, 0) ? -1 : 0;
      return is_unsigned ? signed_of(bits(a) >> b) : a >> b;
    case ExprOp::k_neg: return signed_of(0 - bits(a));
    case ExprOp::k_abs: return less(a, 0) ? signed_of(0 - bits(a)) : a;
    case ExprOp::k_sign: return a == 0 ? 0 : less(a, 0) ? -1 : 1;
    case ExprOp::k_fma: return signed_of(bits(a) * bits(b) + bits(x[2]));
    case ExprOp::k_clamp: {
      const std::int64_t low = less(a, b) ? b : a;
      return less(x[2], low) ? x[2] : low;
    }
    default: return 0;
  }
}

template <typename T>
bool compare(ExprOp op, T a, T b) {
  switch (op) {
    case ExprOp::k_equal: return a == b;
    case ExprOp::k_less: return a < b;
    case ExprOp::k_less_equal: return a <= b;
    case ExprOp::k_greater: return a > b;
    default: return a >= b;
  }
}

bool compare(ExprOp op, DType type, const Scalar& a, const Scalar& b) {
  if (is_float(type)) return compare(op, a.f, b.f);
  return kind_of(type) == 'i' ? compare(op, a.i, b.i) : compare(op, bits(a.i), bits(b.i));
}

bool logic(ExprOp op, const Scalar* args) {
  const bool a = args[0].i != 0;
  switch (op) {
    case ExprOp::k_and: return a && args[1].i != 0;
    case ExprOp::k_or: return a || args[1].i != 0;
    case ExprOp::k_xor: return a != (args[1].i != 0);
    default: return !a;
  }
}

}  // namespace

Scalar convert_scalar(DType from, DType to, Scalar value) {
  if (is_float(to)) {
    if (is_float(from)) return {round_float(to, value.f), 0};
    if (from == DType::u64) {
      const std::uint64_t number = bits(value.i);
      return {to == DType::f32 ? static_cast<double>(static_cast<float>(number))
                               : round_float(to, static_cast<double>(number)),
              0};
    }
    // Straight to f32: by way of double it would round twice.
    return {to == DType::f32 ? static_cast<double>(static_cast<float>(value.i))
                             : round_float(to, static_cast<double>(value.i)),
            0};
  }
  if (to == DType::boolean) return {0, (is_float(from) ? value.f != 0 : value.i != 0) ? 1 : 0};
  return {0, wrap(to, is_float(from) ? truncate(to, value.f) : value.i)};
}

Scalar constant_scalar(const ExprInstr& instr) {
  if (is_integer(instr.type)) return {0, instr.imm_int};
  return convert_scalar(DType::f64, instr.type, {instr.imm, 0});
}

ExprInstr constant_instr(DType type, const Scalar& value) {
  ExprInstr instr;
  instr.type = type;
  if (is_integer(type)) {
    instr.imm_int = value.i;
  } else {
    instr.imm = type == DType::boolean ? static_cast<double>(value.i) : value.f;
  }
  return instr;
}

Scalar evaluate_instr(const ExprInstr& instr, DType operand_type, const Scalar* args) {
  switch (class_of(instr.op)) {
    case 'x': return convert_scalar(operand_type, instr.type, args[0]);
    case 's': return args[0].i != 0 ? args[1] : args[2];
    case 'c': return {0, compare(instr.op, operand_type, args[0], args[1]) ? 1 : 0};
    case 'l': return {0, logic(instr.op, args) ? 1 : 0};
    case 't': return {0, (instr.op == ExprOp::k_is_nan ? std::isnan(args[0].f) : std::isinf(args[0].f)) ? 1 : 0};
    default: break;
  }
  if (is_float(instr.type)) {
    const double values[3] = {args[0].f, args[1].f, args[2].f};
    return {round_float(instr.type, float_op(instr.op, values)), 0};
  }
  const std::int64_t values[3] = {args[0].i, args[1].i, args[2].i};
  return {0, wrap(instr.type, int_op(instr.op, instr.type, values))};
}

Scalar Expr::evaluate(std::span<const Scalar> inputs) const {
  std::vector<Scalar> results(instrs_.size());
  const auto value_of = [&](ExprArg arg) {
    return arg < 0 ? inputs[static_cast<std::size_t>(-arg - 1)] : results[static_cast<std::size_t>(arg)];
  };
  for (std::size_t i = 0; i < instrs_.size(); ++i) {
    const ExprInstr& instr = instrs_[i];
    if (instr.op == ExprOp::kConst) {
      results[i] = constant_scalar(instr);
      continue;
    }
    Scalar args[3];
    for (int k = 0; k < arity_of(instr.op); ++k) args[k] = value_of(instr.args[k]);
    results[i] = evaluate_instr(instr, type_of(instr.args[0]), args);
  }
  return results.empty() ? inputs[0] : results.back();
}

}  // namespace ingot
