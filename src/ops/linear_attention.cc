// SPDX-License-Identifier: Apache-2.0
// Operators that carry a state from call to call.
#include "ops/rules.h"

namespace ingot::ops {
namespace {

// The size of each head in the last dimension of [batch, steps, heads * size].
Result<Dim> head_size(const InferContext& ctx, std::size_t input, std::int64_t heads) {
  const Dim& packed = ctx.shape(input)->back();
  if (packed.is_constant() && packed.value() % heads != 0)
    return invalid_argument("{} has shape {}, whose last dimension is no multiple of {} heads", ctx.input_name(input),
                            to_string(*ctx.shape(input)), heads);
  return floor_div(packed, Dim(heads));
}

Status infer_linear_attention(InferContext& ctx) {
  const DType state_type = ctx.present(3) ? ctx.dtype(3) : ctx.dtype(0);
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  ctx.set_tensor(1, state_type, std::nullopt);
  for (const std::size_t i : {0, 1, 2, 4, 5}) INGOT_RETURN_IF_ERROR(expect_rank(ctx, i, 3, 3));
  const std::int64_t q_heads = ctx.attrs().get_int("q_num_heads", 0);
  const std::int64_t kv_heads = ctx.attrs().get_int("kv_num_heads", 0);
  if (kv_heads < 1 || q_heads < 1 || q_heads % kv_heads != 0)
    return invalid_argument("q_num_heads {} must be a positive multiple of kv_num_heads {}", q_heads, kv_heads);
  INGOT_ASSIGN_OR_RETURN(const std::string rule,
                         text_choice(ctx, "update_rule", {"gated_delta", "linear", "gated", "delta"}));
  if (rule.starts_with("gated") && !ctx.present(4))
    return invalid_argument("update_rule {} needs input 4 (decay)", rule);
  if (rule.ends_with("delta") && !ctx.present(5)) return invalid_argument("update_rule {} needs input 5 (beta)", rule);
  if (!ctx.shape(0) || !ctx.shape(1) || !ctx.shape(2)) return Status::ok();
  const SymShape& q = *ctx.shape(0);
  INGOT_ASSIGN_OR_RETURN(const Dim key_size, head_size(ctx, 0, q_heads));
  INGOT_ASSIGN_OR_RETURN(const Dim value_size, head_size(ctx, 2, kv_heads));
  INGOT_RETURN_IF_ERROR(expect_shape(ctx, 1, {q[0], q[1], key_size * Dim(kv_heads)}, "kv_num_heads keys"));
  const SymShape state{q[0], Dim(kv_heads), key_size, value_size};
  INGOT_RETURN_IF_ERROR(expect_shape(ctx, 3, state, "the state"));
  ctx.set_tensor(0, ctx.dtype(0), SymShape{q[0], q[1], value_size * Dim(q_heads)});
  ctx.set_tensor(1, state_type, state);
  return Status::ok();
}

Status infer_causal_conv(InferContext& ctx) {
  ctx.set_type(0, ctx.type(0));
  ctx.set_tensor(1, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 3, 3));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 3, 3));
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "activation", {"none", "silu", "swish"}).status());
  if (!ctx.shape(0) || !ctx.shape(1)) return Status::ok();
  const SymShape& x = *ctx.shape(0);
  const Dim& taps = ctx.shape(1)->back();
  INGOT_RETURN_IF_ERROR(expect_shape(ctx, 1, {x[1], Dim(1), taps}, "one kernel per channel"));
  INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, {x[1]}, "one value per channel"));
  const SymShape state{x[0], x[1], taps - Dim(1)};
  INGOT_RETURN_IF_ERROR(expect_shape(ctx, 3, state, "the state"));
  ctx.set_tensor(1, ctx.dtype(0), state);
  return Status::ok();
}

}  // namespace

void add_linear_attention_ops(Table& table) {
  table.push_back(make_op("LinearAttention", "query:F key:F value:F past_state?:F1 decay?:F beta?:F",
                          "output present_state?", infer_linear_attention,
                          {{"chunk_size", AttrKind::integer},
                           {"kv_num_heads", AttrKind::integer, true},
                           {"q_num_heads", AttrKind::integer, true},
                           {"scale", AttrKind::number},
                           {"update_rule", AttrKind::text}}));
  table.push_back(make_op("CausalConvWithState", "input:F weight:F bias?:F past_state?:F", "output present_state?",
                          infer_causal_conv, {{"activation", AttrKind::text}}));
}

}  // namespace ingot::ops
