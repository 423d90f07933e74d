// SPDX-License-Identifier: Apache-2.0
// Operators that read or restate shapes.
#include <algorithm>

#include "ops/rules.h"

namespace ingot::ops {
namespace {

void forward_value(InferContext& ctx) {
  if (auto value = ctx.symbolic_value(0)) ctx.set_symbolic_value(0, *std::move(value));
}

Status infer_shape(InferContext& ctx) {
  ctx.set_tensor(0, DType::i64, std::nullopt);
  if (!ctx.shape(0)) {
    ctx.set_tensor(0, DType::i64, SymShape{ctx.unknown_dim()});
    return Status::ok();
  }
  const auto rank = static_cast<std::int64_t>(ctx.shape(0)->size());
  const auto place = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t start = place(ctx.attrs().get_int("start", 0));
  const std::int64_t end = std::max(start, place(ctx.attrs().get_int("end", rank)));
  ctx.set_tensor(0, DType::i64, SymShape{Dim(end - start)});
  ctx.set_symbolic_value(0, SymShape(ctx.shape(0)->begin() + start, ctx.shape(0)->begin() + end));
  return Status::ok();
}

Status infer_size(InferContext& ctx) {
  ctx.set_tensor(0, DType::i64, SymShape{});
  if (ctx.shape(0)) ctx.set_symbolic_value(0, {product(*ctx.shape(0))});
  return Status::ok();
}

Status infer_dim_tensor(InferContext& ctx) {
  const SymShape dims = std::get<SymShape>(*ctx.attrs().find("dims"));
  const bool scalar = ctx.attrs().get_int("scalar", 0) != 0;
  if (scalar && dims.size() != 1)
    return invalid_argument("attribute dims has {} entries, but a scalar takes 1", dims.size());
  ctx.set_tensor(0, DType::i64, scalar ? SymShape{} : SymShape{Dim(static_cast<std::int64_t>(dims.size()))});
  ctx.set_symbolic_value(0, dims);
  return Status::ok();
}

// The target shape with -1 and 0 resolved.
Result<SymShape> reshape_target(InferContext& ctx, SymShape target) {
  const bool allow_zero = ctx.attrs().get_int("allowzero", 0) != 0;
  const auto& shape = ctx.shape(0);
  std::optional<std::size_t> inferred;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (!target[i].is_constant()) continue;
    const std::int64_t value = target[i].value();
    if (value == -1) {
      if (inferred)
        return invalid_argument("input 1 (shape) is {}, but only one dimension may be -1", to_string(target));
      inferred = i;
    } else if (value == 0 && !allow_zero) {
      if (!shape) {
        target[i] = ctx.unknown_dim();
      } else if (i >= shape->size()) {
        return invalid_argument("input 1 (shape) copies dimension {}, which {} does not have", i, to_string(*shape));
      } else {
        target[i] = (*shape)[i];
      }
    } else if (value < 0) {
      return invalid_argument("input 1 (shape) is {}: dimensions must be -1, 0 or positive", to_string(target));
    }
  }
  if (!inferred) {
    if (shape && !may_equal(product(*shape), product(target))) {
      return invalid_argument("input 0 (data) has shape {}, whose elements do not fit {}", to_string(*shape),
                              to_string(target));
    }
    return target;
  }
  if (!shape) {
    target[*inferred] = ctx.unknown_dim();
    return target;
  }
  // Dimensions that stand on both sides cancel, which also keeps the quotient exact when one of them is zero.
  SymShape left = *shape;
  SymShape right;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (i == *inferred) continue;
    const auto same = std::ranges::find(left, target[i]);
    if (same != left.end()) {
      left.erase(same);
    } else {
      right.push_back(target[i]);
    }
  }
  const Dim total = product(left);
  const Dim rest = product(right);
  if (rest == Dim(0)) return invalid_argument("input 1 (shape): -1 beside a dimension of 0 is not decided");
  if (total.is_constant() && rest.is_constant() && total.value() % rest.value() != 0) {
    return invalid_argument("input 0 (data) has shape {}, which {} elements of the target do not divide",
                            to_string(*shape), rest.to_string());
  }
  target[*inferred] = floor_div(total, rest);
  return target;
}

Status infer_reshape(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 1, 1));
  auto target = ctx.symbolic_value(1);
  if (target) {
    INGOT_ASSIGN_OR_RETURN(SymShape shape, reshape_target(ctx, *std::move(target)));
    ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  } else if (const auto rank = vector_length(ctx, 1)) {
    ctx.set_tensor(0, ctx.dtype(0), unknown_shape(ctx, *rank));
  }
  forward_value(ctx);
  return Status::ok();
}

Status infer_flatten(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  if (!ctx.shape(0)) {
    ctx.set_tensor(0, ctx.dtype(0), unknown_shape(ctx, 2));
    return Status::ok();
  }
  const std::span<const Dim> shape = *ctx.shape(0);
  const auto rank = static_cast<std::int64_t>(shape.size());
  std::int64_t axis = ctx.attrs().get_int("axis", 1);
  if (axis < -rank || axis > rank) return invalid_argument("axis {} must be in [{}, {}]", axis, -rank, rank);
  if (axis < 0) axis += rank;
  const auto split = static_cast<std::size_t>(axis);
  ctx.set_tensor(0, ctx.dtype(0), SymShape{product(shape.first(split)), product(shape.subspan(split))});
  return Status::ok();
}

Status infer_squeeze(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  forward_value(ctx);
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& shape = *ctx.shape(0);
  SymShape result;
  if (!ctx.present(1)) {
    // Whether a symbolic dimension is 1 is not known before it is bound; then not even the rank is.
    for (const Dim& dim : shape) {
      if (!dim.is_constant()) return Status::ok();
      if (dim != Dim(1)) result.push_back(dim);
    }
  } else {
    const auto axes = constant_ints(ctx, 1);
    if (!axes) {
      if (const auto count = vector_length(ctx, 1); count && *count <= shape.size()) {
        ctx.set_tensor(0, ctx.dtype(0), unknown_shape(ctx, shape.size() - *count));
      }
      return Status::ok();
    }
    INGOT_ASSIGN_OR_RETURN(const auto dropped, normalize_axes(*axes, shape.size(), "input 1 (axes): axis"));
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (!std::ranges::binary_search(dropped, i)) {
        result.push_back(shape[i]);
      } else {
        INGOT_RETURN_IF_ERROR(expect_dim(ctx, 0, i, Dim(1), "it is squeezed"));
      }
    }
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(result));
  return Status::ok();
}

Status infer_unsqueeze(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  forward_value(ctx);
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& shape = *ctx.shape(0);
  const auto axes = constant_ints(ctx, 1);
  if (!axes) {
    if (const auto count = vector_length(ctx, 1)) {
      ctx.set_tensor(0, ctx.dtype(0), unknown_shape(ctx, shape.size() + *count));
    }
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(const auto places, normalize_axes(*axes, shape.size() + axes->size(), "input 1 (axes): axis"));
  SymShape result = shape;
  for (const std::size_t place : places) result.insert(result.begin() + static_cast<std::ptrdiff_t>(place), Dim(1));
  ctx.set_tensor(0, ctx.dtype(0), std::move(result));
  return Status::ok();
}

Status infer_expand(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 1, 1));
  const auto target = ctx.symbolic_value(1);
  if (!ctx.shape(0)) return Status::ok();
  if (!target) {
    if (const auto rank = vector_length(ctx, 1)) {
      ctx.set_tensor(0, ctx.dtype(0), unknown_shape(ctx, std::max(*rank, ctx.shape(0)->size())));
    }
    return Status::ok();
  }
  auto shape = broadcast(*ctx.shape(0), *target);
  if (!shape) {
    return invalid_argument("input 0 (input) has shape {}, which does not broadcast with {}", to_string(*ctx.shape(0)),
                            to_string(*target));
  }
  const auto value = ctx.symbolic_value(0);
  if (value && value->size() == 1 && shape->size() == 1 && shape->front().is_constant() &&
      shape->front().value() <= 64) {
    ctx.set_symbolic_value(
        0,
        std::vector<Dim>(static_cast<std::size_t>(std::max<std::int64_t>(0, shape->front().value())), value->front()));
  }
  ctx.set_tensor(0, ctx.dtype(0), *std::move(shape));
  return Status::ok();
}

}  // namespace

void add_shape_ops(Table& table) {
  table.push_back(
      make_op("Shape", "data", "shape", infer_shape, {{"start", AttrKind::integer}, {"end", AttrKind::integer}}));
  table.push_back(make_op("Size", "data", "size", infer_size));
  table.push_back(make_op("DimTensor", "", "values", infer_dim_tensor,
                          {{"dims", AttrKind::dims, true}, {"scalar", AttrKind::integer}}));
  table.push_back(make_op("Reshape", "data shape:i64", "reshaped", infer_reshape, {{"allowzero", AttrKind::integer}}));
  table.push_back(make_op("Flatten", "input", "output", infer_flatten, {{"axis", AttrKind::integer}}));
  table.push_back(make_op("Squeeze", "data axes?:i64", "squeezed", infer_squeeze));
  table.push_back(make_op("Unsqueeze", "data axes:i64", "expanded", infer_unsqueeze));
  table.push_back(make_op("Expand", "input shape:i64", "output", infer_expand));
}

}  // namespace ingot::ops
