// SPDX-License-Identifier: Apache-2.0
// Operators that pick elements by value; the size of many results is known only at run time.
#include <algorithm>

#include "ops/rules.h"

namespace ingot::ops {
namespace {

Status infer_topk(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  ctx.set_tensor(1, DType::i64, std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 1));
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", -1), shape.size()));
  const auto k = ctx.symbolic_value(1);
  if (k && k->size() != 1) return invalid_argument("input 1 (K) must hold one element, not {}", k->size());
  if (k && k->front().is_constant()) {
    const std::int64_t count = k->front().value();
    if (count < 0 || (shape[axis].is_constant() && count > shape[axis].value())) {
      return invalid_argument("input 1 (K) is {}, but dimension {} of {} is searched", count, axis, to_string(shape));
    }
  }
  shape[axis] = k ? k->front() : ctx.unknown_dim();
  ctx.set_tensor(0, ctx.dtype(0), shape);
  ctx.set_tensor(1, DType::i64, std::move(shape));
  return Status::ok();
}

Status infer_one_hot(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(2), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, {Dim(2)}, "the off and the on value"));
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", -1), shape.size() + 1));
  auto depth = ctx.symbolic_value(1);
  if (!depth) {
    if (const HostTensor* constant = ctx.constant(1); constant != nullptr && constant->elements() == 1)
      depth = {Dim(constant->as_int(0))};
  }
  if (depth && depth->size() != 1)
    return invalid_argument("input 1 (depth) must hold one element, not {}", depth->size());
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), depth ? depth->front() : ctx.unknown_dim());
  ctx.set_tensor(0, ctx.dtype(2), std::move(shape));
  return Status::ok();
}

Status infer_non_zero(InferContext& ctx) {
  const Dim count = ctx.unknown_dim();
  const Dim rank = ctx.shape(0) ? Dim(static_cast<std::int64_t>(ctx.shape(0)->size())) : ctx.unknown_dim();
  ctx.set_tensor(0, DType::i64, SymShape{rank, count});
  return Status::ok();
}

Status infer_compress(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 1, 1));
  if (!ctx.attrs().has("axis")) {
    ctx.set_tensor(0, ctx.dtype(0), SymShape{ctx.unknown_dim()});
    return Status::ok();
  }
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", 0), shape.size()));
  shape[axis] = ctx.unknown_dim();
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_unique(InferContext& ctx) {
  const Dim count = ctx.unknown_dim();
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  ctx.set_tensor(1, DType::i64, SymShape{count});
  ctx.set_tensor(2, DType::i64, std::nullopt);
  ctx.set_tensor(3, DType::i64, SymShape{count});
  if (!ctx.attrs().has("axis")) ctx.set_tensor(0, ctx.dtype(0), SymShape{count});
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  if (!ctx.attrs().has("axis")) {
    ctx.set_tensor(2, DType::i64, SymShape{product(shape)});
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", 0), shape.size()));
  ctx.set_tensor(2, DType::i64, SymShape{shape[axis]});
  shape[axis] = count;
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_non_max_suppression(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 3, 3));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 3, 3));
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 0, 2, Dim(4), "the corners of a box"));
  if (ctx.shape(0)) {
    INGOT_RETURN_IF_ERROR(expect_dim(ctx, 1, 0, (*ctx.shape(0))[0], "the batch of boxes"));
    INGOT_RETURN_IF_ERROR(expect_dim(ctx, 1, 2, (*ctx.shape(0))[1], "the number of boxes"));
  }
  ctx.set_tensor(0, DType::i64, SymShape{ctx.unknown_dim(), Dim(3)});
  return Status::ok();
}

}  // namespace

void add_selection_ops(Table& table) {
  const AttrSpec axis{"axis", AttrKind::integer};
  const AttrSpec sorted{"sorted", AttrKind::integer};
  table.push_back(
      make_op("TopK", "X:N K:i64", "Values Indices?", infer_topk, {axis, {"largest", AttrKind::integer}, sorted}));
  table.push_back(make_op("OneHot", "indices:N depth:N1 values", "output", infer_one_hot, {axis}));
  table.push_back(make_op("NonZero", "X", "Y", infer_non_zero));
  table.push_back(make_op("Compress", "input condition:boolean", "output", infer_compress, {axis}));
  table.push_back(make_op("Unique", "X", "Y indices? inverse_indices? counts?", infer_unique, {axis, sorted}));
  table.push_back(
      make_op("NonMaxSuppression",
              "boxes:f32 scores:f32 max_output_boxes_per_class?:i64 iou_threshold?:f32 score_threshold?:f32",
              "selected_indices", infer_non_max_suppression, {{"center_point_box", AttrKind::integer}}));
}

}  // namespace ingot::ops
