// SPDX-License-Identifier: Apache-2.0
// Transposes that cost nothing once they are seen for what they are. Extents of 1 are the key: moving one moves no
// data.
#include <algorithm>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

bool is_unit(const Dim& dim) { return dim == Dim(1); }

Match merge(const Graph& graph, const Node& root) {
  const Node* inner = producer(graph, root.inputs[0], "Transpose");
  if (inner == nullptr || rank_of(graph, inner->inputs[0]) < 0) return no_match();
  const Ints perm = compose_perms(perm_of(graph, *inner), perm_of(graph, root));
  if (is_identity_perm(perm) && graph.is_output(root.outputs[0])) return no_match();
  ir::Patch patch = new_patch(graph, "merge_transposes");
  INGOT_ASSIGN_OR_RETURN(const ValueId y, transpose(patch, inner->inputs[0], perm, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

// Only units move: a Reshape.
Match only_units(const Graph& graph, const Node& root) {
  const SymShape* shape = shape_of(graph, root.inputs[0]);
  const SymShape* result = shape_of(graph, root.outputs[0]);
  if (shape == nullptr || result == nullptr || !is_reshape_target(graph, *result)) return no_match();
  std::int64_t last = -1;
  for (std::int64_t axis : perm_of(graph, root)) {
    if (is_unit((*shape)[static_cast<std::size_t>(axis)])) continue;
    if (axis < last) return no_match();
    last = axis;
  }
  if (*shape == *result) return no_match();  // the identity, or equal to it: drop_same_shape's case
  ir::Patch patch = new_patch(graph, "transpose_of_units");
  INGOT_ASSIGN_OR_RETURN(const ValueId y, reshape(patch, root.inputs[0], *result, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

// Same elements in the same order apart from units: a swap of units that leaves an equal shape is a no-op.
Match equal_units(const Graph& graph, const Node& root) {
  const SymShape* shape = shape_of(graph, root.inputs[0]);
  if (shape == nullptr || !same_shape(graph, root.inputs[0], root.outputs[0])) return no_match();
  std::int64_t last = -1;
  for (std::int64_t axis : perm_of(graph, root)) {
    if (is_unit((*shape)[static_cast<std::size_t>(axis)])) continue;
    if (axis < last) return no_match();
    last = axis;
  }
  if (graph.is_output(root.outputs[0])) return no_match();
  return replace(new_patch(graph, "transpose_of_equal_units"), root.outputs[0], root.inputs[0]);
}

// Transpose, then Reshape: where the units stand in between does not matter, so they stay where they were.
Match units_before_reshape(const Graph& graph, const Node& root) {
  const Node* inner = sole_producer(graph, root.inputs[0], "Transpose");
  const SymShape* shape = inner != nullptr ? shape_of(graph, inner->inputs[0]) : nullptr;
  const SymShape* result = shape_of(graph, root.outputs[0]);
  if (shape == nullptr || result == nullptr || !is_reshape_target(graph, *result)) return no_match();
  const Ints perm = perm_of(graph, *inner);
  Ints moved, better(perm.size());
  for (std::int64_t axis : perm)
    if (!is_unit((*shape)[static_cast<std::size_t>(axis)])) moved.push_back(axis);
  auto next = moved.begin();
  for (std::size_t i = 0; i < perm.size(); ++i)
    better[i] = is_unit((*shape)[i]) ? static_cast<std::int64_t>(i) : *next++;
  if (better == perm) return no_match();
  ir::Patch patch = new_patch(graph, "units_before_reshape");
  INGOT_ASSIGN_OR_RETURN(const ValueId t, transpose(patch, inner->inputs[0], better, inner->id));
  INGOT_ASSIGN_OR_RETURN(const ValueId y, reshape(patch, t, *result, root.id));
  if (y == inner->inputs[0] && graph.is_output(root.outputs[0])) return no_match();
  return replace(std::move(patch), root.outputs[0], y);
}

// Reshape that only adds or drops units, of a Transpose: the reshape goes first.
Match unit_reshape_above(const Graph& graph, const Node& root) {
  const Node* inner = sole_producer(graph, root.inputs[0], "Transpose");
  const SymShape* x = inner != nullptr ? shape_of(graph, inner->inputs[0]) : nullptr;
  const SymShape* result = shape_of(graph, root.outputs[0]);
  if (x == nullptr || result == nullptr) return no_match();
  const Ints perm = perm_of(graph, *inner);
  Ints from;  // axes of x that are no units, in the order of the result
  for (std::int64_t axis : perm)
    if (!is_unit((*x)[static_cast<std::size_t>(axis)])) from.push_back(axis);
  std::vector<std::size_t> slots;  // places of non-units in the result
  for (std::size_t i = 0; i < result->size(); ++i)
    if (!is_unit((*result)[i])) slots.push_back(i);
  if (slots.size() != from.size()) return no_match();
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (!((*result)[slots[i]] == (*x)[static_cast<std::size_t>(from[i])])) return no_match();
  Ints sorted = from;
  std::sort(sorted.begin(), sorted.end());
  SymShape wanted(result->size(), Dim(1));
  Ints new_perm(result->size());
  for (std::size_t i = 0; i < new_perm.size(); ++i) new_perm[i] = static_cast<std::int64_t>(i);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    wanted[slots[i]] = (*x)[static_cast<std::size_t>(sorted[i])];
    const auto place = static_cast<std::size_t>(std::find(sorted.begin(), sorted.end(), from[i]) - sorted.begin());
    new_perm[slots[i]] = static_cast<std::int64_t>(slots[place]);
  }
  if (!is_reshape_target(graph, wanted)) return no_match();
  ir::Patch patch = new_patch(graph, "unit_reshape_above_transpose");
  INGOT_ASSIGN_OR_RETURN(const ValueId r, reshape(patch, inner->inputs[0], wanted, inner->id));
  INGOT_ASSIGN_OR_RETURN(const ValueId y, transpose(patch, r, new_perm, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

// Every user takes a slice of constant position along an axis.
bool only_sliced(const Graph& graph, ValueId value) {
  const auto& uses = graph.value(value).uses;
  return !graph.is_output(value) && std::all_of(uses.begin(), uses.end(), [&](const ir::Use& use) {
    const Node& user = graph.node(use.node);
    return user.op == "Split" || (user.op == "Gather" && use.input == 0 && scalar(graph, user.inputs[1]).has_value() &&
                                  rank_of(graph, user.inputs[1]) == 0);
  });
}

// Gather(Transpose(x), constant scalar): take the slice first, so that each of q, k, v gets a transpose of its own.
Match gather_first(const Graph& graph, const Node& root) {
  const Node* inner = producer(graph, root.inputs[0], "Transpose");
  const int rank = rank_of(graph, root.inputs[0]);
  if (inner == nullptr || rank < 1 || !only_sliced(graph, root.inputs[0])) return no_match();
  if (!scalar(graph, root.inputs[1]) || rank_of(graph, root.inputs[1]) != 0) return no_match();
  const int axis = normal_axis(root.attrs.get_int("axis", 0), rank);
  const Ints perm = perm_of(graph, *inner);
  const std::int64_t source = perm[static_cast<std::size_t>(axis)];
  Ints rest;
  for (int i = 0; i < rank; ++i) {
    const std::int64_t from = perm[static_cast<std::size_t>(i)];
    if (i != axis) rest.push_back(from > source ? from - 1 : from);
  }
  ir::Patch patch = new_patch(graph, "gather_before_transpose");
  Attrs attrs = root.attrs;
  attrs.set("axis", source);
  INGOT_ASSIGN_OR_RETURN(const ValueId slice, rebuild(patch, root, {inner->inputs[0], root.inputs[1]}, attrs));
  INGOT_ASSIGN_OR_RETURN(const ValueId y, transpose(patch, slice, rest, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

Match split_first(const Graph& graph, const Node& root) {
  const Node* inner = producer(graph, root.inputs[0], "Transpose");
  const int rank = rank_of(graph, root.inputs[0]);
  if (inner == nullptr || rank < 1 || !only_sliced(graph, root.inputs[0])) return no_match();
  for (ValueId value : root.outputs)
    if (value == kNoValue || graph.is_output(value)) return no_match();
  const Ints perm = perm_of(graph, *inner);
  ir::Patch patch = new_patch(graph, "split_before_transpose");
  Attrs attrs = root.attrs;
  attrs.set("axis", perm[static_cast<std::size_t>(normal_axis(root.attrs.get_int("axis", 0), rank))]);
  std::vector<ValueId> operands = root.inputs;
  operands[0] = inner->inputs[0];
  INGOT_ASSIGN_OR_RETURN(const auto parts, patch.add_node("Split", operands, attrs, root.id, root.outputs.size()));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    INGOT_ASSIGN_OR_RETURN(const ValueId y, transpose(patch, parts[i], perm, root.id));
    patch.replace(root.outputs[i], y);
  }
  return std::optional<ir::Patch>(std::move(patch));
}

}  // namespace

Rules transpose_rules() {
  return {{"merge_transposes", {"Transpose"}, merge},
          {"transpose_of_equal_units", {"Transpose"}, equal_units},
          {"transpose_of_units", {"Transpose"}, only_units},
          {"unit_reshape_above_transpose", {"Reshape"}, unit_reshape_above},
          {"units_before_reshape", {"Reshape"}, units_before_reshape},
          {"gather_before_transpose", {"Gather"}, gather_first},
          {"split_before_transpose", {"Split"}, split_first}};
}

}  // namespace ingot::passes
