// SPDX-License-Identifier: Apache-2.0
// GroupQueryAttention: rotary positions, a cache of keys and values, and causal attention in one operator.
#include <limits>

#include "onnx/contrib.h"

namespace ingot::onnx {
namespace {

struct Sizes {
  std::int64_t heads = 0, shared = 0, size = 0;
};

// Where in the sequence things stand, as values of the graph. i64 throughout.
struct Places {
  ir::ValueId first = ir::kNoValue;   // of this call's tokens, one for each row of the batch
  ir::ValueId tokens = ir::kNoValue;  // [batch, sequence]: of each of them
  ir::ValueId growth = ir::kNoValue;  // by how much the cache must grow, a vector of one
};

// [batch, sequence, heads * size] as [batch, heads, sequence, size].
Result<ir::ValueId> unpack_heads(NodeDraft& draft, ir::ValueId value, std::int64_t heads, std::int64_t size) {
  INGOT_ASSIGN_OR_RETURN(value, draft.emit("Reshape", {value, draft.add_ints("heads", {0, 0, heads, size})}));
  return draft.emit("Transpose", {value}, {{"perm", Ints{0, 2, 1, 3}}});
}

Result<Sizes> read_sizes(const NodeDraft& draft) {
  Sizes sizes;
  INGOT_ASSIGN_OR_RETURN(sizes.heads, draft.read_or<std::int64_t>("num_heads", 0));
  INGOT_ASSIGN_OR_RETURN(sizes.shared, draft.read_or<std::int64_t>("kv_num_heads", 0));
  if (sizes.heads < 1 || sizes.shared < 1 || sizes.heads % sizes.shared != 0)
    return invalid_argument("num_heads is {} and kv_num_heads is {}, but the first must be a multiple of the second",
                            sizes.heads, sizes.shared);
  const auto width = last_dim(draft, draft.inputs[0]);
  const std::int64_t parts = sizes.heads + (draft.has_input(1) ? 0 : 2 * sizes.shared);
  if (!width || *width % parts != 0) return beyond(Limit::kQueryWidth);
  sizes.size = *width / parts;
  return sizes;
}

// The last `seqlens_k` + 1 positions of a row are the keys that count, this call's tokens among them; when the call
// brings the whole sequence, it begins at 0 whatever is padding in a row.
Result<Places> find_places(NodeDraft& draft) {
  Places places;
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId length, dim_of(draft, draft.inputs[0], 1));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId wide, draft.emit("Cast", {draft.inputs[6]}, {{"to", DType::i64}}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId total, draft.emit("Reshape", {wide, draft.add_ints("one", {1})}));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId last, draft.emit("Cast", {draft.inputs[5]}, {{"to", DType::i64}}));
  INGOT_ASSIGN_OR_RETURN(last, draft.emit("Reshape", {last, draft.add_ints("all", {-1})}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId count, draft.emit("Add", {last, draft.add_scalar("one", DType::i64, 1)}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId before, draft.emit("Sub", {count, length}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId whole, draft.emit("Equal", {total, length}));
  INGOT_ASSIGN_OR_RETURN(places.first, draft.emit("Where", {whole, draft.add_scalar("start", DType::i64, 0), before}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId steps, count_up(draft, length));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId column, unsqueezed(draft, places.first, {1}));
  INGOT_ASSIGN_OR_RETURN(places.tokens, draft.emit("Add", {column, steps}));
  if (draft.has_input(3)) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId room, dim_of(draft, draft.inputs[3], 2));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId missing, draft.emit("Sub", {total, room}));
    INGOT_ASSIGN_OR_RETURN(places.growth, draft.emit("Max", {missing, draft.add_scalar("least", DType::i64, 0)}));
  }
  return places;
}

// The cache with this call's keys or values in their places; it is output `index` too.
Result<ir::ValueId> cached(NodeDraft& draft, ir::ValueId now, std::size_t past, const Places& places,
                           std::size_t index) {
  std::string_view op = "Identity";
  std::vector<ir::ValueId> operands{now};
  if (places.growth != ir::kNoValue) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId pads, draft.emit("Concat",
                                                              {draft.add_ints("before", {0, 0, 0, 0, 0, 0}),
                                                               places.growth, draft.add_ints("after", {0})},
                                                              {{"axis", std::int64_t{0}}}));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId room, draft.emit("Pad", {draft.inputs[past], pads}));
    op = "TensorScatter";
    operands = {room, now, places.first};
  }
  if (!draft.has_output(index)) return operands.size() == 1 ? now : draft.emit(op, operands);
  INGOT_RETURN_IF_ERROR(draft.emit_output(index, op, operands));
  return draft.emitted(index);
}

// Which keys each token may see, [batch, 1, sequence, keys].
Result<ir::ValueId> visible(NodeDraft& draft, ir::ValueId keys, const Places& places, std::int64_t window) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId length, dim_of(draft, keys, 2));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId positions, count_up(draft, length));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId rows, unsqueezed(draft, places.tokens, {1, 3}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId seen, draft.emit("LessOrEqual", {positions, rows}));
  if (window < 1) return seen;
  INGOT_ASSIGN_OR_RETURN(
      const ir::ValueId lowest,
      draft.emit("Sub", {rows, draft.add_scalar("window", DType::i64, static_cast<double>(window))}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId near, draft.emit("Greater", {positions, lowest}));
  return draft.emit("And", {seen, near});
}

// One more key, whose score is 0, or one number for each head, and whose value is 0: it takes part in the softmax
// alone.
Result<ir::ValueId> with_sink(NodeDraft& draft, std::vector<ir::ValueId>& parts, ir::ValueId mask, std::int64_t heads) {
  for (std::size_t i = 1; i < 3; ++i) {
    INGOT_ASSIGN_OR_RETURN(parts[i], draft.emit("Pad", {parts[i], draft.add_ints("sink", {0, 0, 0, 0, 0, 0, 1, 0})}));
  }
  const bool additive = draft.type(mask).dtype != DType::boolean;
  if (!draft.has_input(11))
    return draft.emit("Pad", {mask, draft.add_ints("seen", {0, 0, 0, 0, 0, 0, 0, 1}),
                              draft.add_scalar("always", draft.type(mask).dtype, additive ? 0 : 1)});
  const DType type = draft.input_type(0).dtype;
  if (!additive) {
    INGOT_ASSIGN_OR_RETURN(
        mask, draft.emit("Where", {mask, draft.add_scalar("seen", type, 0),
                                   draft.add_scalar("hidden", type, -std::numeric_limits<double>::infinity())}));
  }
  const ir::ValueId head_axis = draft.add_ints("heads", {1, heads, 1, 1});
  INGOT_ASSIGN_OR_RETURN(mask, draft.emit("Expand", {mask, head_axis}));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId sink, draft.emit("Cast", {draft.inputs[11]}, {{"to", draft.type(mask).dtype}}));
  INGOT_ASSIGN_OR_RETURN(sink, draft.emit("Reshape", {sink, head_axis}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId batch, dim_of(draft, mask, 0));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId queries, dim_of(draft, mask, 2));
  const ir::ValueId one = draft.add_ints("one", {1});
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId shape,
                         draft.emit("Concat", {batch, one, queries, one}, {{"axis", std::int64_t{0}}}));
  INGOT_ASSIGN_OR_RETURN(sink, draft.emit("Expand", {sink, shape}));
  return draft.emit("Concat", {mask, sink}, {{"axis", std::int64_t{3}}});
}

Status check_supported(const NodeDraft& draft) {
  for (const std::size_t i : {0, 5, 6}) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  for (std::size_t i = 12; i < 17; ++i)
    if (draft.has_input(i)) return beyond(Limit::kQuantizedCache, fmt::format("input {}", i));
  if (draft.has_output(3)) return beyond(Limit::kScoresOutput);
  if (draft.has_input(1) != draft.has_input(2) || draft.has_input(3) != draft.has_input(4))
    return invalid_argument("inputs 1 and 2 (key, value) and inputs 3 and 4 (the past) go together");
  return refuse(draft, {{"qk_output", Limit::kScoresOutput},
                        {"sliding_window_cache", Limit::kSlidingCache},
                        {"kv_cache_bit_width", Limit::kQuantizedCache}});
}

}  // namespace

Status lower_group_query_attention(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(check_supported(draft));
  INGOT_ASSIGN_OR_RETURN(const Sizes sizes, read_sizes(draft));
  INGOT_ASSIGN_OR_RETURN(const Places places, find_places(draft));
  std::vector<ir::ValueId> parts{draft.inputs[0], input_or_none(draft, 1), input_or_none(draft, 2)};
  if (!draft.has_input(1)) {
    const std::int64_t shared = sizes.shared * sizes.size;
    INGOT_ASSIGN_OR_RETURN(
        parts, draft.emit_all("Split", {parts[0], draft.add_ints("sizes", {sizes.heads * sizes.size, shared, shared})},
                              {{"axis", std::int64_t{-1}}}, 3));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    INGOT_ASSIGN_OR_RETURN(parts[i], unpack_heads(draft, parts[i], i == 0 ? sizes.heads : sizes.shared, sizes.size));
  }
  INGOT_ASSIGN_OR_RETURN(const std::int64_t rotary, draft.read_or<std::int64_t>("do_rotary", 0));
  if (rotary != 0) {
    for (const std::size_t i : {7, 8}) INGOT_RETURN_IF_ERROR(draft.require_input(i));
    INGOT_ASSIGN_OR_RETURN(const std::int64_t interleaved, draft.read_or<std::int64_t>("rotary_interleaved", 0));
    Attrs attrs{{"interleaved", interleaved}};
    if (const auto half = last_dim(draft, draft.inputs[7]); half && *half * 2 != sizes.size)
      attrs.set("rotary_embedding_dim", *half * 2);
    const ir::ValueId at = draft.has_input(9) ? draft.inputs[9] : places.tokens;
    for (std::size_t i = 0; i < 2; ++i) {
      INGOT_ASSIGN_OR_RETURN(parts[i],
                             draft.emit("RotaryEmbedding", {parts[i], draft.inputs[7], draft.inputs[8], at}, attrs));
    }
  }
  for (std::size_t i = 1; i < 3; ++i) {
    INGOT_ASSIGN_OR_RETURN(parts[i], cached(draft, parts[i], 2 + i, places, i));
  }
  INGOT_ASSIGN_OR_RETURN(const std::int64_t window, draft.read_or<std::int64_t>("local_window_size", -1));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId mask, visible(draft, parts[1], places, window));
  if (draft.has_input(10)) {
    const DType type = draft.input_type(10).dtype;
    INGOT_ASSIGN_OR_RETURN(
        mask, draft.emit("Where", {mask, draft.inputs[10],
                                   draft.add_scalar("hidden", type, -std::numeric_limits<double>::infinity())}));
  }
  INGOT_ASSIGN_OR_RETURN(const std::int64_t smooth, draft.read_or<std::int64_t>("smooth_softmax", 0));
  if (smooth > 0 || draft.has_input(11)) {
    INGOT_ASSIGN_OR_RETURN(mask, with_sink(draft, parts, mask, sizes.heads));
  }
  Attrs attrs;
  INGOT_ASSIGN_OR_RETURN(const double scale, draft.read_or<double>("scale", 0.0));
  INGOT_ASSIGN_OR_RETURN(const double softcap, draft.read_or<double>("softcap", 0.0));
  if (scale != 0) attrs.set("scale", scale);
  if (softcap != 0) attrs.set("softcap", softcap);
  INGOT_ASSIGN_OR_RETURN(ir::ValueId y, draft.emit("Attention", {parts[0], parts[1], parts[2], mask}, attrs));
  INGOT_ASSIGN_OR_RETURN(y, draft.emit("Transpose", {y}, {{"perm", Ints{0, 2, 1, 3}}}));
  become(draft, "Reshape", {y, draft.add_ints("packed", {0, 0, sizes.heads * sizes.size})});
  return Status::ok();
}

}  // namespace ingot::onnx
