// SPDX-License-Identifier: Apache-2.0
#include "ops/expressions.h"

#include <algorithm>
#include <cmath>

namespace ingot::ops {

#define INGOT_EXPRESSION(name)                                                                 \
  std::optional<Expr> name([[maybe_unused]] const Attrs& attrs, std::span<const DType> inputs, \
                           [[maybe_unused]] std::span<const DType> outputs)

bool expressible(DType type) {
  const char kind = kind_of(type);
  return type != DType::undefined && kind != 's' && kind != 'c' && bits_of(type) >= 8;
}

ExprBuilder::ExprBuilder(std::span<const DType> operands) {
  for (const DType type : operands) {
    if (type == DType::undefined) continue;
    ok_ = ok_ && expressible(type);
    expr_.add_input(type);
  }
}

ExprArg ExprBuilder::number(DType type, double value) {
  return is_integer(type) ? expr_.add_const_int(type, static_cast<std::int64_t>(value)) : expr_.add_const(type, value);
}

std::optional<Expr> ExprBuilder::done() {
  if (!ok_ || !expressible(expr_.result_type())) return std::nullopt;
  return std::move(expr_);
}

INGOT_EXPRESSION(express_bit_shift) {
  ExprBuilder b(inputs);
  const bool left = attrs.get_string("direction", "") == "LEFT";
  b.op(left ? ExprOp::k_shift_left : ExprOp::k_shift_right, inputs[0], {b.x(0), b.x(1)});
  return b.done();
}

INGOT_EXPRESSION(express_cast) {
  // fp8 without saturation and the rounding modes of f8e8m0 have no instruction.
  const DType to = outputs[0];
  if (is_float(to) && bits_of(to) == 8 && (attrs.get_int("saturate", 1) == 0 || to == DType::f8e8m0))
    return std::nullopt;
  ExprBuilder b(inputs.first(1));
  b.as(to, b.x(0));
  return b.done();
}

INGOT_EXPRESSION(express_celu) {
  ExprBuilder b(inputs);
  const DType t = inputs[0];
  const double alpha = attrs.get_float("alpha", 1.0);
  const ExprArg zero = b.number(t, 0);
  const ExprArg scaled = b.op(ExprOp::k_div, t, {b.x(0), b.number(t, alpha)});
  const ExprArg grown = b.op(ExprOp::k_sub, t, {b.op(ExprOp::k_exp, t, {scaled}), b.number(t, 1)});
  const ExprArg low = b.op(ExprOp::k_min, t, {zero, b.op(ExprOp::k_mul, t, {b.number(t, alpha), grown})});
  const ExprArg high = b.op(ExprOp::k_max, t, {zero, b.x(0)});
  b.op(ExprOp::k_add, t, {high, low});
  return b.done();
}

INGOT_EXPRESSION(express_clip) {
  ExprBuilder b(inputs);
  const DType t = inputs[0];
  const bool has_min = inputs.size() > 1 && inputs[1] != DType::undefined;
  const bool has_max = inputs.size() > 2 && inputs[2] != DType::undefined;
  if (has_min && has_max) {
    b.op(ExprOp::k_clamp, t, {b.x(0), b.x(1), b.x(2)});
  } else if (has_min || has_max) {
    b.op(has_min ? ExprOp::k_max : ExprOp::k_min, t, {b.x(0), b.x(1)});
  }
  return b.done();
}

INGOT_EXPRESSION(express_elu) {
  ExprBuilder b(inputs);
  const DType t = inputs[0];
  const ExprArg grown = b.op(ExprOp::k_sub, t, {b.op(ExprOp::k_exp, t, {b.x(0)}), b.number(t, 1)});
  const ExprArg low = b.op(ExprOp::k_mul, t, {b.number(t, attrs.get_float("alpha", 1.0)), grown});
  const ExprArg negative = b.op(ExprOp::k_less, DType::boolean, {b.x(0), b.number(t, 0)});
  b.op(ExprOp::k_select, t, {negative, low, b.x(0)});
  return b.done();
}

INGOT_EXPRESSION(express_equal) {
  ExprBuilder b(inputs);
  if (inputs[0] == DType::boolean) {
    b.op(ExprOp::k_not, DType::boolean, {b.op(ExprOp::k_xor, DType::boolean, {b.x(0), b.x(1)})});
  } else {
    b.op(ExprOp::k_equal, DType::boolean, {b.x(0), b.x(1)});
  }
  return b.done();
}

INGOT_EXPRESSION(express_gelu) {
  ExprBuilder b(inputs);
  b.op(attrs.get_string("approximate", "none") == "tanh" ? ExprOp::k_gelu_tanh : ExprOp::k_gelu, inputs[0], {b.x(0)});
  return b.done();
}

INGOT_EXPRESSION(express_hard_sigmoid) {
  ExprBuilder b(inputs);
  const DType t = inputs[0];
  const double alpha = attrs.get_float("alpha", 0.2F);
  const double beta = attrs.get_float("beta", 0.5);
  // Files store 1/6 as a float.
  if (std::abs(alpha - 1.0 / 6.0) < 1e-6 && beta == 0.5) {
    b.op(ExprOp::k_hardsigmoid, t, {b.x(0)});
  } else {
    const ExprArg scaled = b.op(ExprOp::k_mul, t, {b.x(0), b.number(t, alpha)});
    const ExprArg moved = b.op(ExprOp::k_add, t, {scaled, b.number(t, beta)});
    b.op(ExprOp::k_clamp, t, {moved, b.number(t, 0), b.number(t, 1)});
  }
  return b.done();
}

INGOT_EXPRESSION(express_is_inf) {
  ExprBuilder b(inputs);
  const bool positive = attrs.get_int("detect_positive", 1) != 0;
  const bool negative = attrs.get_int("detect_negative", 1) != 0;
  const ExprArg infinite = b.op(ExprOp::k_is_inf, DType::boolean, {b.x(0)});
  if (!positive && !negative) {
    b.number(DType::boolean, 0);
  } else if (!positive || !negative) {
    const ExprArg zero = b.number(inputs[0], 0);
    const ExprArg side = b.op(positive ? ExprOp::k_greater : ExprOp::k_less, DType::boolean, {b.x(0), zero});
    b.op(ExprOp::k_and, DType::boolean, {infinite, side});
  }
  return b.done();
}

INGOT_EXPRESSION(express_leaky_relu) {
  ExprBuilder b(inputs);
  b.op(ExprOp::k_prelu, inputs[0], {b.x(0), b.number(inputs[0], attrs.get_float("alpha", 0.01F))});
  return b.done();
}

INGOT_EXPRESSION(express_mean) {
  ExprBuilder b(inputs);
  const DType t = inputs[0];
  ExprArg sum = b.x(0);
  for (std::size_t i = 1; i < inputs.size(); ++i) sum = b.op(ExprOp::k_add, t, {sum, b.x(i)});
  if (inputs.size() > 1) b.op(ExprOp::k_div, t, {sum, b.number(t, static_cast<double>(inputs.size()))});
  return b.done();
}

INGOT_EXPRESSION(express_mish) {
  ExprBuilder b(inputs);
  const DType t = inputs[0];
  const ExprArg gate = b.op(ExprOp::k_tanh, t, {b.op(ExprOp::k_softplus, t, {b.x(0)})});
  b.op(ExprOp::k_mul, t, {b.x(0), gate});
  return b.done();
}

INGOT_EXPRESSION(express_mod) {
  ExprBuilder b(inputs);
  b.op(attrs.get_int("fmod", 0) != 0 ? ExprOp::k_fmod : ExprOp::k_mod, inputs[0], {b.x(0), b.x(1)});
  return b.done();
}

INGOT_EXPRESSION(express_pointwise) {
  auto parsed = Expr::parse(attrs.get_string("expr", ""));
  if (!parsed.is_ok() || parsed->input_types().size() != inputs.size()) return std::nullopt;
  return std::move(parsed).value();
}

INGOT_EXPRESSION(express_pow) {
  ExprBuilder b(inputs);
  // A floating exponent of an integer base decides the type of the computation, as in C.
  const DType t = is_integer(inputs[0]) && is_float(inputs[1]) ? inputs[1] : inputs[0];
  const ExprArg power = b.op(ExprOp::k_pow, t, {b.as(t, b.x(0)), b.as(t, b.x(1))});
  b.as(outputs[0], power);
  return b.done();
}

INGOT_EXPRESSION(express_relu) {
  ExprBuilder b(inputs);
  b.op(ExprOp::k_max, inputs[0], {b.x(0), b.number(inputs[0], 0)});
  return b.done();
}

INGOT_EXPRESSION(express_selu) {
  ExprBuilder b(inputs);
  const DType t = inputs[0];
  // ONNX's defaults are the nearest floats.
  const double alpha = attrs.get_float("alpha", 1.67326319217681884765625);
  const double gamma = attrs.get_float("gamma", 1.05070102214813232421875);
  const ExprArg grown = b.op(ExprOp::k_sub, t, {b.op(ExprOp::k_exp, t, {b.x(0)}), b.number(t, 1)});
  const ExprArg low = b.op(ExprOp::k_mul, t, {b.number(t, alpha), grown});
  const ExprArg positive = b.op(ExprOp::k_greater, DType::boolean, {b.x(0), b.number(t, 0)});
  b.op(ExprOp::k_mul, t, {b.number(t, gamma), b.op(ExprOp::k_select, t, {positive, b.x(0), low})});
  return b.done();
}

INGOT_EXPRESSION(express_shrink) {
  ExprBuilder b(inputs);
  // The attributes are fractions, of which integers must not lose theirs before the result.
  const DType t = is_float(inputs[0]) ? inputs[0] : DType::f64;
  const ExprArg x = b.as(t, b.x(0));
  const double lambda = attrs.get_float("lambd", 0.5);
  const ExprArg bias = b.number(t, attrs.get_float("bias", 0.0));
  const ExprArg below = b.op(ExprOp::k_less, DType::boolean, {x, b.number(t, -lambda)});
  const ExprArg above = b.op(ExprOp::k_greater, DType::boolean, {x, b.number(t, lambda)});
  const ExprArg high = b.op(ExprOp::k_select, t, {above, b.op(ExprOp::k_sub, t, {x, bias}), b.number(t, 0)});
  b.as(inputs[0], b.op(ExprOp::k_select, t, {below, b.op(ExprOp::k_add, t, {x, bias}), high}));
  return b.done();
}

INGOT_EXPRESSION(express_softsign) {
  ExprBuilder b(inputs);
  const DType t = inputs[0];
  const ExprArg below = b.op(ExprOp::k_add, t, {b.number(t, 1), b.op(ExprOp::k_abs, t, {b.x(0)})});
  b.op(ExprOp::k_div, t, {b.x(0), below});
  return b.done();
}

namespace {
ExprArg swish(ExprBuilder& b, DType t, double alpha) {
  if (alpha == 1.0) return b.op(ExprOp::k_silu, t, {b.x(0)});
  const ExprArg scaled = b.op(ExprOp::k_mul, t, {b.x(0), b.number(t, alpha)});
  return b.op(ExprOp::k_mul, t, {b.x(0), b.op(ExprOp::k_sigmoid, t, {scaled})});
}
}  // namespace

INGOT_EXPRESSION(express_swiglu) {
  ExprBuilder b(inputs);
  b.op(ExprOp::k_mul, inputs[0], {swish(b, inputs[0], attrs.get_float("alpha", 1.0)), b.x(1)});
  return b.done();
}

INGOT_EXPRESSION(express_swish) {
  ExprBuilder b(inputs);
  swish(b, inputs[0], attrs.get_float("alpha", 1.0));
  return b.done();
}

INGOT_EXPRESSION(express_thresholded_relu) {
  ExprBuilder b(inputs);
  const DType t = inputs[0];
  const ExprArg above = b.op(ExprOp::k_greater, DType::boolean, {b.x(0), b.number(t, attrs.get_float("alpha", 1.0))});
  b.op(ExprOp::k_select, t, {above, b.x(0), b.number(t, 0)});
  return b.done();
}

}  // namespace ingot::ops
