// SPDX-License-Identifier: Apache-2.0
// Attention with a past of keys and values is Concat, which makes what the next call brings as its past, and Attention
// over all keys: kernels for few queries over many keys know the latter. A query at place i of this call may see the
// past and, where attention is causal, the keys up to i: no limit for the single query of a model that writes token by
// token, otherwise a mask.
#include <limits>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

constexpr std::size_t kMask = 3, kPastKey = 4, kPastValue = 5, kNonpad = 6;

struct Lengths {
  Dim queries, keys, past, total;
};

// Nothing where a rank is unknown, or the first output is not wanted.
std::optional<Lengths> lengths_of(const Graph& graph, const Node& root) {
  if (root.outputs[0] == kNoValue || shape_of(graph, root.outputs[0]) == nullptr) return std::nullopt;
  const int rank = rank_of(graph, root.inputs[0]);
  if (rank != 3 && rank != 4) return std::nullopt;
  for (std::size_t i = 1; i < 3; ++i)
    if (rank_of(graph, root.inputs[i]) != rank || rank_of(graph, root.inputs[kPastKey + i - 1]) != 4)
      return std::nullopt;
  const SymShape &q = *shape_of(graph, root.inputs[0]), &k = *shape_of(graph, root.inputs[1]);
  const std::size_t sequence = rank == 4 ? 2 : 1;
  const Dim past = (*shape_of(graph, root.inputs[kPastKey]))[2];
  return Lengths{q[sequence], k[sequence], past, past + k[sequence]};
}

// [B, S, H * D] as [B, S, H, D]; empty where that cannot be written.
SymShape parted(const Graph& graph, ValueId operand, std::int64_t heads) {
  const SymShape& shape = *shape_of(graph, operand);
  if (heads < 1 || !shape[2].is_constant()) return {};
  SymShape out{shape[0], shape[1], Dim(heads), Dim(shape[2].value() / heads)};
  return is_reshape_target(graph, out) ? out : SymShape{};
}

bool is_rewritable(const Graph& graph, const Node& root, const Lengths& lengths) {
  if (input(root, kNonpad) != kNoValue || root.attrs.get_int("bshd", 0) != 0) return false;
  if (root.outputs.size() > 3 && root.outputs[3] != kNoValue) return false;  // wants the scores
  for (const char* window : {"left_window_size", "right_window_size"})
    if (root.attrs.get_int(window, -1) >= 0) return false;
  // A mask may be for fewer keys than there are; only one for all of them may stay as it is.
  if (input(root, kMask) == kNoValue) return true;
  const SymShape* mask = shape_of(graph, root.inputs[kMask]);
  return mask != nullptr && !mask->empty() && mask->back() == lengths.total;
}

Result<ValueId> dim_number(ir::Patch& patch, const Dim& dim, ir::NodeId origin) {
  if (dim.is_constant()) return patch.add_constant("", share(HostTensor::scalar(DType::i64, dim.value())));
  return patch.add("DimTensor", {}, Attrs{{"dims", SymShape{dim}}, {"scalar", std::int64_t{1}}}, origin);
}

// Which keys each query may see, [queries, keys], joined with the mask that there is.
Result<ValueId> causal_mask(ir::Patch& patch, const Lengths& lengths, ValueId mask, ir::NodeId origin) {
  const ValueId zero = patch.add_constant("", share(HostTensor::scalar(DType::i64, 0)));
  const ValueId one = patch.add_constant("", share(HostTensor::scalar(DType::i64, 1)));
  INGOT_ASSIGN_OR_RETURN(const ValueId past, dim_number(patch, lengths.past, origin));
  INGOT_ASSIGN_OR_RETURN(const ValueId behind, dim_number(patch, lengths.past + lengths.queries, origin));
  INGOT_ASSIGN_OR_RETURN(const ValueId total, dim_number(patch, lengths.total, origin));
  INGOT_ASSIGN_OR_RETURN(ValueId places, patch.add("Range", {past, behind, one}, {}, origin));
  INGOT_ASSIGN_OR_RETURN(places, patch.add("Unsqueeze", {places, int_constant(patch, {1})}, {}, origin));
  INGOT_ASSIGN_OR_RETURN(const ValueId keys, patch.add("Range", {zero, total, one}, {}, origin));
  INGOT_ASSIGN_OR_RETURN(const ValueId seen, patch.add("LessOrEqual", {keys, places}, {}, origin));
  if (mask == kNoValue) return seen;
  const DType type = patch.type(mask).dtype;
  if (type == DType::boolean) return patch.add("And", {mask, seen}, {}, origin);
  const ValueId hidden = scalar_constant(patch, type, -std::numeric_limits<double>::infinity());
  return patch.add("Where", {seen, mask, hidden}, {}, origin);
}

Match join_past(const Graph& graph, const Node& root) {
  if (input(root, kPastKey) == kNoValue || input(root, kPastValue) == kNoValue) return no_match();
  const std::optional<Lengths> lengths = lengths_of(graph, root);
  if (!lengths || !is_rewritable(graph, root, *lengths)) return no_match();
  const bool causal = root.attrs.get_int("is_causal", 0) != 0;
  const bool limits = causal && !(lengths->queries == Dim(1) && lengths->keys == Dim(1));
  if (limits && !is_bound(graph, SymShape{lengths->past, lengths->queries, lengths->total})) return no_match();
  const bool packed = rank_of(graph, root.inputs[0]) == 3;
  SymShape shapes[3];
  for (std::size_t i = 0; packed && i < 3; ++i) {
    shapes[i] = parted(graph, root.inputs[i], root.attrs.get_int(i == 0 ? "q_num_heads" : "kv_num_heads", 0));
    if (shapes[i].empty()) return no_match();
  }
  if (packed && !is_reshape_target(graph, *shape_of(graph, root.outputs[0]))) return no_match();

  ir::Patch patch = new_patch(graph, "join_past");
  std::vector<ValueId> operands(root.inputs.begin(), root.inputs.begin() + 3);
  for (std::size_t i = 0; i < 3; ++i) {
    if (packed) {
      INGOT_ASSIGN_OR_RETURN(operands[i], reshape(patch, operands[i], shapes[i], root.id));
      INGOT_ASSIGN_OR_RETURN(operands[i], transpose(patch, operands[i], {0, 2, 1, 3}, root.id));
    }
    if (i == 0) continue;
    INGOT_ASSIGN_OR_RETURN(operands[i], patch.add("Concat", {root.inputs[kPastKey + i - 1], operands[i]},
                                                  Attrs{{"axis", std::int64_t{2}}}, root.id));
    if (root.outputs.size() > i && root.outputs[i] != kNoValue) patch.replace(root.outputs[i], operands[i]);
  }
  ValueId mask = input(root, kMask);
  if (limits) {
    INGOT_ASSIGN_OR_RETURN(mask, causal_mask(patch, *lengths, mask, root.id));
  }
  if (mask != kNoValue) operands.push_back(mask);
  Attrs attrs;
  for (const auto& [name, value] : root.attrs.entries())
    if (name != "is_causal" && name != "q_num_heads" && name != "kv_num_heads") attrs.set(name, value);
  INGOT_ASSIGN_OR_RETURN(ValueId y, patch.add("Attention", operands, attrs, root.id));
  if (packed) {
    INGOT_ASSIGN_OR_RETURN(y, transpose(patch, y, {0, 2, 1, 3}, root.id));
    INGOT_ASSIGN_OR_RETURN(y, reshape(patch, y, *shape_of(graph, root.outputs[0]), root.id));
  }
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules attention_cache_rules() { return {{"join_past", {"Attention"}, join_past}}; }

}  // namespace ingot::passes
