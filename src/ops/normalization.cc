// SPDX-License-Identifier: Apache-2.0
#include "ops/windows.h"

namespace ingot::ops {
namespace {

// Inputs first..last are vectors of one value per channel.
Status expect_per_channel(const InferContext& ctx, std::size_t first, std::size_t last) {
  if (!ctx.shape(0)) return Status::ok();
  const Dim channels = ctx.shape(0)->size() < 2 ? Dim(1) : (*ctx.shape(0))[FeatureMap(ctx, 0).channel()];
  for (std::size_t i = first; i <= last; ++i)
    INGOT_RETURN_IF_ERROR(expect_shape(ctx, i, {channels}, "one value per channel"));
  return Status::ok();
}

Status infer_batch_norm(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 1));
  INGOT_RETURN_IF_ERROR(expect_per_channel(ctx, 1, 4));
  const bool training = ctx.attrs().get_int("training_mode", 0) != 0;
  if (!training && ctx.output_count() > 1)
    return invalid_argument("outputs 1 and 2 exist only when training_mode is 1");
  ctx.set_type(1, ctx.type(3));
  ctx.set_type(2, ctx.type(4));
  return infer_like_first(ctx);
}

Status infer_channel_norm(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2));
  INGOT_RETURN_IF_ERROR(expect_per_channel(ctx, 1, 2));
  const std::int64_t groups = ctx.attrs().get_int("num_groups", 1);
  if (groups < 1) return invalid_argument("attribute num_groups is {}, but must be positive", groups);
  if (ctx.shape(0)) {
    const Dim& channels = (*ctx.shape(0))[FeatureMap(ctx, 0).channel()];
    if (channels.is_constant() && channels.value() % groups != 0) {
      return invalid_argument("input 0 (X) has shape {}, whose channels are no multiple of num_groups {}",
                              to_string(*ctx.shape(0)), groups);
    }
  }
  return infer_like_first(ctx);
}

// LayerNormalization and RMSNormalization: over the dimensions from `axis` on.
Status infer_layer_norm(InferContext& ctx) {
  const DType statistics = ctx.attrs().get_dtype("stash_type", DType::f32);
  ctx.set_type(0, ctx.type(0));
  ctx.set_tensor(1, statistics, std::nullopt);
  ctx.set_tensor(2, statistics, std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& shape = *ctx.shape(0);
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", -1), shape.size()));
  for (std::size_t i = 1; i < ctx.input_count(); ++i) INGOT_RETURN_IF_ERROR(expect_broadcasts_to(ctx, i, shape));
  SymShape kept = shape;
  for (std::size_t i = axis; i < kept.size(); ++i) kept[i] = 1;
  ctx.set_tensor(1, statistics, kept);
  ctx.set_tensor(2, statistics, std::move(kept));
  return Status::ok();
}

Status infer_lrn(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2));
  return infer_like_first(ctx);
}

Status infer_mean_variance(InferContext& ctx) {
  if (ctx.shape(0)) {
    INGOT_RETURN_IF_ERROR(
        normalize_axes(ctx.attrs().get_ints("axes", {0, 2, 3}), ctx.shape(0)->size(), "attribute axes: axis").status());
  }
  return infer_like_first(ctx);
}

// Inference: the input passes; the mask is all true.
Status infer_dropout(InferContext& ctx) {
  ctx.set_tensor(1, DType::boolean, ctx.shape(0));
  return infer_like_first(ctx);
}

}  // namespace

void add_normalization_ops(Table& table) {
  constexpr AttrSpec epsilon{"epsilon", AttrKind::number};
  constexpr AttrSpec axis{"axis", AttrKind::integer};
  constexpr AttrSpec stash{"stash_type", AttrKind::dtype};
  constexpr Traits both{.epilogue = true, .channels_last = true};
  table.push_back(make_op("BatchNormalization", "X:F scale:F1 B:F1 input_mean:F2 input_var:F2",
                          "Y running_mean? running_var?", infer_batch_norm,
                          {epsilon, {"momentum", AttrKind::number}, {"training_mode", AttrKind::integer}}, both));
  table.push_back(
      make_op("InstanceNormalization", "input:F scale:F B:F", "output", infer_channel_norm, {epsilon}, both));
  table.push_back(make_op("GroupNormalization", "X:F scale:F bias:F", "Y", infer_channel_norm,
                          {epsilon, stash, {"num_groups", AttrKind::integer, true}}, both));
  table.push_back(make_op("LayerNormalization", "X:F Scale:F B?:F", "Y Mean? InvStdDev?", infer_layer_norm,
                          {epsilon, axis, stash}, {.epilogue = true}));
  table.push_back(
      make_op("RMSNormalization", "X:F scale:F1", "Y", infer_layer_norm, {epsilon, axis, stash}, {.epilogue = true}));
  table.push_back(make_op("MeanVarianceNormalization", "X:F", "Y", infer_mean_variance, {{"axes", AttrKind::integers}},
                          {.epilogue = true}));
  table.push_back(make_op("LRN", "X:F", "Y", infer_lrn,
                          {{"alpha", AttrKind::number},
                           {"beta", AttrKind::number},
                           {"bias", AttrKind::number},
                           {"size", AttrKind::integer, true}}));
  table.push_back(make_op("Dropout", "data ratio?:F training_mode?:boolean", "output mask?", infer_dropout,
                          {{"seed", AttrKind::integer}}));
}

}  // namespace ingot::ops
