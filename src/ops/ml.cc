// SPDX-License-Identifier: Apache-2.0
#include "ops/ml.h"

namespace ingot::ops {
namespace {

Status infer_label_encoder(InferContext& ctx) {
  for (std::size_t i = 1; i < 4; ++i) INGOT_RETURN_IF_ERROR(expect_rank(ctx, i, 1, 1));
  if (ctx.shape(1)) INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, *ctx.shape(1), "one value for each key"));
  ctx.set_tensor(0, ctx.dtype(2), ctx.shape(0));
  return Status::ok();
}

Status infer_coupling(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2, 2));
  const std::int64_t classes = ctx.attrs().get_int("classes", 0);
  if (classes < 2 || classes > 1 << 16)
    return invalid_argument("attribute classes is {}, but must be 2 or more", classes);
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 0, 1, Dim(classes * (classes - 1) / 2), "one column for each pair of classes"));
  ctx.set_tensor(0, ctx.dtype(0), SymShape{(*ctx.shape(0))[0], Dim(classes)});
  return Status::ok();
}

Status infer_tree_ensemble(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2, 2));
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "aggregate", {"SUM", "AVERAGE", "MIN", "MAX"}).status());
  const std::int64_t targets = ctx.attrs().get_int("n_targets", 0);
  if (targets < 1) return invalid_argument("attribute n_targets is {}, but must be positive", targets);
  if (ctx.dtype(0) != DType::f32 && ctx.dtype(0) != DType::f64)
    return invalid_argument("{} is {}, but must be f32 or f64", ctx.input_name(0), to_string(ctx.dtype(0)));
  if (ctx.shape(2)) INGOT_RETURN_IF_ERROR(expect_shape(ctx, 1, {(*ctx.shape(2))[0], Dim(4)}, "four numbers a node"));
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  if (ctx.shape(0)) ctx.set_tensor(0, ctx.dtype(0), SymShape{(*ctx.shape(0))[0], Dim(targets)});
  return Status::ok();
}

}  // namespace

void add_ml_ops(Table& table) {
  table.push_back(make_op("LabelEncoder", "X:T keys:T values:T1 default:T1", "Y", infer_label_encoder));
  table.push_back(make_op("PairwiseCoupling", "pairs:F", "Y", infer_coupling, {{"classes", AttrKind::integer, true}}));
  table.push_back(make_op("TreeEnsemble",
                          "X:F nodes:i32 thresholds:F roots:i32 leaf_begins:i32 leaf_targets:i32 leaf_weights:F "
                          "base_values?:F",
                          "Y", infer_tree_ensemble,
                          {{"n_targets", AttrKind::integer, true}, {"aggregate", AttrKind::text}}));
}

}  // namespace ingot::ops
