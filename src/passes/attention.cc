// SPDX-License-Identifier: Apache-2.0
// Attention: softmax(scale * Q K^T + mask) V with Q [B, H, S, D], K and V [B, H, T, D], or without the axis B.
//
// The scale may stand on Q, on K, on both, or on the scores, as a product or a quotient; the mask may be a sum of
// several operands, a Where over a large negative number, or the shifted-window form of Swin, where the scores are
// viewed as [1, windows, H, S, S] for a moment. Transposes [B, S, H, D] -> [B, H, S, D] of Q, K and V and the inverse
// of the result are absorbed: the node then has bshd=1.
#include <algorithm>
#include <array>
#include <cmath>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

const Ints kSwapHeads{0, 2, 1, 3};

struct Mask {
  ValueId value = kNoValue;
  bool drop_first = false;          // of Swin: a leading extent of 1 goes away, and the rest may repeat over the batch
  std::optional<double> otherwise;  // value is a condition: 0 where it holds, else this
  bool inverted = false;            // 0 where the condition does not hold
};

struct Found {
  ValueId q = kNoValue, k = kNoValue, v = kNoValue;
  double scale = 1;
  std::vector<Mask> masks;
  bool k_transposed = false;  // k is [.., D, T]
};

// Mul or Div by a number: that factor and the other operand.
std::optional<ScalarOperand> scaled(const Graph& graph, ValueId value) {
  const Node* node = graph.producer(value);
  if (node == nullptr || (node->op != "Mul" && node->op != "Div")) return std::nullopt;
  auto operand = scalar_operand(graph, *node);
  if (!operand || !same_shape(graph, operand->other, value)) return std::nullopt;
  if (node->op == "Div") {
    if (node->inputs[0] != operand->other) return std::nullopt;
    operand->value = 1.0 / operand->value;
  }
  return operand;
}

ValueId strip_scale(const Graph& graph, ValueId value, double& scale) {
  while (const auto operand = scaled(graph, value)) {
    scale *= operand->value;
    value = operand->other;
  }
  return value;
}

// The product behind the scores comes through these.
bool is_score_step(const Graph& graph, ValueId value) {
  const Node* node = graph.producer(value);
  if (node == nullptr) return false;
  static constexpr std::string_view kSteps[] = {"MatMul", "Add", "Mul", "Div", "Where", "Reshape"};
  return std::find(std::begin(kSteps), std::end(kSteps), node->op) != std::end(kSteps);
}

// Walks from the softmax's operand to the product Q K^T, collecting scale and masks.
bool walk_scores(const Graph& graph, ValueId value, Found& found, int depth = 0) {
  const Node* node = graph.producer(value);
  if (node == nullptr || depth > 8 || (!used_once(graph, value))) return false;
  if (node->op == "MatMul") {
    if (input(*node, 2) != kNoValue || node->attrs.has("epilogue") || node->attrs.get_int("transA", 0) != 0)
      return false;
    found.q = node->inputs[0];
    found.k = node->inputs[1];
    found.k_transposed = node->attrs.get_int("transB", 0) == 0;
    found.scale *= node->attrs.get_float("alpha", 1.0);
    return true;
  }
  if (const auto operand = scaled(graph, value)) {
    found.scale *= operand->value;
    return walk_scores(graph, operand->other, found, depth + 1);
  }
  if (found.scale != 1) return false;  // a mask below a factor would have to be scaled as well
  if (node->op == "Add") {
    for (std::size_t i : {std::size_t{0}, std::size_t{1}}) {
      const ValueId scores = node->inputs[i], mask = node->inputs[1 - i];
      if (!is_score_step(graph, scores) || !same_shape(graph, scores, value)) continue;
      Found attempt = found;
      attempt.masks.push_back({mask, false, std::nullopt, false});
      if (!walk_scores(graph, scores, attempt, depth + 1)) continue;
      found = attempt;
      return true;
    }
    return false;
  }
  if (node->op == "Where") {
    for (std::size_t i : {std::size_t{1}, std::size_t{2}}) {
      const ValueId scores = node->inputs[i];
      const auto number = splat(graph, node->inputs[3 - i]);
      if (!number || *number > -1e4 || !same_shape(graph, scores, value)) continue;
      found.masks.push_back({node->inputs[0], false, *number, i == 2});
      return walk_scores(graph, scores, found, depth + 1);
    }
    return false;
  }
  if (node->op != "Reshape") return false;
  // [B * W, H, S, S] <- [B, W, H, S, S] + mask of [1, W, ...] <- [B * W, H, S, S]
  const Node* sum = sole_producer(graph, node->inputs[0], "Add");
  if (sum == nullptr) return false;
  for (std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const Node* view = sole_producer(graph, sum->inputs[i], "Reshape");
    const SymShape* windows = shape_of(graph, sum->inputs[i]);
    const ValueId mask = sum->inputs[1 - i];
    if (view == nullptr || windows == nullptr || windows->size() != 5) continue;
    if (!same_shape(graph, view->inputs[0], value) || !same_shape(graph, sum->inputs[i], node->inputs[0])) continue;
    const SymShape* of_mask = shape_of(graph, mask);
    if (of_mask == nullptr || of_mask->size() != 5 || !((*of_mask)[0] == Dim(1)) || !((*of_mask)[1] == (*windows)[1]))
      continue;
    const SymShape& scores = *shape_of(graph, value);
    if (!std::equal(windows->begin() + 2, windows->end(), scores.begin() + 1, scores.end())) continue;
    found.masks.push_back({mask, true, std::nullopt, false});
    return walk_scores(graph, view->inputs[0], found, depth + 1);
  }
  return false;
}

// softmax(scores) behind the left operand of the second product: PyTorch may guard rows that are masked entirely.
const Node* find_softmax(const Graph& graph, ValueId weights) {
  if (const Node* guard = sole_producer(graph, weights, "Where")) {
    const Node* test = sole_producer(graph, guard->inputs[0], "IsNaN");
    const ValueId guarded = guard->inputs[2];
    if (test == nullptr || test->inputs[0] != guarded || splat(graph, guard->inputs[1]) != 0.0) return nullptr;
    if (graph.value(guarded).uses.size() != 2 || graph.is_output(guarded)) return nullptr;
    return producer(graph, guarded, "Softmax");
  }
  return sole_producer(graph, weights, "Softmax");
}

// A constant mask that lets row i see columns up to i.
bool is_causal_mask(const Graph& graph, const Mask& mask) {
  const HostTensor* tensor = graph.constant(mask.value);
  if (tensor == nullptr || tensor->rank() < 2) return false;
  const auto rank = static_cast<std::size_t>(tensor->rank());
  const std::int64_t size = tensor->shape()[rank - 1];
  if (size < 2 || tensor->shape()[rank - 2] != size || tensor->elements() != size * size) return false;
  for (std::int64_t e = 0; e < size * size; ++e) {
    double value = tensor->as_double(e);
    if (mask.otherwise) value = (value != 0) != mask.inverted ? 0.0 : *mask.otherwise;
    if (e % size <= e / size ? value != 0.0 : value > -1e4) return false;
  }
  return true;
}

// One additive operand of rank 4 and the type of the scores.
Result<ValueId> additive(ir::Patch& patch, const Graph& graph, const Mask& mask, DType dtype, int score_rank,
                         ir::NodeId origin) {
  ValueId value = mask.value;
  if (mask.otherwise) {
    const ValueId zero = scalar_constant(patch, dtype, 0.0), big = scalar_constant(patch, dtype, *mask.otherwise);
    std::vector<ValueId> operands{value, zero, big};
    if (mask.inverted) std::swap(operands[1], operands[2]);
    INGOT_ASSIGN_OR_RETURN(value, patch.add("Where", operands, {}, origin));
  }
  SymShape shape = *shape_of(graph, mask.value);
  if (mask.drop_first) shape.erase(shape.begin());
  if (score_rank == 3) shape.insert(shape.end() - std::min<std::ptrdiff_t>(2, std::ssize(shape)), Dim(1));
  shape.insert(shape.begin(), 4 - std::min<std::size_t>(4, shape.size()), Dim(1));
  return reshape(patch, value, shape, origin);
}

struct Source {
  ValueId value;
  Ints perm;
};
// Looks through a transpose.
Source source_of(const Graph& graph, ValueId value, const Ints& then) {
  const Node* node = producer(graph, value, "Transpose");
  if (node == nullptr) return {value, then};
  return {node->inputs[0], compose_perms(perm_of(graph, *node), then)};
}

SymShape shape_as(const Graph& graph, const Source& source) {
  return permuted(*shape_of(graph, source.value), source.perm);
}

bool shapes_fit(const SymShape& q, const SymShape& k, const SymShape& v) {
  // [B, H, S, D], [B, H, T, D], [B, H, T, E]
  for (std::size_t i = 0; i + 2 < q.size(); ++i)
    if (!(q[i] == k[i]) || !(q[i] == v[i])) return false;
  return q[q.size() - 1] == k[k.size() - 1] && k[k.size() - 2] == v[v.size() - 2];
}

// The extent of the mask along the batch of scores of rank 4.
Dim batch_of(const Graph& graph, const Mask& mask) {
  const SymShape& shape = *shape_of(graph, mask.value);
  if (mask.drop_first) return shape[1];
  return shape.size() < 4 ? Dim(1) : shape[0];
}

// The extent along the batch of masks that repeat over it; nullopt when there are none.
std::optional<Dim> mask_period(const Graph& graph, const std::vector<Mask>& masks, const SymShape& scores) {
  for (const Mask& mask : masks) {
    const Dim batch = batch_of(graph, mask);
    if (mask.drop_first && !(batch == Dim(1)) && !(batch == scores[0])) return batch;
  }
  return std::nullopt;
}

// Whether additive() can bring every mask to the scores, and all of them to their sum.
bool masks_fit(const Graph& graph, const std::vector<Mask>& masks, const SymShape& scores) {
  const bool known = std::all_of(masks.begin(), masks.end(), [&](const Mask& mask) {
    const SymShape* shape = shape_of(graph, mask.value);
    // The operator takes a last dimension of 1 for a mask of the first key alone.
    return shape != nullptr && shape->size() <= scores.size() + (mask.drop_first ? 1 : 0) && !shape->empty() &&
           !(shape->back() == Dim(1));
  });
  if (!known) return false;
  const std::optional<Dim> period = mask_period(graph, masks, scores);
  return !period || std::all_of(masks.begin(), masks.end(), [&](const Mask& mask) {
    const Dim batch = batch_of(graph, mask);
    return batch == Dim(1) || batch == *period;
  });
}

// Q, K and V without the transposes and scales in front of them.
struct Operands {
  std::array<Source, 3> sources;
  double scale = 1;
};
std::optional<Operands> operands_of(const Graph& graph, const Found& found, int rank) {
  for (const ValueId value : {found.q, found.k, found.v})
    if (rank_of(graph, value) != rank) return std::nullopt;
  Ints plain(static_cast<std::size_t>(rank));
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<std::int64_t>(i);
  Ints swapped = plain;
  if (found.k_transposed) std::swap(swapped[plain.size() - 1], swapped[plain.size() - 2]);
  Operands out;
  out.scale = found.scale;
  // A scale may stand on either side of a transpose.
  const auto resolve = [&](ValueId value, const Ints& then) {
    Source source = source_of(graph, strip_scale(graph, value, out.scale), then);
    const ValueId inner = strip_scale(graph, source.value, out.scale);
    return inner == source.value ? source : source_of(graph, inner, source.perm);
  };
  out.sources = {resolve(found.q, plain), resolve(found.k, swapped), source_of(graph, found.v, plain)};
  for (const Source& source : out.sources)
    if (rank_of(graph, source.value) != rank) return std::nullopt;
  const auto& [q, k, v] = out.sources;
  return shapes_fit(shape_as(graph, q), shape_as(graph, k), shape_as(graph, v)) ? std::optional(out) : std::nullopt;
}

// A permutation of [B, S, H, D] that leaves heads and what they hold in place.
bool keeps_heads(const Ints& perm) { return perm[2] == 2 && perm[3] == 3; }

// Whether [B, S, H, D] saves transposes, or leaves only such as move whole positions: three of the four operands.
bool prefers_bshd(const Graph& graph, const Node& root, const Operands& operands) {
  const Node* user = sole_user(graph, root.outputs[0]);
  int gain = user != nullptr && user->op == "Transpose" && keeps_heads(compose_perms(kSwapHeads, perm_of(graph, *user)))
                 ? 1
                 : 0;
  for (const Source& source : operands.sources) gain += keeps_heads(compose_perms(source.perm, kSwapHeads)) ? 1 : 0;
  return gain >= 3;
}

// [S, B * H, D] -> [B * H, S, D] -> [B, H, S, D]: the operands of PyTorch's module. Its heads are parted first.
Match part_heads_first(const Graph& graph, const Node& root) {
  const Node* user = sole_user(graph, root.outputs[0]);
  const Node* turned = sole_producer(graph, root.inputs[0], "Transpose");
  const SymShape* result = shape_of(graph, root.outputs[0]);
  const SymShape* source = turned != nullptr ? shape_of(graph, turned->inputs[0]) : nullptr;
  if (user == nullptr || source == nullptr || result == nullptr || source->size() != 3 || result->size() != 4 ||
      perm_of(graph, *turned) != Ints{1, 0, 2})
    return no_match();
  const SymShape& r = *result;
  const SymShape wanted{(*source)[0], r[0], r[1], r[3]};
  if (!(r[0] * r[1] == (*source)[1]) || !(r[2] == (*source)[0]) || !(r[3] == (*source)[2]) ||
      !is_reshape_target(graph, wanted))
    return no_match();
  ir::Patch patch = new_patch(graph, "part_heads_first");
  INGOT_ASSIGN_OR_RETURN(ValueId y, reshape(patch, turned->inputs[0], wanted, root.id));
  INGOT_ASSIGN_OR_RETURN(y, transpose(patch, y, {1, 2, 0, 3}, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

// The operand of the new node: [B, H, S, D], [B, S, H, D] when `bshd`; of rank 3 with a single head.
Result<ValueId> arranged(ir::Patch& patch, const Graph& graph, const Source& source, bool bshd, ir::NodeId origin) {
  if (source.perm.size() == 4)
    return transpose(patch, source.value, bshd ? compose_perms(source.perm, kSwapHeads) : source.perm, origin);
  INGOT_ASSIGN_OR_RETURN(const ValueId operand, transpose(patch, source.value, source.perm, origin));
  SymShape shape = shape_as(graph, source);
  shape.insert(shape.begin() + 1, Dim(1));
  return reshape(patch, operand, shape, origin);
}

// The sum of all masks as a fourth operand, kNoValue where there is none; or is_causal among the attributes.
Result<ValueId> mask_operand(ir::Patch& patch, const Graph& graph, const Node& root, const std::vector<Mask>& masks,
                             Attrs& attrs) {
  const DType dtype = dtype_of(graph, root.outputs[0]);
  if (masks.size() == 1 && !masks[0].drop_first && is_causal_mask(graph, masks[0])) {
    attrs.set("is_causal", std::int64_t{1});
    return kNoValue;
  }
  if (mask_period(graph, masks, *shape_of(graph, root.outputs[0]))) attrs.set("mask_repeats", std::int64_t{1});
  ValueId sum = kNoValue;
  for (const Mask& one : masks) {
    INGOT_ASSIGN_OR_RETURN(const ValueId summand,
                           additive(patch, graph, one, dtype, rank_of(graph, root.outputs[0]), root.id));
    if (sum == kNoValue) {
      sum = summand;
    } else {
      INGOT_ASSIGN_OR_RETURN(sum, patch.add("Add", {summand, sum}, {}, root.id));
    }
  }
  return sum;
}

Match attention(const Graph& graph, const Node& root) {
  const int rank = rank_of(graph, root.outputs[0]);
  if ((rank != 3 && rank != 4) || input(root, 2) != kNoValue || !root.attrs.empty()) return no_match();
  if (!is_float(dtype_of(graph, root.outputs[0]))) return no_match();
  const Node* softmax = find_softmax(graph, root.inputs[0]);
  if (softmax == nullptr || normal_axis(softmax->attrs.get_int("axis", -1), rank) != rank - 1) return no_match();
  if (softmax->attrs.has("epilogue") || rank_of(graph, softmax->inputs[0]) != rank) return no_match();
  Found found;
  found.v = root.inputs[1];
  if (!walk_scores(graph, softmax->inputs[0], found) ||
      !masks_fit(graph, found.masks, *shape_of(graph, root.outputs[0])))
    return no_match();
  const auto operands = operands_of(graph, found, rank);
  if (!operands) return no_match();
  if (rank == 3)
    for (const Source& source : operands->sources)
      if (!is_reshape_target(graph, shape_as(graph, source))) return no_match();

  ir::Patch patch = new_patch(graph, "attention");
  const bool bshd = rank == 4 && prefers_bshd(graph, root, *operands);
  Attrs attrs{{"scale", operands->scale}};
  if (bshd) attrs.set("bshd", std::int64_t{1});
  std::vector<ValueId> inputs;
  for (const Source& source : operands->sources) {
    INGOT_ASSIGN_OR_RETURN(const ValueId operand, arranged(patch, graph, source, bshd, root.id));
    inputs.push_back(operand);
  }
  INGOT_ASSIGN_OR_RETURN(const ValueId mask, mask_operand(patch, graph, root, found.masks, attrs));
  if (mask != kNoValue) inputs.push_back(mask);
  INGOT_ASSIGN_OR_RETURN(ValueId y, patch.add("Attention", inputs, attrs, root.id));
  if (bshd) {
    INGOT_ASSIGN_OR_RETURN(y, transpose(patch, y, kSwapHeads, root.id));
  } else if (rank == 3) {
    INGOT_ASSIGN_OR_RETURN(y, reshape(patch, y, *shape_of(graph, root.outputs[0]), root.id));
  }
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules attention_rules() {
  return {{"part_heads_first", {"Reshape"}, part_heads_first}, {"attention", {"MatMul"}, attention}};
}

}  // namespace ingot::passes
