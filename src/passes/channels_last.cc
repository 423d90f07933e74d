// SPDX-License-Identifier: Apache-2.0
// Image operators compute in [N, spatial..., C]: each gets channels_last=1 between two transposes. Sinking the
// transposes (transpose_sinking.cc) then makes neighbours meet and cancel.
#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// Operators that are as fast in the ONNX layout: they take the layout of what comes before.
bool follows(std::string_view op) {
  return op == "InstanceNormalization" || op == "GroupNormalization" || op == "MaxPool" || op == "AveragePool";
}
bool is_layout_perm_before(const Graph& graph, const Node& root) {
  const Node* before = producer(graph, root.inputs[0], "Transpose");
  return before != nullptr && is_layout_perm(perm_of(graph, *before));
}

Match convert(const Graph& graph, const Node& root) {
  if (root.attrs.get_int("channels_last", 0) != 0 || root.attrs.has("epilogue")) return no_match();
  if (root.attrs.get_int("offset_channels_last", 0) != 0) return no_match();
  if (bits_of(graph.value(root.inputs[0]).type.dtype) < 8) return no_match();  // strings and types below a byte
  const int rank = rank_of(graph, root.inputs[0]);
  if (follows(root.op) && !is_layout_perm_before(graph, root)) return no_match();
  if (rank < 3 || rank > 5 || rank_of(graph, root.outputs[0]) != rank) return no_match();
  for (std::size_t i = 1; i < root.outputs.size(); ++i)  // indices of a maximum count elements of the ONNX layout
    if (root.outputs[i] != kNoValue) return no_match();
  Ints to_last{0};
  for (int i = 2; i < rank; ++i) to_last.push_back(i);
  to_last.push_back(1);
  ir::Patch patch = new_patch(graph, "channels_last");
  std::vector<ValueId> operands = root.inputs;
  INGOT_ASSIGN_OR_RETURN(operands[0], transpose(patch, operands[0], to_last, root.id));
  Attrs attrs = root.attrs;
  attrs.set("channels_last", std::int64_t{1});
  if (root.op == "DeformConv") {  // offsets and mask come from convolutions that run channels last too
    for (const std::size_t i : {std::size_t{2}, std::size_t{4}})
      if (input(root, i) != kNoValue) {
        INGOT_ASSIGN_OR_RETURN(operands[i], transpose(patch, operands[i], to_last, root.id));
      }
    attrs.set("offset_channels_last", std::int64_t{1});
  }
  INGOT_ASSIGN_OR_RETURN(ValueId y, rebuild(patch, root, operands, attrs));
  INGOT_ASSIGN_OR_RETURN(y, transpose(patch, y, inverse_perm(to_last), root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules channels_last_rules() {
  return {{"channels_last",
           {"Conv", "ConvTranspose", "DeformConv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool",
            "InstanceNormalization", "GroupNormalization", "BatchNormalization", "DepthToSpace"},
           convert}};
}

Rules integer_layout_rules() { return {{"channels_last", {"ConvInteger"}, convert}}; }

}  // namespace ingot::passes
