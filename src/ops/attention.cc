// SPDX-License-Identifier: Apache-2.0
#include "ops/rules.h"

namespace ingot::ops {
namespace {

// Q, K or V as [batch, heads, sequence, size], or [batch, sequence, heads, size] with bshd=1; the 3-D form packs heads
// and size.
struct Heads {
  Dim batch, heads, sequence, size;
};

Result<Heads> heads_of(const InferContext& ctx, std::size_t input, std::string_view count_attribute) {
  const SymShape& shape = *ctx.shape(input);
  const std::size_t heads_axis = ctx.attrs().get_int("bshd", 0) != 0 ? 2 : 1;
  const std::int64_t heads = ctx.attrs().get_int(count_attribute, 0);
  if (ctx.attrs().has("columns") && input < 3) {
    const Ints columns = ctx.attrs().get_ints("columns", {}), sizes = ctx.attrs().get_ints("head_sizes", {});
    if (shape.size() != 3 || heads < 1 || columns.size() != 3 || sizes.size() != 2)
      return invalid_argument(
          "columns needs operands of rank 3, three columns, two head_sizes, q_num_heads and "
          "kv_num_heads; {} has shape {}",
          ctx.input_name(input), to_string(shape));
    const std::int64_t size = sizes[input == 2 ? 1 : 0], first = columns[input];
    const Dim& width = shape[2];
    if (size < 1 || first < 0 ||
        (width.is_constant() && (size > width.value() / heads || first > width.value() - heads * size)))
      return invalid_argument("{} has shape {}, which does not hold {} heads of {} from column {}",
                              ctx.input_name(input), to_string(shape), heads, size, first);
    return Heads{shape[0], Dim(heads), shape[1], Dim(size)};
  }
  if (shape.size() == 4) return Heads{shape[0], shape[heads_axis], shape[3 - heads_axis], shape[3]};
  if (heads < 1)
    return invalid_argument("{} has shape {}, so attribute {} is needed", ctx.input_name(input), to_string(shape),
                            count_attribute);
  if (shape[2].is_constant() && shape[2].value() % heads != 0) {
    return invalid_argument("{} has shape {}, whose last dimension is no multiple of {} {}", ctx.input_name(input),
                            to_string(shape), count_attribute, heads);
  }
  return Heads{shape[0], Dim(heads), shape[1], floor_div(shape[2], Dim(heads))};
}

Status infer_attention(InferContext& ctx) {
  for (std::size_t i = 0; i < ctx.output_count(); ++i) ctx.set_tensor(i, ctx.dtype(i == 2 ? 2 : 0), std::nullopt);
  for (std::size_t i = 0; i < 3; ++i) INGOT_RETURN_IF_ERROR(expect_rank(ctx, i, 3, 4));
  if (ctx.present(4) != ctx.present(5))
    return invalid_argument("input 4 (past_key) and input 5 (past_value) go together");
  if (!ctx.shape(0) || !ctx.shape(1) || !ctx.shape(2)) return Status::ok();
  for (std::size_t i = 1; i < 3; ++i)
    INGOT_RETURN_IF_ERROR(expect_rank(ctx, i, ctx.shape(0)->size(), ctx.shape(0)->size()));
  INGOT_ASSIGN_OR_RETURN(const Heads q, heads_of(ctx, 0, "q_num_heads"));
  INGOT_ASSIGN_OR_RETURN(const Heads k, heads_of(ctx, 1, "kv_num_heads"));
  INGOT_ASSIGN_OR_RETURN(const Heads v, heads_of(ctx, 2, "kv_num_heads"));
  const auto agree = [&](const Dim& a, const Dim& b, std::string_view what) -> Status {
    if (!a.is_constant() || !b.is_constant() || a == b) return Status::ok();
    return invalid_argument("{} disagree: {} and {} (shapes {}, {}, {})", what, a.to_string(), b.to_string(),
                            to_string(*ctx.shape(0)), to_string(*ctx.shape(1)), to_string(*ctx.shape(2)));
  };
  INGOT_RETURN_IF_ERROR(agree(q.size, k.size, "the head sizes of Q and K"));
  INGOT_RETURN_IF_ERROR(agree(k.sequence, v.sequence, "the sequences of K and V"));
  INGOT_RETURN_IF_ERROR(agree(k.heads, v.heads, "the heads of K and V"));
  INGOT_RETURN_IF_ERROR(agree(q.batch, k.batch, "the batches of Q and K"));
  if (q.heads.is_constant() && k.heads.is_constant() && (k.heads == Dim(0) || q.heads.value() % k.heads.value() != 0)) {
    return invalid_argument("the {} heads of Q are no multiple of the {} heads of K", q.heads.to_string(),
                            k.heads.to_string());
  }
  Dim total = k.sequence;
  if (ctx.present(4)) {
    INGOT_RETURN_IF_ERROR(expect_rank(ctx, 4, 4, 4));
    INGOT_RETURN_IF_ERROR(expect_rank(ctx, 5, 4, 4));
    total = total + (ctx.shape(4) ? (*ctx.shape(4))[2] : ctx.unknown_dim());
  }
  const bool packed = ctx.shape(0)->size() == 3;
  if (ctx.attrs().has("columns") && (ctx.present(4) || ctx.present(6)))
    return invalid_argument("columns is for Q, K and V without a cache");
  SymShape y{q.batch, q.heads, q.sequence, v.size};
  if (packed) y = {q.batch, q.sequence, q.heads * v.size};
  if (ctx.attrs().get_int("bshd", 0) != 0) {
    if (packed || ctx.present(4)) return invalid_argument("bshd=1 is for Q, K and V of rank 4 without a past");
    y = {q.batch, q.sequence, q.heads, v.size};
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(y));
  ctx.set_tensor(1, ctx.dtype(1), SymShape{q.batch, k.heads, total, k.size});
  ctx.set_tensor(2, ctx.dtype(2), SymShape{q.batch, v.heads, total, v.size});
  SymShape scores{q.batch, q.heads, q.sequence, total};
  // The last dimension of the mask may be shorter than the keys (a cache that is not full).
  if (ctx.present(3) && ctx.shape(3) && !ctx.shape(3)->empty()) {
    SymShape mask = scores;
    mask.back() = ctx.shape(3)->back();
    if (ctx.attrs().get_int("mask_repeats", 0) != 0) {
      INGOT_RETURN_IF_ERROR(expect_rank(ctx, 3, 4, 4));
      const Dim& period = ctx.shape(3)->front();
      if (period.is_constant() && q.batch.is_constant() && (period == Dim(0) || q.batch.value() % period.value() != 0))
        return invalid_argument("mask_repeats=1: {} masks for a batch of {}", period.to_string(), q.batch.to_string());
      mask.front() = period;
    }
    INGOT_RETURN_IF_ERROR(expect_broadcasts_to(ctx, 3, mask));
  }
  ctx.set_tensor(3, ctx.dtype(0), std::move(scores));
  return Status::ok();
}

Status infer_rotary(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 3, 4));
  const bool positions = ctx.present(3);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, positions ? 2 : 3, positions ? 2 : 3));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 2, positions ? 2 : 3, positions ? 2 : 3));
  if (ctx.shape(0) && ctx.shape(0)->size() == 3) INGOT_RETURN_IF_ERROR(heads_of(ctx, 0, "num_heads").status());
  return infer_like_first(ctx);
}

}  // namespace

void add_attention_ops(Table& table) {
  table.push_back(make_op("Attention", "Q:F K:F V:F1 attn_mask?:R past_key?:F past_value?:F1 nonpad_kv_seqlen?:i64",
                          "Y present_key? present_value? qk_matmul_output?", infer_attention,
                          {{"is_causal", AttrKind::integer},
                           {"bshd", AttrKind::integer},
                           {"columns", AttrKind::integers},
                           {"head_sizes", AttrKind::integers},
                           {"mask_repeats", AttrKind::integer},
                           {"scale", AttrKind::number},
                           {"softcap", AttrKind::number},
                           {"q_num_heads", AttrKind::integer},
                           {"kv_num_heads", AttrKind::integer},
                           {"qk_matmul_output_mode", AttrKind::integer},
                           {"softmax_precision", AttrKind::dtype},
                           {"left_window_size", AttrKind::integer},
                           {"right_window_size", AttrKind::integer}}));
  table.push_back(make_op("RotaryEmbedding", "X:F cos_cache:F sin_cache:F position_ids?:i64", "Y", infer_rotary,
                          {{"interleaved", AttrKind::integer},
                           {"num_heads", AttrKind::integer},
                           {"rotary_embedding_dim", AttrKind::integer}}));
}

}  // namespace ingot::ops
