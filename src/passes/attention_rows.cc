// SPDX-License-Identifier: Apache-2.0
// Attention between swapped leading axes: PyTorch's modules compute in [sequence, batch, ...] and swap the two for the
// attention alone. The swaps move away from it, up to the product that made Q, K and V and down to the rows of the
// result, where they are an order of whole rows (row_orders.cc) and Q, K and V columns of one product
// (attention_columns.cc).
#include <algorithm>
#include <array>
#include <map>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// [1, 0, 2, ...].
bool swaps_leading(const Ints& perm) {
  if (perm.size() < 3 || perm[0] != 1 || perm[1] != 0) return false;
  for (std::size_t i = 2; i < perm.size(); ++i)
    if (perm[i] != static_cast<std::int64_t>(i)) return false;
  return true;
}

Ints leading_swap(std::size_t rank) {
  Ints perm(rank);
  for (std::size_t i = 0; i < rank; ++i) perm[i] = static_cast<std::int64_t>(i);
  std::swap(perm[0], perm[1]);
  return perm;
}

bool same_leading(const SymShape& a, const SymShape& b) {
  return a.size() > 2 && b.size() > 2 && a[0] == b[0] && a[1] == b[1];
}

// One index of an axis, or a range of it, behind the first two.
bool parts_trailing(const Graph& graph, const Node& node, const SymShape& from) {
  const int rank = static_cast<int>(from.size());
  if (rank < 3) return false;
  if (node.op == "Gather")
    return normal_axis(node.attrs.get_int("axis", 0), rank) >= 2 && graph.constant(node.inputs[1]) != nullptr &&
           shape_of(graph, node.outputs[0])->size() > 2;
  if (node.op != "Slice" || input(node, 3) == kNoValue) return false;
  const auto axes = ints(graph, node.inputs[3]);
  return axes &&
         std::all_of(axes->begin(), axes->end(), [&](std::int64_t axis) { return normal_axis(axis, rank) >= 2; });
}

SymShape with_swap(SymShape shape) {
  std::swap(shape[0], shape[1]);
  return shape;
}

// The node behind a value when it does nothing to the first two axes.
const Node* carrier(const Graph& graph, ValueId value) {
  const Node* node = graph.producer(value);
  const SymShape* to = shape_of(graph, value);
  const SymShape* from = node == nullptr || node->inputs.empty() ? nullptr : shape_of(graph, node->inputs[0]);
  if (from == nullptr || to == nullptr) return nullptr;
  const bool view = node->op == "Reshape" && same_leading(*from, *to) && is_reshape_target(graph, with_swap(*to));
  return view || parts_trailing(graph, *node, *from) ? node : nullptr;
}

// Values with their first two axes swapped, as far up as these are only carried along.
class Swapper {
 public:
  Swapper(const Graph& graph, ir::Patch& patch, ir::NodeId origin) : graph_(graph), patch_(patch), origin_(origin) {}

  Result<ValueId> swapped(ValueId value) {
    if (const auto found = made_.find(value); found != made_.end()) return found->second;
    INGOT_ASSIGN_OR_RETURN(const ValueId y, make(value));
    made_[value] = y;
    return y;
  }

 private:
  Result<ValueId> make(ValueId value) {
    const SymShape& shape = *shape_of(graph_, value);
    const Node* node = carrier(graph_, value);
    if (node == nullptr) return transpose(patch_, value, leading_swap(shape.size()), origin_);
    INGOT_ASSIGN_OR_RETURN(const ValueId x, swapped(node->inputs[0]));
    if (node->op == "Reshape") return reshape(patch_, x, with_swap(shape), node->id);
    std::vector<ValueId> operands = node->inputs;
    operands[0] = x;
    return rebuild(patch_, *node, operands, node->attrs);
  }

  const Graph& graph_;
  ir::Patch& patch_;
  ir::NodeId origin_;
  std::map<ValueId, ValueId> made_;
};

// Whether something parts the tensor between a swap and a product: only then is there anything to gain above.
bool is_part_of_product(const Graph& graph, ValueId value) {
  for (int steps = 0; steps < 8; ++steps) {
    const Node* node = graph.producer(value);
    if (node == nullptr) return false;
    if (node->op == "MatMul") return steps > 0;
    if (node->op != "Reshape" && node->op != "Gather" && node->op != "Slice") return false;
    value = node->inputs[0];
  }
  return false;
}

Match swap_above(const Graph& graph, const Node& root) {
  if (root.attrs.get_int("bshd", 0) == 0) return no_match();
  std::array<const Node*, 3> swaps{};
  for (std::size_t i = 0; i < 3; ++i) {
    swaps[i] = producer(graph, root.inputs[i], "Transpose");
    if (swaps[i] == nullptr || !swaps_leading(perm_of(graph, *swaps[i])) ||
        !is_part_of_product(graph, swaps[i]->inputs[0]) || carrier(graph, swaps[i]->inputs[0]) == nullptr)
      return no_match();
  }
  ir::Patch patch = new_patch(graph, "swap_above_attention");
  Swapper swapper(graph, patch, root.id);
  std::vector<ValueId> operands = root.inputs;
  for (std::size_t i = 0; i < 3; ++i) {
    INGOT_ASSIGN_OR_RETURN(operands[i], swapper.swapped(swaps[i]->inputs[0]));
  }
  INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, root, operands, root.attrs));
  return replace(std::move(patch), root.outputs[0], y);
}

// [B, S, H, D] swapped, then with heads merged: merged, then swapped.
Match swap_below(const Graph& graph, const Node& root) {
  const Node* swap = sole_producer(graph, root.inputs[0], "Transpose");
  if (swap == nullptr || !swaps_leading(perm_of(graph, *swap))) return no_match();
  const Node* attention = sole_producer(graph, swap->inputs[0], "Attention");
  const SymShape* shape = shape_of(graph, swap->inputs[0]);
  const SymShape* result = shape_of(graph, root.outputs[0]);
  if (attention == nullptr || attention->attrs.get_int("bshd", 0) == 0 || shape == nullptr || result == nullptr ||
      shape->size() != 4)
    return no_match();
  const Dim columns = (*shape)[2] * (*shape)[3];
  const SymShape merged{(*shape)[0], (*shape)[1], columns};
  if (result->size() < 2 || !(result->back() == columns) || !is_reshape_target(graph, merged)) return no_match();
  ir::Patch patch = new_patch(graph, "swap_below_attention");
  INGOT_ASSIGN_OR_RETURN(ValueId y, reshape(patch, swap->inputs[0], merged, root.id));
  INGOT_ASSIGN_OR_RETURN(y, transpose(patch, y, leading_swap(3), root.id));
  INGOT_ASSIGN_OR_RETURN(y, reshape(patch, y, *result, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules attention_rows_rules() {
  return {{"swap_above_attention", {"Attention"}, swap_above}, {"swap_below_attention", {"Reshape"}, swap_below}};
}

}  // namespace ingot::passes
