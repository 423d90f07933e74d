// SPDX-License-Identifier: Apache-2.0
#include "builder/known_size.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ingot::builder {
namespace {

KnownSize product(const KnownSize& a, const KnownSize& b) {
  KnownSize out{a.most * b.most, a.integer && b.integer, a.constant && b.constant};
  // A scale that is computed brings integers back to the size of activations: that is what scales are for.
  const auto ordinary = [](const KnownSize& size) { return !size.integer && !size.constant; };
  if ((a.integer && !a.constant && ordinary(b)) || (b.integer && !b.constant && ordinary(a))) out.most = 1;
  return out;
}

KnownSize quotient(const KnownSize& a, const KnownSize& b) {
  KnownSize divisor = b;
  divisor.most = b.constant && b.most != 0 ? 1 / b.most : 1;
  return product(a, divisor);
}

KnownSize power(const KnownSize& a, const KnownSize& b) {
  KnownSize out = a.with(b);
  out.most = b.constant && a.most > 1 ? std::pow(a.most, b.most) : a.most;
  return out;
}

KnownSize bounded(KnownSize size, double limit) {
  size.most = std::min(size.most, limit);
  return size;
}

KnownSize result_of(const ExprInstr& instr, const KnownSize& a, const KnownSize& b, const KnownSize& c) {
  switch (instr.op) {
    case ExprOp::k_mul: return product(a, b);
    case ExprOp::k_fma: return product(a, b).with(c);
    case ExprOp::k_div: return quotient(a, b);
    case ExprOp::k_reciprocal: return quotient({1, true, true}, a);
    case ExprOp::k_pow: return power(a, b);
    case ExprOp::k_prelu: return a.with(product(a, b));
    case ExprOp::k_sqrt: return {std::sqrt(a.most), a.integer, a.constant};
    case ExprOp::k_exp:
    case ExprOp::k_sinh:
    case ExprOp::k_cosh: return {a.constant ? std::exp(a.most) : 1, a.integer, a.constant};
    case ExprOp::k_log: return {128, a.integer, a.constant};  // of any finite f32
    case ExprOp::k_clamp: return b.constant && c.constant ? bounded(a, b.with(c).most) : a.with(b).with(c);
    case ExprOp::k_select: return b.with(c);
    case ExprOp::k_softplus: return a.with({1, true, true});
    case ExprOp::k_sigmoid:
    case ExprOp::k_hardsigmoid:
    case ExprOp::k_tanh:
    case ExprOp::k_erf:
    case ExprOp::k_sin:
    case ExprOp::k_cos:
    case ExprOp::k_sign:
    case ExprOp::k_rsqrt: return {1, a.integer, a.constant};
    case ExprOp::k_atan:
    case ExprOp::k_asin:
    case ExprOp::k_acos: return {4, a.integer, a.constant};
    default: break;
  }
  KnownSize out = a;
  if (arity_of(instr.op) > 1) out = out.with(b);
  if (arity_of(instr.op) > 2) out = out.with(c);
  return out;
}

}  // namespace

KnownSize KnownSize::of_type(DType type) {
  if (type == DType::boolean) return {1, true, false};
  if (is_integer(type)) return {std::ldexp(1.0, bits_of(type)), true, false};
  return {};
}

KnownSize KnownSize::of_constant(const HostTensor& values) {
  KnownSize out{0, true, true};
  for (std::int64_t i = 0; i < values.elements(); ++i) {
    const double size = std::abs(values.as_double(i));
    if (std::isfinite(size)) out.most = std::max(out.most, size);
  }
  return out;
}

KnownSize KnownSize::with(const KnownSize& other) const {
  return {std::max(most, other.most), integer && other.integer, constant && other.constant};
}

KnownSize size_of(const Expr& expr, std::span<const KnownSize> inputs) {
  std::vector<KnownSize> sizes;
  const auto at = [&](ExprArg arg) {
    return arg < 0 ? inputs[static_cast<std::size_t>(-arg - 1)] : sizes[static_cast<std::size_t>(arg)];
  };
  for (const ExprInstr& instr : expr.instrs()) {
    const int arity = arity_of(instr.op);
    KnownSize size;
    if (instr.op == ExprOp::kConst) {
      const double value = is_float(instr.type) ? std::abs(instr.imm) : std::abs(static_cast<double>(instr.imm_int));
      size = {std::isfinite(value) ? value : 0, true, true};
    } else if (instr.type == DType::boolean) {
      size = KnownSize::of_type(instr.type);
    } else {
      const KnownSize a = at(instr.args[0]);
      size = instr.op == ExprOp::kCast
                 ? a
                 : result_of(instr, a, arity > 1 ? at(instr.args[1]) : a, arity > 2 ? at(instr.args[2]) : a);
      // What is cast to an integer and back is rounded or truncated, not made larger.
      if (is_integer(instr.type)) size = bounded(size, KnownSize::of_type(instr.type).most);
    }
    sizes.push_back(size);
  }
  return expr.instrs().empty() ? inputs[0] : sizes.back();
}

}  // namespace ingot::builder
