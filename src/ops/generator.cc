// SPDX-License-Identifier: Apache-2.0
// Operators that make tensors from parameters.
#include <algorithm>
#include <cmath>

#include "ops/rules.h"

namespace ingot::ops {
namespace {

// The number of steps of a range of constant numbers; nullopt when it is not a sensible number.
std::optional<std::int64_t> float_steps(const InferContext& ctx) {
  double v[3];
  for (std::size_t i = 0; i < 3; ++i) {
    if (ctx.constant(i) == nullptr || ctx.constant(i)->elements() != 1) return std::nullopt;
    v[i] = ctx.constant(i)->as_double(0);
  }
  const double steps = std::ceil((v[1] - v[0]) / v[2]);
  if (!(steps < 9e15)) return std::nullopt;
  return static_cast<std::int64_t>(std::max(0.0, steps));
}

Status infer_range(InferContext& ctx) {
  for (std::size_t i = 0; i < 3; ++i) {
    if (ctx.shape(i) && !ctx.shape(i)->empty()) INGOT_RETURN_IF_ERROR(expect_shape(ctx, i, {Dim(1)}, "it is a scalar"));
  }
  const DType type = ctx.dtype(0);
  const auto start = ctx.symbolic_value(0), limit = ctx.symbolic_value(1),
             delta = constant_ints(ctx, 2) ? ctx.symbolic_value(2) : std::nullopt;
  const auto set_count = [&](Dim count) { ctx.set_tensor(0, type, SymShape{std::move(count)}); };
  if (is_integer(type) && start && limit && delta && start->size() == 1 && limit->size() == 1 && delta->size() == 1) {
    const std::int64_t step = delta->front().value();
    if (step == 0 || step < -std::numeric_limits<std::int64_t>::max())
      return invalid_argument("input 2 (delta) must not be {}", step);
    const Dim span = step > 0 ? limit->front() - start->front() : start->front() - limit->front();
    Dim count = ceil_div(span, Dim(step > 0 ? step : -step));
    if (count.is_constant()) {
      count = Dim(std::max<std::int64_t>(0, count.value()));
    } else if (!surely_not_negative(span)) {
      count = max(count, Dim(0));
    }
    set_count(count);
    if (count.is_constant() && count.value() <= 64) {
      std::vector<Dim> value;
      for (std::int64_t i = 0; i < count.value(); ++i) value.push_back(start->front() + Dim(i * step));
      ctx.set_symbolic_value(0, std::move(value));
    }
    return Status::ok();
  }
  const auto steps = is_float(type) ? float_steps(ctx) : std::nullopt;
  set_count(steps ? Dim(*steps) : ctx.unknown_dim());
  return Status::ok();
}

// The shape that input `input` holds.
std::optional<SymShape> shape_from(InferContext& ctx, std::size_t input) {
  if (auto value = ctx.symbolic_value(input)) return value;
  if (const auto rank = vector_length(ctx, input)) return unknown_shape(ctx, *rank);
  return std::nullopt;
}

Status infer_constant_of_shape(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 1, 1));
  const TensorPtr value = ctx.attrs().get_tensor("value");
  if (value && value->elements() != 1)
    return invalid_argument("attribute value must hold one element, not {}", value->elements());
  const DType type = value ? value->dtype() : DType::f32;
  auto shape = shape_from(ctx, 0);
  ctx.set_tensor(0, type, shape);
  if (!value || !is_integer(type) || !shape || shape->size() > 1) return Status::ok();
  const Dim count = shape->empty() ? Dim(1) : shape->front();
  if (count.is_constant() && count.value() >= 0 && count.value() <= 64) {
    ctx.set_symbolic_value(0, std::vector<Dim>(static_cast<std::size_t>(count.value()), Dim(value->as_int(0))));
  }
  return Status::ok();
}

Status infer_eye_like(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2, 2));
  ctx.set_tensor(0, ctx.attrs().get_dtype("dtype", ctx.dtype(0)), ctx.shape(0));
  return Status::ok();
}

Status infer_random(InferContext& ctx) {
  const Ints shape = ctx.attrs().get_ints("shape", {});
  ctx.set_tensor(0, ctx.attrs().get_dtype("dtype", DType::f32), symbolic(shape));
  return Status::ok();
}

Status infer_random_like(InferContext& ctx) {
  ctx.set_tensor(0, ctx.attrs().get_dtype("dtype", ctx.dtype(0)), ctx.shape(0));
  return Status::ok();
}

Status infer_multinomial(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2, 2));
  const Dim batch = ctx.shape(0) ? (*ctx.shape(0))[0] : ctx.unknown_dim();
  ctx.set_tensor(0, ctx.attrs().get_dtype("dtype", DType::i32),
                 SymShape{batch, Dim(ctx.attrs().get_int("sample_size", 1))});
  return Status::ok();
}

// Window functions of signal processing.
Status infer_window(InferContext& ctx) {
  const auto size = ctx.symbolic_value(0);
  if (size && size->size() != 1) return invalid_argument("input 0 (size) must hold one element, not {}", size->size());
  ctx.set_tensor(0, ctx.attrs().get_dtype("output_datatype", DType::f32),
                 SymShape{size ? size->front() : ctx.unknown_dim()});
  return Status::ok();
}

}  // namespace

void add_generator_ops(Table& table) {
  const AttrSpec dtype{"dtype", AttrKind::dtype};
  const AttrSpec seed{"seed", AttrKind::number};
  const AttrSpec shape{"shape", AttrKind::integers, true};
  const std::vector<AttrSpec> normal{dtype, seed, {"mean", AttrKind::number}, {"scale", AttrKind::number}};
  const std::vector<AttrSpec> uniform{dtype, seed, {"low", AttrKind::number}, {"high", AttrKind::number}};
  const auto with_shape = [&](std::vector<AttrSpec> attrs) {
    attrs.push_back(shape);
    return attrs;
  };
  constexpr Traits impure{.pure = false};
  table.push_back(
      make_op("Range", "start:N limit:N delta:N", "output", infer_range, {{"stash_type", AttrKind::dtype}}));
  table.push_back(
      make_op("ConstantOfShape", "input:i64", "output", infer_constant_of_shape, {{"value", AttrKind::tensor}}));
  table.push_back(make_op("EyeLike", "input", "output", infer_eye_like, {dtype, {"k", AttrKind::integer}}));
  table.push_back(make_op("RandomNormal", "", "output", infer_random, with_shape(normal), impure));
  table.push_back(make_op("RandomUniform", "", "output", infer_random, with_shape(uniform), impure));
  table.push_back(make_op("RandomNormalLike", "input", "output", infer_random_like, normal, impure));
  table.push_back(make_op("RandomUniformLike", "input", "output", infer_random_like, uniform, impure));
  table.push_back(make_op("Bernoulli", "input:F", "output", infer_random_like, {dtype, seed}, impure));
  table.push_back(make_op("Multinomial", "input:F", "output", infer_multinomial,
                          {dtype, seed, {"sample_size", AttrKind::integer}}, impure));
  for (const std::string_view name : {"HannWindow", "HammingWindow", "BlackmanWindow"}) {
    table.push_back(make_op(name, "size:I", "output", infer_window,
                            {{"output_datatype", AttrKind::dtype}, {"periodic", AttrKind::integer}}));
  }
}

}  // namespace ingot::ops
