// SPDX-License-Identifier: Apache-2.0
// Pointwise operators: shapes broadcast, and each has an expression, so that a pass can make it a Pointwise node.
#include "ops/expressions.h"
#include "ops/rules.h"
#include "ops/symbolic_expr.h"

namespace ingot::ops {
namespace {

Status broadcast_to(InferContext& ctx, DType result) {
  INGOT_ASSIGN_OR_RETURN(auto shape, broadcast_inputs(ctx));
  ctx.set_tensor(0, result, std::move(shape));
  propagate_symbolic(ctx, result);
  return Status::ok();
}

Status infer_same_type(InferContext& ctx) { return broadcast_to(ctx, ctx.dtype(0)); }
Status infer_boolean(InferContext& ctx) { return broadcast_to(ctx, DType::boolean); }
Status infer_where(InferContext& ctx) { return broadcast_to(ctx, ctx.dtype(1)); }

Status infer_pointwise(InferContext& ctx) {
  INGOT_ASSIGN_OR_RETURN(const Expr expr, Expr::parse(ctx.attrs().get_string("expr", "")));
  if (expr.input_types().size() != ctx.input_count()) {
    return invalid_argument("the expression has {} inputs, but {} operands are given", expr.input_types().size(),
                            ctx.input_count());
  }
  for (std::size_t i = 0; i < ctx.input_count(); ++i) {
    if (ctx.dtype(i) != expr.input_types()[i]) {
      return invalid_argument("{} is {}, but the expression takes {}", ctx.input_name(i), to_string(ctx.dtype(i)),
                              to_string(expr.input_types()[i]));
    }
  }
  return broadcast_to(ctx, expr.result_type());
}

// Further operands broadcast to the first, never the other way round.
Status infer_like_x(InferContext& ctx) {
  ctx.set_type(0, ctx.type(0));
  if (!ctx.shape(0)) return Status::ok();
  for (std::size_t i = 1; i < ctx.input_count(); ++i)
    INGOT_RETURN_IF_ERROR(expect_broadcasts_to(ctx, i, *ctx.shape(0)));
  propagate_symbolic(ctx, ctx.dtype(0));
  return Status::ok();
}

Status infer_swiglu(InferContext& ctx) {
  if (ctx.shape(0)) INGOT_RETURN_IF_ERROR(expect_shape(ctx, 1, *ctx.shape(0), "the shape of A"));
  return infer_like_x(ctx);
}

Status cast_to(InferContext& ctx, DType type) {
  if (type == DType::undefined) return invalid_argument("attribute to names no element type");
  if (kind_of(type) == 'c')
    return invalid_argument("attribute to is {}: no real number becomes complex", to_string(type));
  ctx.set_tensor(0, type, ctx.shape(0));
  auto value = ctx.symbolic_value(0);
  if (value && is_integer(type)) ctx.set_symbolic_value(0, *std::move(value));
  return Status::ok();
}

Status infer_cast(InferContext& ctx) { return cast_to(ctx, ctx.attrs().get_dtype("to", DType::undefined)); }
Status infer_cast_like(InferContext& ctx) { return cast_to(ctx, ctx.dtype(1)); }

Status infer_bit_cast(InferContext& ctx) {
  const DType to = ctx.attrs().get_dtype("to", DType::undefined);
  const bool padded = is_float6(to) || is_float6(ctx.dtype(0));
  if (bits_of(to) == 0 || bits_of(to) != bits_of(ctx.dtype(0)) || padded) {
    return invalid_argument("{} is {}, whose bits are not those of {}", ctx.input_name(0), to_string(ctx.dtype(0)),
                            to_string(to));
  }
  ctx.set_tensor(0, to, ctx.shape(0));
  return Status::ok();
}

Status infer_identity(InferContext& ctx) {
  ctx.set_type(0, ctx.type(0));
  if (auto value = ctx.symbolic_value(0)) ctx.set_symbolic_value(0, *std::move(value));
  return Status::ok();
}

struct Row {
  std::string_view name;
  std::string_view inputs;
  InferFn infer;
  ExpressionFn expression;
  std::vector<AttrSpec> attrs = {};
};

constexpr AttrSpec kAlpha{"alpha", AttrKind::number};
constexpr AttrSpec kSaturate{"saturate", AttrKind::integer};
constexpr AttrSpec kRoundMode{"round_mode", AttrKind::text};

std::vector<Row> rows() {
  constexpr std::string_view number = "X:N", real = "X:F";
  constexpr std::string_view numbers = "A:N B:N", logical = "A:boolean B:boolean", integers = "A:Q B:Q";
  return {
      {"Abs", number, infer_same_type, one_instruction<ExprOp::k_abs>},
      {"Acos", real, infer_same_type, one_instruction<ExprOp::k_acos>},
      {"Acosh", real, infer_same_type, one_instruction<ExprOp::k_acosh>},
      {"Add", numbers, infer_same_type, one_instruction<ExprOp::k_add>},
      {"And", logical, infer_boolean, one_instruction<ExprOp::k_and>},
      {"Asin", real, infer_same_type, one_instruction<ExprOp::k_asin>},
      {"Asinh", real, infer_same_type, one_instruction<ExprOp::k_asinh>},
      {"Atan", real, infer_same_type, one_instruction<ExprOp::k_atan>},
      {"Atanh", real, infer_same_type, one_instruction<ExprOp::k_atanh>},
      {"BitShift", integers, infer_same_type, express_bit_shift, {{"direction", AttrKind::text, true}}},
      {"BitwiseAnd", integers, infer_same_type, one_instruction<ExprOp::k_bit_and>},
      {"BitwiseNot", "X:Q", infer_same_type, one_instruction<ExprOp::k_bit_not>},
      {"BitwiseOr", integers, infer_same_type, one_instruction<ExprOp::k_bit_or>},
      {"BitwiseXor", integers, infer_same_type, one_instruction<ExprOp::k_bit_xor>},
      {"BitCast", "X", infer_bit_cast, nullptr, {{"to", AttrKind::dtype, true}}},
      {"Cast", "X:S", infer_cast, express_cast, {{"to", AttrKind::dtype, true}, kSaturate, kRoundMode}},
      {"CastLike", "X:S target_type", infer_cast_like, nullptr, {kSaturate, kRoundMode}},
      {"Ceil", real, infer_same_type, one_instruction<ExprOp::k_ceil>},
      {"Celu", real, infer_same_type, express_celu, {kAlpha}},
      {"Clip", "X:N min?:N max?:N", infer_like_x, express_clip},
      {"Cos", real, infer_same_type, one_instruction<ExprOp::k_cos>},
      {"Cosh", real, infer_same_type, one_instruction<ExprOp::k_cosh>},
      {"Div", numbers, infer_same_type, one_instruction<ExprOp::k_div>},
      {"Elu", real, infer_same_type, express_elu, {kAlpha}},
      {"Equal", "A:S B:S", infer_boolean, express_equal},
      {"Erf", number, infer_same_type, one_instruction<ExprOp::k_erf>},
      {"Exp", real, infer_same_type, one_instruction<ExprOp::k_exp>},
      {"Floor", real, infer_same_type, one_instruction<ExprOp::k_floor>},
      {"Gelu", real, infer_same_type, express_gelu, {{"approximate", AttrKind::text}}},
      {"Greater", numbers, infer_boolean, one_instruction<ExprOp::k_greater>},
      {"GreaterOrEqual", numbers, infer_boolean, one_instruction<ExprOp::k_greater_equal>},
      {"HardSigmoid", real, infer_same_type, express_hard_sigmoid, {kAlpha, {"beta", AttrKind::number}}},
      {"HardSwish", real, infer_same_type, one_instruction<ExprOp::k_hardswish>},
      {"IsInf",
       real,
       infer_boolean,
       express_is_inf,
       {{"detect_negative", AttrKind::integer}, {"detect_positive", AttrKind::integer}}},
      {"IsNaN", real, infer_boolean, one_instruction<ExprOp::k_is_nan>},
      {"LeakyRelu", real, infer_same_type, express_leaky_relu, {kAlpha}},
      {"Less", numbers, infer_boolean, one_instruction<ExprOp::k_less>},
      {"LessOrEqual", numbers, infer_boolean, one_instruction<ExprOp::k_less_equal>},
      {"Log", real, infer_same_type, one_instruction<ExprOp::k_log>},
      {"Max", "data_0*:N", infer_same_type, folded<ExprOp::k_max>},
      {"Mean", "data_0*:F", infer_same_type, express_mean},
      {"Min", "data_0*:N", infer_same_type, folded<ExprOp::k_min>},
      {"Mish", real, infer_same_type, express_mish},
      {"Mod", numbers, infer_same_type, express_mod, {{"fmod", AttrKind::integer}}},
      {"Mul", numbers, infer_same_type, one_instruction<ExprOp::k_mul>},
      {"Neg", number, infer_same_type, one_instruction<ExprOp::k_neg>},
      {"Not", "X:boolean", infer_boolean, one_instruction<ExprOp::k_not>},
      {"Or", logical, infer_boolean, one_instruction<ExprOp::k_or>},
      {"PRelu", "X:N slope:N", infer_like_x, one_instruction<ExprOp::k_prelu>},
      {"Pointwise", "inputs*?", infer_pointwise, express_pointwise, {{"expr", AttrKind::text, true}}},
      {"Pow", "X:N Y:N1", infer_same_type, express_pow},
      {"Reciprocal", real, infer_same_type, one_instruction<ExprOp::k_reciprocal>},
      {"Relu", number, infer_same_type, express_relu},
      {"Round", real, infer_same_type, one_instruction<ExprOp::k_round>},
      {"Selu", real, infer_same_type, express_selu, {kAlpha, {"gamma", AttrKind::number}}},
      {"Shrink", number, infer_same_type, express_shrink, {{"lambd", AttrKind::number}, {"bias", AttrKind::number}}},
      {"Sigmoid", real, infer_same_type, one_instruction<ExprOp::k_sigmoid>},
      {"Sign", number, infer_same_type, one_instruction<ExprOp::k_sign>},
      {"Sin", real, infer_same_type, one_instruction<ExprOp::k_sin>},
      {"Sinh", real, infer_same_type, one_instruction<ExprOp::k_sinh>},
      {"Softplus", real, infer_same_type, one_instruction<ExprOp::k_softplus>},
      {"Softsign", real, infer_same_type, express_softsign},
      {"Sqrt", real, infer_same_type, one_instruction<ExprOp::k_sqrt>},
      {"Sub", numbers, infer_same_type, one_instruction<ExprOp::k_sub>},
      {"Sum", "data_0*:F", infer_same_type, folded<ExprOp::k_add>},
      {"SwiGLU", "A:F B:F", infer_swiglu, express_swiglu, {kAlpha}},
      {"Swish", real, infer_same_type, express_swish, {kAlpha}},
      {"Tan", real, infer_same_type, one_instruction<ExprOp::k_tan>},
      {"Tanh", real, infer_same_type, one_instruction<ExprOp::k_tanh>},
      {"ThresholdedRelu", real, infer_same_type, express_thresholded_relu, {kAlpha}},
      {"Where", "condition:boolean X:T Y:T", infer_where, one_instruction<ExprOp::k_select>},
      {"Xor", logical, infer_boolean, one_instruction<ExprOp::k_xor>},
      {"Identity", "input:any", infer_identity, nullptr},
  };
}

}  // namespace

void add_pointwise_ops(Table& table) {
  for (Row& row : rows()) {
    OpDef def = make_op(row.name, row.inputs, "Y", row.infer, std::move(row.attrs));
    def.expression = row.expression;
    table.push_back(std::move(def));
  }
}

}  // namespace ingot::ops
