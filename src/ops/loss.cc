// SPDX-License-Identifier: Apache-2.0
#include "ops/rules.h"

namespace ingot::ops {
namespace {

// Scores are [N, C, ...], targets [N, ...], weights [C].
Status infer_loss(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  ctx.set_type(1, ctx.type(0));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2));
  INGOT_ASSIGN_OR_RETURN(const std::string reduction, text_choice(ctx, "reduction", {"mean", "sum", "none"}));
  std::optional<SymShape> each = ctx.shape(1);
  if (ctx.shape(0)) {
    each = ctx.shape(0);
    each->erase(each->begin() + 1);
    INGOT_RETURN_IF_ERROR(expect_shape(ctx, 1, *each, "one class per score"));
    INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, {(*ctx.shape(0))[1]}, "one weight per class"));
  }
  ctx.set_tensor(0, ctx.dtype(0), reduction == "none" ? each : SymShape{});
  return Status::ok();
}

}  // namespace

void add_loss_ops(Table& table) {
  const std::vector<AttrSpec> attrs{{"ignore_index", AttrKind::integer}, {"reduction", AttrKind::text}};
  table.push_back(make_op("NegativeLogLikelihoodLoss", "input:F target:I weight?:F", "loss", infer_loss, attrs));
  table.push_back(
      make_op("SoftmaxCrossEntropyLoss", "scores:F labels:I weights?:F", "output log_prob?", infer_loss, attrs));
}

}  // namespace ingot::ops
