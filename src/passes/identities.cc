// SPDX-License-Identifier: Apache-2.0
// Nodes that return an operand unchanged.
#include <algorithm>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

Match pass_through(const Graph& graph, const Node& root, ValueId x, std::string_view name) {
  // A graph output that is a graph input or a constant keeps its node: the binding must stay a copy with its own name.
  if (x == kNoValue || graph.value(x).type.kind != graph.value(root.outputs[0]).type.kind) return no_match();
  if (graph.is_output(root.outputs[0]) && (graph.producer(x) == nullptr || graph.is_output(x))) return no_match();
  return replace(new_patch(graph, name), root.outputs[0], x);
}

Match drop_identity(const Graph& graph, const Node& root) {
  return pass_through(graph, root, root.inputs[0], "drop_identity");
}

Match drop_dropout(const Graph& graph, const Node& root) {
  const bool mask_used = root.outputs.size() > 1 && root.outputs[1] != kNoValue &&
                         (!graph.value(root.outputs[1]).uses.empty() || graph.is_output(root.outputs[1]));
  const ValueId training = input(root, 2);
  if (mask_used || (training != kNoValue && scalar(graph, training) != 0.0)) return no_match();
  return pass_through(graph, root, root.inputs[0], "drop_dropout");
}

Match drop_cast(const Graph& graph, const Node& root) {
  if (dtype_of(graph, root.inputs[0]) != dtype_of(graph, root.outputs[0])) return no_match();
  return pass_through(graph, root, root.inputs[0], "drop_cast");
}

bool all_ones(const Graph& graph, ValueId value) { return value == kNoValue || splat(graph, value) == 1.0; }

// Operators whose result, when it has the shape of the operand, is the operand.
Match drop_same_shape(const Graph& graph, const Node& root) {
  if (!same_shape(graph, root.inputs[0], root.outputs[0])) return no_match();
  if (root.op == "Slice" && !all_ones(graph, input(root, 4))) return no_match();
  if (root.op == "Resize") {
    const bool by_size = input(root, 3) != kNoValue;
    const std::string mode = root.attrs.get_string("coordinate_transformation_mode", "half_pixel");
    if (mode == "tf_crop_and_resize" || (!by_size && !all_ones(graph, input(root, 2)))) return no_match();
    if (root.attrs.has("epilogue") || input(root, 1) != kNoValue) return no_match();
  }
  return pass_through(graph, root, root.inputs[0], "drop_same_shape");
}

Match drop_pad(const Graph& graph, const Node& root) {
  if (splat(graph, input(root, 1)) != 0.0) return no_match();
  return pass_through(graph, root, root.inputs[0], "drop_pad");
}

Match drop_transpose(const Graph& graph, const Node& root) {
  if (!is_identity_perm(perm_of(graph, root)) || rank_of(graph, root.inputs[0]) < 0) return no_match();
  return pass_through(graph, root, root.inputs[0], "drop_transpose");
}

// Concat, Sum, Max, Min, Mean, Split with one operand and one result.
Match drop_single(const Graph& graph, const Node& root) {
  const ValueId second = input(root, 1);
  if ((root.op == "Split" ? second != kNoValue && !ints(graph, second) : root.inputs.size() != 1)) return no_match();
  if (root.outputs.size() != 1 || !same_shape(graph, root.inputs[0], root.outputs[0])) return no_match();
  return pass_through(graph, root, root.inputs[0], "drop_single");
}

struct Neutral {
  std::string_view op;
  double value;
  bool left;  // also when it is the first operand
};
constexpr Neutral kNeutral[] = {{"Mul", 1, true},  {"Add", 0, true}, {"Sub", 0, false}, {"Div", 1, false},
                                {"Pow", 1, false}, {"And", 1, true}, {"Or", 0, true}};

Match drop_neutral(const Graph& graph, const Node& root) {
  for (const Neutral& neutral : kNeutral) {
    if (neutral.op != root.op) continue;
    for (std::size_t i : {std::size_t{1}, std::size_t{0}}) {
      if (i == 0 && !neutral.left) break;
      const ValueId other = root.inputs[1 - i];
      if (splat(graph, root.inputs[i]) != neutral.value || !same_shape(graph, other, root.outputs[0]) ||
          dtype_of(graph, other) != dtype_of(graph, root.outputs[0]))
        continue;
      return pass_through(graph, root, other, "drop_neutral");
    }
  }
  return no_match();
}

Match drop_where(const Graph& graph, const Node& root) {
  const auto condition = splat(graph, root.inputs[0]);
  if (!condition) return no_match();
  const ValueId chosen = root.inputs[*condition != 0 ? 1 : 2];
  if (!same_shape(graph, chosen, root.outputs[0])) return no_match();
  return pass_through(graph, root, chosen, "drop_where");
}

Match drop_double_not(const Graph& graph, const Node& root) {
  const Node* inner = producer(graph, root.inputs[0], "Not");
  if (inner == nullptr) return no_match();
  return pass_through(graph, root, inner->inputs[0], "drop_double_not");
}

}  // namespace

Rules identity_rules() {
  return {
      {"drop_identity", {"Identity"}, drop_identity},
      {"drop_dropout", {"Dropout"}, drop_dropout},
      {"drop_cast", {"Cast"}, drop_cast},
      {"drop_same_shape", {"Expand", "Reshape", "Slice", "Tile", "Squeeze", "Unsqueeze", "Resize"}, drop_same_shape},
      {"drop_pad", {"Pad"}, drop_pad},
      {"drop_transpose", {"Transpose"}, drop_transpose},
      {"drop_single", {"Concat", "Sum", "Max", "Min", "Mean", "Split"}, drop_single},
      {"drop_neutral", {"Mul", "Add", "Sub", "Div", "Pow", "And", "Or"}, drop_neutral},
      {"drop_where", {"Where"}, drop_where},
      {"drop_double_not", {"Not"}, drop_double_not}};
}

}  // namespace ingot::passes
