// SPDX-License-Identifier: Apache-2.0
// Transposes move down, past operators that do not mind the order of axes, until they meet their inverse. What moves is
// the channels-last to channels-first transpose of the layout pass, and any transpose on whose way down another waits.
#include <algorithm>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

bool is_unit(const Dim& dim) { return dim == Dim(1); }

bool lets_pass(const Graph& graph, const Node& node) {
  static constexpr std::string_view kOthers[] = {
      "QuantizeLinear", "DequantizeLinear", "Softmax", "LogSoftmax", "Concat", "Pad", "Slice"};
  return is_pointwise(graph, node) || std::find(std::begin(kOthers), std::end(kOthers), node.op) != std::end(kOthers);
}

// A single-use path of agnostic operators below the value ends in a Transpose.
bool leads_to_transpose(const Graph& graph, ValueId value) {
  for (int steps = 0; steps < 6; ++steps) {
    const Node* user = sole_user(graph, value);
    if (user == nullptr) return false;
    if (user->op == "Transpose") return true;
    if (!lets_pass(graph, *user) || rank_of(graph, user->outputs[0]) != rank_of(graph, value)) return false;
    value = user->outputs[0];
  }
  return false;
}

bool should_sink(const Graph& graph, const Ints& perm, ValueId result) {
  return is_layout_perm(perm) || leads_to_transpose(graph, result);
}

// The transpose that feeds an operand, when it should move below the root.
struct Above {
  const Node* node = nullptr;
  Ints perm;
};
std::optional<Above> transpose_above(const Graph& graph, ValueId operand, ValueId result) {
  const Node* node = producer(graph, operand, "Transpose");
  if (node == nullptr) return std::nullopt;
  Above above{node, perm_of(graph, *node)};
  if (!should_sink(graph, above.perm, result)) return std::nullopt;
  return above;
}

// Operand as it must be before the transpose `perm`, so that transposing gives what it was, up to broadcast.
Result<ValueId> untransposed(ir::Patch& patch, const Graph& graph, ValueId value, const Ints& perm, ir::NodeId origin) {
  if (const Node* above = producer(graph, value, "Transpose"); above != nullptr && perm_of(graph, *above) == perm)
    return above->inputs[0];
  SymShape shape = *shape_of(graph, value);
  if (is_single_element(shape) && shape.size() <= perm.size()) return value;
  shape.insert(shape.begin(), perm.size() - shape.size(), Dim(1));
  INGOT_ASSIGN_OR_RETURN(const ValueId full, reshape(patch, value, shape, origin));
  return transpose(patch, full, inverse_perm(perm), origin);
}

// How many real transposes `untransposed` adds (+1) or takes away (-1).
int cost_of(const Graph& graph, ValueId value, const Ints& perm) {
  if (const Node* above = producer(graph, value, "Transpose"); above != nullptr && perm_of(graph, *above) == perm)
    return -1;
  if (graph.constant(value) != nullptr) return 0;
  const SymShape& shape = *shape_of(graph, value);
  return std::count_if(shape.begin(), shape.end(), [](const Dim& dim) { return !is_unit(dim); }) > 1 ? 1 : 0;
}

Match below(ir::Patch patch, const Node& root, ValueId y, const Ints& perm) {
  INGOT_ASSIGN_OR_RETURN(const ValueId back, transpose(patch, y, perm, root.id));
  return replace(std::move(patch), root.outputs[0], back);
}

bool is_self_inverse(const Ints& perm) { return perm == inverse_perm(perm); }

// Pointwise operators and Concat: several operands of equal standing.
Match sink_many(const Graph& graph, const Node& root) {
  const bool is_concat = root.op == "Concat";
  if ((!is_concat && !is_pointwise(graph, root)) || root.outputs.size() != 1) return no_match();
  const int rank = rank_of(graph, root.outputs[0]);
  for (ValueId operand : present_operands(root)) {
    const auto above = transpose_above(graph, operand, root.outputs[0]);
    if (!above || static_cast<int>(above->perm.size()) != rank) continue;
    int balance = 0;
    bool known = true;
    for (ValueId value : present_operands(root)) {
      known &= shape_of(graph, value) != nullptr && rank_of(graph, value) <= rank &&
               is_reshape_target(graph, *shape_of(graph, value));
      if (known) balance += cost_of(graph, value, above->perm);
    }
    // An operand's new transpose must not be one that sinks back.
    if (!known || balance > 0 || (balance == 0 && (is_self_inverse(above->perm) || !is_layout_perm(above->perm))))
      continue;
    ir::Patch patch = new_patch(graph, "sink_transpose");
    std::vector<ValueId> operands = root.inputs;
    for (ValueId& value : operands) {
      if (value == kNoValue) continue;
      INGOT_ASSIGN_OR_RETURN(value, untransposed(patch, graph, value, above->perm, root.id));
    }
    Attrs attrs = root.attrs;
    if (is_concat) {
      const int axis = normal_axis(attrs.get_int("axis", 0), rank);
      attrs.set("axis", above->perm[static_cast<std::size_t>(axis)]);
    }
    INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, root, operands, attrs));
    return below(std::move(patch), root, y, above->perm);
  }
  return no_match();
}

// Softmax and its kin: one axis.
Match sink_axis(const Graph& graph, const Node& root) {
  const auto above = transpose_above(graph, root.inputs[0], root.outputs[0]);
  if (!above || root.attrs.has("epilogue")) return no_match();
  const int axis = normal_axis(root.attrs.get_int("axis", -1), static_cast<int>(above->perm.size()));
  ir::Patch patch = new_patch(graph, "sink_transpose");
  Attrs attrs = root.attrs;
  attrs.set("axis", above->perm[static_cast<std::size_t>(axis)]);
  INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, root, {above->node->inputs[0]}, attrs));
  return below(std::move(patch), root, y, above->perm);
}

// QuantizeLinear and DequantizeLinear: elementwise but for the axis that a vector of scales follows.
Match sink_quantize(const Graph& graph, const Node& root) {
  const auto above = transpose_above(graph, root.inputs[0], root.outputs[0]);
  if (!above || root.attrs.get_int("block_size", 0) != 0) return no_match();
  const int axis = normal_axis(root.attrs.get_int("axis", 1), static_cast<int>(above->perm.size()));
  if (axis < 0) return no_match();
  ir::Patch patch = new_patch(graph, "sink_transpose");
  std::vector<ValueId> operands = root.inputs;
  operands[0] = above->node->inputs[0];
  Attrs attrs = root.attrs;
  attrs.set("axis", above->perm[static_cast<std::size_t>(axis)]);
  INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, root, operands, attrs));
  return below(std::move(patch), root, y, above->perm);
}

Match sink_split(const Graph& graph, const Node& root) {
  const Node* node = producer(graph, root.inputs[0], "Transpose");
  if (node == nullptr || !is_layout_perm(perm_of(graph, *node))) return no_match();
  const Ints perm = perm_of(graph, *node);
  ir::Patch patch = new_patch(graph, "sink_transpose");
  std::vector<ValueId> operands = root.inputs;
  operands[0] = node->inputs[0];
  Attrs attrs = root.attrs;
  attrs.set("axis",
            perm[static_cast<std::size_t>(normal_axis(attrs.get_int("axis", 0), static_cast<int>(perm.size())))]);
  INGOT_ASSIGN_OR_RETURN(const auto parts, patch.add_node("Split", operands, attrs, root.id, root.outputs.size()));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (root.outputs[i] == kNoValue) continue;
    INGOT_ASSIGN_OR_RETURN(const ValueId back, transpose(patch, parts[i], perm, root.id));
    patch.replace(root.outputs[i], back);
  }
  return std::optional<ir::Patch>(std::move(patch));
}

// Reduce*: the axes are renamed; without keepdims what remains keeps its relative order, or needs a smaller transpose.
Match sink_reduce(const Graph& graph, const Node& root) {
  const auto above = transpose_above(graph, root.inputs[0], root.outputs[0]);
  if (!above || root.attrs.has("epilogue")) return no_match();
  const Ints& perm = above->perm;
  const auto axes = axes_of(graph, root, 1, static_cast<int>(perm.size()));
  if (!axes || axes->empty()) return no_match();
  Ints renamed, rest;  // rest: axes that remain, as axes of the transpose's operand, in the order of the result
  for (std::size_t i = 0; i < perm.size(); ++i) {
    const bool reduced = std::find(axes->begin(), axes->end(), static_cast<std::int64_t>(i)) != axes->end();
    (reduced ? renamed : rest).push_back(perm[i]);
  }
  std::sort(renamed.begin(), renamed.end());
  ir::Patch patch = new_patch(graph, "sink_transpose");
  Attrs attrs = root.attrs;
  attrs.erase("axes");
  INGOT_ASSIGN_OR_RETURN(const ValueId y,
                         rebuild(patch, root, {above->node->inputs[0], int_constant(patch, renamed)}, attrs));
  if (root.attrs.get_int("keepdims", 1) != 0) return below(std::move(patch), root, y, perm);
  Ints sorted = rest;
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t& axis : rest) axis = std::find(sorted.begin(), sorted.end(), axis) - sorted.begin();
  return below(std::move(patch), root, y, rest);
}

// Slice and Pad: axes given as an operand, or all of them.
Match sink_slice(const Graph& graph, const Node& root) {
  const auto above = transpose_above(graph, root.inputs[0], root.outputs[0]);
  if (!above) return no_match();
  const int rank = static_cast<int>(above->perm.size());
  const std::size_t place = 3;  // of the axes, in both operators
  Ints axes;
  if (const ValueId operand = input(root, place); operand != kNoValue) {
    const auto given = ints(graph, operand);
    if (!given) return no_match();
    for (std::int64_t axis : *given) axes.push_back(above->perm[static_cast<std::size_t>(normal_axis(axis, rank))]);
  } else {
    const SymShape* starts = shape_of(graph, root.inputs[1]);
    const auto length = starts != nullptr && starts->size() == 1 ? (*starts)[0].constant() : std::nullopt;
    const std::int64_t count = root.op == "Pad" ? rank : length.value_or(-1);
    if (count < 0 || count > rank) return no_match();
    axes.assign(above->perm.begin(), above->perm.begin() + count);
  }
  ir::Patch patch = new_patch(graph, "sink_transpose");
  std::vector<ValueId> operands = root.inputs;
  operands.resize(std::max(operands.size(), place + 1), kNoValue);
  operands[0] = above->node->inputs[0];
  operands[place] = int_constant(patch, axes);
  INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, root, operands, root.attrs));
  return below(std::move(patch), root, y, above->perm);
}

// The elements of a vector in another order; of a constant at once, so that shapes stay known.
Result<ValueId> reordered(ir::Patch& patch, const Graph& graph, ValueId value, const Ints& order, ir::NodeId origin) {
  const HostTensor* tensor = graph.constant(value);
  if (tensor == nullptr)
    return patch.add("Gather", {value, int_constant(patch, order)}, Attrs{{"axis", std::int64_t{0}}}, origin);
  INGOT_ASSIGN_OR_RETURN(HostTensor result, HostTensor::create(tensor->dtype(), {std::ssize(order)}));
  for (std::int64_t i = 0; i < result.elements(); ++i) {
    const std::int64_t from = order[static_cast<std::size_t>(i)];
    is_integer(tensor->dtype()) ? result.set_int(i, tensor->as_int(from))
                                : result.set_double(i, tensor->as_double(from));
  }
  return patch.add_constant(graph.value(value).name, share(std::move(result)));
}

// Resize: whichever of roi, scales, sizes is given follows the axes.
Match sink_resize(const Graph& graph, const Node& root) {
  const auto above = transpose_above(graph, root.inputs[0], root.outputs[0]);
  if (!above || root.attrs.has("epilogue")) return no_match();
  const int rank = static_cast<int>(above->perm.size());
  const Ints inverse = inverse_perm(above->perm);
  ir::Patch patch = new_patch(graph, "sink_transpose");
  std::vector<ValueId> operands = root.inputs;
  operands[0] = above->node->inputs[0];
  Attrs attrs = root.attrs;
  if (attrs.has("axes")) {
    Ints axes = attrs.get_ints("axes", {});
    for (std::int64_t& axis : axes) axis = above->perm[static_cast<std::size_t>(normal_axis(axis, rank))];
    attrs.set("axes", axes);
  } else {
    for (std::size_t i = 1; i < operands.size(); ++i) {
      if (operands[i] == kNoValue) continue;
      const SymShape* shape = shape_of(graph, operands[i]);
      if (shape == nullptr || shape->size() != 1) return no_match();
      if ((*shape)[0] == Dim(0)) {  // an empty placeholder
        operands[i] = kNoValue;
        continue;
      }
      Ints order = inverse;
      if (i == 1)  // roi: starts, then ends
        for (std::int64_t axis : inverse) order.push_back(axis + rank);
      INGOT_ASSIGN_OR_RETURN(operands[i], reordered(patch, graph, operands[i], order, root.id));
    }
  }
  INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, root, operands, attrs));
  return below(std::move(patch), root, y, above->perm);
}

}  // namespace

Rules transpose_sinking_rules() {
  return {{"sink_transpose_many", {}, sink_many},
          {"sink_transpose_axis", {"Softmax", "LogSoftmax", "Hardmax"}, sink_axis},
          {"sink_transpose_quantize", {"QuantizeLinear", "DequantizeLinear"}, sink_quantize},
          {"sink_transpose_split", {"Split"}, sink_split},
          {"sink_transpose_reduce",
           {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
            "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"},
           sink_reduce},
          {"sink_transpose_slice", {"Slice", "Pad"}, sink_slice},
          {"sink_transpose_resize", {"Resize"}, sink_resize}};
}

}  // namespace ingot::passes
