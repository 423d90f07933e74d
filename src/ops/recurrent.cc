// SPDX-License-Identifier: Apache-2.0
#include "ops/rules.h"

namespace ingot::ops {
namespace {

// RNN, GRU and LSTM: X [sequence, batch, input], or [batch, sequence, input] under layout 1.
Status infer_recurrent(InferContext& ctx) {
  for (std::size_t i = 0; i < ctx.output_count(); ++i) ctx.set_tensor(i, ctx.dtype(0), std::nullopt);
  INGOT_ASSIGN_OR_RETURN(const std::string direction,
                         text_choice(ctx, "direction", {"forward", "reverse", "bidirectional"}));
  for (std::size_t i = 0; i < 3; ++i) INGOT_RETURN_IF_ERROR(expect_rank(ctx, i, 3, 3));
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& x = *ctx.shape(0);
  const bool batch_first = ctx.attrs().get_int("layout", 0) != 0;
  const Dim directions = direction == "bidirectional" ? 2 : 1;
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 1, 0, directions, "the directions"));
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 1, 2, x[2], "the input size"));
  Dim hidden = ctx.attrs().get_int("hidden_size", 0);
  if (hidden == Dim(0)) hidden = ctx.shape(2) ? (*ctx.shape(2))[2] : ctx.unknown_dim();
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 2, 2, hidden, "the hidden size"));
  const Dim& sequence = x[batch_first ? 1 : 0];
  const Dim& batch = x[batch_first ? 0 : 1];
  ctx.set_tensor(
      0, ctx.dtype(0),
      batch_first ? SymShape{batch, sequence, directions, hidden} : SymShape{sequence, directions, batch, hidden});
  for (std::size_t i = 1; i < ctx.output_count(); ++i) {
    ctx.set_tensor(i, ctx.dtype(0),
                   batch_first ? SymShape{batch, directions, hidden} : SymShape{directions, batch, hidden});
  }
  return Status::ok();
}

}  // namespace

void add_recurrent_ops(Table& table) {
  const auto attrs = [](std::vector<AttrSpec> more) {
    more.insert(more.end(), {{"activations", AttrKind::texts},
                             {"activation_alpha", AttrKind::numbers},
                             {"activation_beta", AttrKind::numbers},
                             {"clip", AttrKind::number},
                             {"direction", AttrKind::text},
                             {"hidden_size", AttrKind::integer},
                             {"layout", AttrKind::integer}});
    return more;
  };
  table.push_back(
      make_op("RNN", "X:F W:F R:F B?:F sequence_lens?:i32 initial_h?:F", "Y? Y_h?", infer_recurrent, attrs({})));
  table.push_back(make_op("GRU", "X:F W:F R:F B?:F sequence_lens?:i32 initial_h?:F", "Y? Y_h?", infer_recurrent,
                          attrs({{"linear_before_reset", AttrKind::integer}})));
  table.push_back(make_op("LSTM", "X:F W:F R:F B?:F sequence_lens?:i32 initial_h?:F initial_c?:F P?:F", "Y? Y_h? Y_c?",
                          infer_recurrent, attrs({{"input_forget", AttrKind::integer}})));
}

}  // namespace ingot::ops
