// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "onnx/contrib.h"

namespace ingot::onnx {
namespace {

// Which keys count, [batch, keys], from one end per row, or from all ends and then all starts.
Result<ir::ValueId> keys_within(NodeDraft& draft, ir::ValueId limits, ir::ValueId batch_of, ir::ValueId keys) {
  const auto& queries = draft.type(batch_of).shape;
  const auto& count = draft.type(limits).shape;
  const bool ends_alone = queries && count && count->front() == queries->front();
  if (!ends_alone && !(queries && count && count->front() == queries->front() * Dim(2)))
    return beyond(Limit::kMaskEnds);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId positions, count_up(draft, keys));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId wide, draft.emit("Cast", {limits}, {{"to", DType::i64}}));
  std::vector<ir::ValueId> parts{wide};
  if (!ends_alone) {
    INGOT_ASSIGN_OR_RETURN(parts, draft.emit_all("Split", {wide}, {{"num_outputs", std::int64_t{2}}}, 2));
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId ends, unsqueezed(draft, parts[0], {1}));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId seen, draft.emit("Less", {positions, ends}));
  if (ends_alone) return seen;
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId starts, unsqueezed(draft, parts[1], {1}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId begun, draft.emit("GreaterOrEqual", {positions, starts}));
  return draft.emit("And", {seen, begun});
}

// Sets the mask operand from a key mask and an additive bias. A masked key is not left out but moved away by
// `filter_value`, so that a row of masked keys alone is still a softmax.
Status set_mask(NodeDraft& draft, std::vector<ir::ValueId>& operands, ir::ValueId key_mask, ir::ValueId bias,
                double filter_value) {
  operands[3] = bias;
  if (key_mask == ir::kNoValue) return Status::ok();
  const int rank = draft.type(key_mask).rank();
  ir::ValueId seen = ir::kNoValue;
  if (rank == 1) {
    INGOT_ASSIGN_OR_RETURN(ir::ValueId keys, dim_of(draft, operands[1], 1));
    if (operands[4] != ir::kNoValue) {
      INGOT_ASSIGN_OR_RETURN(const ir::ValueId past, dim_of(draft, operands[4], 2));
      INGOT_ASSIGN_OR_RETURN(keys, draft.emit("Add", {keys, past}));
    }
    INGOT_ASSIGN_OR_RETURN(seen, keys_within(draft, key_mask, operands[0], keys));
  } else if (rank == 2 || rank == 3) {
    INGOT_ASSIGN_OR_RETURN(seen, draft.emit("Cast", {key_mask}, {{"to", DType::boolean}}));
  } else {
    return beyond(Limit::kMaskRank, fmt::format("a mask of rank {}", rank));
  }
  INGOT_ASSIGN_OR_RETURN(seen, unsqueezed(draft, seen, rank == 3 ? Ints{1} : Ints{1, 2}));
  const DType type = draft.type(operands[0]).dtype;
  INGOT_ASSIGN_OR_RETURN(operands[3], draft.emit("Where", {seen, draft.add_scalar("seen", type, 0),
                                                           draft.add_scalar("hidden", type, filter_value)}));
  if (bias == ir::kNoValue) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(operands[3], draft.emit("Add", {operands[3], bias}));
  return Status::ok();
}

// num_heads, unidirectional, scale and mask_filter_value as attributes of the canonical operator.
Result<double> take_common(NodeDraft& draft, Attrs& attrs) {
  INGOT_ASSIGN_OR_RETURN(const std::int64_t heads, draft.read_or<std::int64_t>("num_heads", 0));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t causal, draft.read_or<std::int64_t>("unidirectional", 0));
  INGOT_ASSIGN_OR_RETURN(const auto scale, draft.read<double>("scale"));
  attrs.set("q_num_heads", heads);
  attrs.set("kv_num_heads", heads);
  if (causal != 0) attrs.set("is_causal", std::int64_t{1});
  if (scale && *scale != 0) attrs.set("scale", *scale);
  return draft.read_or<double>("mask_filter_value", -10000.0);
}

// Keys or values of [batch, sequence, heads * size] with the past before them, [1, batch, heads, all, size].
Result<ir::ValueId> stacked_present(NodeDraft& draft, ir::ValueId now, ir::ValueId past, std::int64_t heads) {
  INGOT_ASSIGN_OR_RETURN(ir::ValueId value, draft.emit("Reshape", {now, draft.add_ints("heads", {0, 0, heads, -1})}));
  INGOT_ASSIGN_OR_RETURN(value, draft.emit("Transpose", {value}, {{"perm", Ints{0, 2, 1, 3}}}));
  if (past != ir::kNoValue) {
    INGOT_ASSIGN_OR_RETURN(value, draft.emit("Concat", {past, value}, {{"axis", std::int64_t{2}}}));
  }
  return draft.emit("Unsqueeze", {value, draft.add_ints("axes", {0})});
}

struct AttentionInputs {
  std::size_t mask, past, bias;
};

// Attention over the projections to Q, K and V side by side, of width `width` together.
Status attend(NodeDraft& draft, ir::ValueId qkv, std::optional<std::int64_t> width, const AttentionInputs& at) {
  INGOT_RETURN_IF_ERROR(
      refuse(draft, {{"do_rotary", Limit::kRotaryInside}, {"past_present_share_buffer", Limit::kSharedBuffer}}));
  Attrs attrs;
  INGOT_ASSIGN_OR_RETURN(const double filter_value, take_common(draft, attrs));
  INGOT_ASSIGN_OR_RETURN(Ints sizes, draft.read_or<Ints>("qkv_hidden_sizes", {}));
  if (sizes.empty()) {
    if (!width || *width % 3 != 0) return beyond(Limit::kProjectionWidth);
    sizes.assign(3, *width / 3);
  }
  if (sizes.size() != 3) return invalid_argument("qkv_hidden_sizes has {} entries, but must have 3", sizes.size());
  INGOT_ASSIGN_OR_RETURN(
      std::vector<ir::ValueId> operands,
      draft.emit_all("Split", {qkv, draft.add_ints("sizes", sizes)}, {{"axis", std::int64_t{-1}}}, 3));
  operands.resize(6, ir::kNoValue);
  if (draft.has_input(at.past)) {
    for (std::size_t i = 0; i < 2; ++i) {
      INGOT_ASSIGN_OR_RETURN(
          operands[4 + i],
          draft.emit("Gather", {draft.inputs[at.past], draft.add_scalar("which", DType::i64, static_cast<double>(i))},
                     {{"axis", std::int64_t{0}}}));
    }
  }
  if (draft.has_output(1)) {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t heads, draft.read_or<std::int64_t>("num_heads", 1));
    ir::ValueId parts[2];
    for (std::size_t i = 0; i < 2; ++i) {
      INGOT_ASSIGN_OR_RETURN(parts[i], stacked_present(draft, operands[1 + i], operands[4 + i], heads));
    }
    INGOT_RETURN_IF_ERROR(draft.emit_output(1, "Concat", {parts[0], parts[1]}, {{"axis", std::int64_t{0}}}));
  }
  INGOT_RETURN_IF_ERROR(
      set_mask(draft, operands, input_or_none(draft, at.mask), input_or_none(draft, at.bias), filter_value));
  drop_absent(operands);
  become(draft, "Attention", std::move(operands), std::move(attrs));
  return Status::ok();
}

}  // namespace

// The projection to Q, K and V is inside.
Status lower_attention(NodeDraft& draft) {
  for (std::size_t i = 0; i < 2; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  std::vector<ir::ValueId> product{draft.inputs[0], draft.inputs[1]};
  if (draft.has_input(2)) product.push_back(draft.inputs[2]);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId qkv, draft.emit("MatMul", product));
  return attend(draft, qkv, last_dim(draft, draft.inputs[1]), {.mask = 3, .past = 4, .bias = 5});
}

Status lower_qattention(NodeDraft& draft) {
  for (std::size_t i = 0; i < 5; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  const std::vector<ir::ValueId>& in = draft.inputs;
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId product,
                         draft.emit("MatMulInteger", {in[0], in[1], input_or_none(draft, 6), input_or_none(draft, 7)}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId qkv, scaled_product(draft, product, in[3], in[4], 1, in[2]));
  constexpr std::size_t kNoBias = 99;
  return attend(draft, qkv, last_dim(draft, in[1]), {.mask = 5, .past = 8, .bias = kNoBias});
}

Status lower_multi_head_attention(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  if (draft.has_input(8) || draft.has_input(9)) return beyond(Limit::kSharedCache);
  if (draft.has_output(3)) return beyond(Limit::kScoresOutput);
  Attrs attrs;
  INGOT_ASSIGN_OR_RETURN(const double filter_value, take_common(draft, attrs));
  std::vector<ir::ValueId> operands{draft.inputs[0], input_or_none(draft, 1), input_or_none(draft, 2)};
  // [batch, sequence, heads, parts, size] holds K and V, or all three.
  const std::size_t packed = draft.has_input(1) ? 1 : 0;
  if (operands[2] == ir::kNoValue) {
    const ir::ValueId source = operands[packed];
    if (draft.type(source).rank() != 5) return beyond(Limit::kPackedRank);
    for (std::size_t i = packed; i < 3; ++i) {
      const ir::ValueId which = draft.add_scalar("which", DType::i64, static_cast<double>(i - packed));
      INGOT_ASSIGN_OR_RETURN(const ir::ValueId part,
                             draft.emit("Gather", {source, which}, {{"axis", std::int64_t{3}}}));
      INGOT_ASSIGN_OR_RETURN(operands[i], pack_heads(draft, part, false));
    }
  }
  for (std::size_t i = 1; i < 3; ++i) {
    if (draft.type(operands[i]).rank() != 4) continue;  // keys of a cache: [batch, heads, sequence, size]
    INGOT_ASSIGN_OR_RETURN(operands[i], pack_heads(draft, operands[i], true));
  }
  if (draft.has_input(3)) {
    std::int64_t begin = 0;
    for (ir::ValueId& operand : operands) {
      const auto width = last_dim(draft, operand);
      if (!width) return beyond(Limit::kBiasWidth);
      INGOT_ASSIGN_OR_RETURN(const ir::ValueId bias, slice_axis(draft, draft.inputs[3], 0, begin, begin + *width));
      INGOT_ASSIGN_OR_RETURN(operand, draft.emit("Add", {operand, bias}));
      begin += *width;
    }
  }
  operands.resize(6, ir::kNoValue);
  operands[4] = input_or_none(draft, 6);
  operands[5] = input_or_none(draft, 7);
  INGOT_RETURN_IF_ERROR(set_mask(draft, operands, input_or_none(draft, 4), input_or_none(draft, 5), filter_value));
  drop_absent(operands);
  draft.inputs = std::move(operands);
  draft.attrs = std::move(attrs);
  draft.outputs.resize(std::min<std::size_t>(3, draft.outputs.size()));
  return Status::ok();
}

Status lower_rotary_embedding(NodeDraft& draft) {
  for (std::size_t i = 0; i < 4; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const auto scale, draft.take<double>("scale"));
  INGOT_ASSIGN_OR_RETURN(const auto packed, draft.take<std::int64_t>("is_packed_batching"));
  if (scale.value_or(1) != 1) return beyond(Limit::kRotaryScale);
  if (packed.value_or(0) != 0) return beyond(Limit::kRotaryPacked);
  INGOT_ASSIGN_OR_RETURN(const std::int64_t heads, draft.read_or<std::int64_t>("num_heads", 0));
  const ir::Type& x = draft.input_type(0);
  if (!x.shape) return beyond(Limit::kRotaryShape);
  if (heads == 0) draft.attrs.erase("num_heads");
  if (heads == 0 && x.rank() == 3) {
    const auto width = last_dim(draft, draft.inputs[0]);
    const auto half = last_dim(draft, draft.inputs[2]);
    if (!width || !half || *half == 0 || *width % (2 * *half) != 0) return beyond(Limit::kRotaryHeads);
    draft.attrs.set("num_heads", *width / (2 * *half));
  }
  // One number is where the sequence begins.
  ir::ValueId positions = draft.inputs[1];
  if (draft.type(positions).rank() == 1) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId batch, dim_of(draft, draft.inputs[0], 0));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId length, dim_of(draft, draft.inputs[0], x.rank() == 3 ? 1 : 2));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId steps, count_up(draft, length));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId row, draft.emit("Add", {steps, positions}));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId shape, draft.emit("Concat", {batch, length}, {{"axis", std::int64_t{0}}}));
    INGOT_ASSIGN_OR_RETURN(positions, draft.emit("Expand", {row, shape}));
  }
  draft.inputs = {draft.inputs[0], draft.inputs[2], draft.inputs[3], positions};
  return Status::ok();
}

}  // namespace ingot::onnx
