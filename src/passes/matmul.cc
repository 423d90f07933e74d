// SPDX-License-Identifier: Apache-2.0
// Matrix products take one form, MatMul with transA, transB, alpha and bias.
#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// Gemm(A, B, C) = alpha op(A) op(B) + beta C.
Match gemm(const Graph& graph, const Node& root) {
  const double alpha = root.attrs.get_float("alpha", 1.0);
  const double beta = root.attrs.get_float("beta", 1.0);
  ir::Patch patch = new_patch(graph, "gemm_to_matmul");
  Attrs attrs;
  if (root.attrs.get_int("transA", 0) != 0) attrs.set("transA", std::int64_t{1});
  if (root.attrs.get_int("transB", 0) != 0) attrs.set("transB", std::int64_t{1});
  if (alpha != 1.0) attrs.set("alpha", alpha);
  const ValueId c = input(root, 2);
  std::vector<ValueId> operands{root.inputs[0], root.inputs[1]};
  const bool is_bias = c != kNoValue && rank_of(graph, c) == 1 && same_shape(graph, c, c) &&
                       shape_of(graph, root.outputs[0]) != nullptr &&
                       shape_of(graph, c)->back() == shape_of(graph, root.outputs[0])->back();
  if (is_bias && beta == 1.0) operands.push_back(c);
  INGOT_ASSIGN_OR_RETURN(ValueId y, patch.add("MatMul", operands, attrs, root.id));
  if (c != kNoValue && operands.size() == 2 && beta != 0.0) {
    ValueId scaled = c;
    if (beta != 1.0) {
      const ValueId factor = scalar_constant(patch, dtype_of(graph, c), beta);
      INGOT_ASSIGN_OR_RETURN(scaled, patch.add("Mul", {c, factor}, {}, root.id));
    }
    INGOT_ASSIGN_OR_RETURN(y, patch.add("Add", {y, scaled}, {}, root.id));
  }
  return replace(std::move(patch), root.outputs[0], y);
}

bool swaps_last_two(const Ints& perm) {
  const std::size_t rank = perm.size();
  if (rank < 2) return false;
  for (std::size_t i = 0; i + 2 < rank; ++i)
    if (perm[i] != static_cast<std::int64_t>(i)) return false;
  return perm[rank - 1] == static_cast<std::int64_t>(rank - 2);
}

Match absorb(const Graph& graph, const Node& root) {
  for (std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const Node* transposed = producer(graph, root.inputs[i], "Transpose");
    if (transposed == nullptr || !swaps_last_two(perm_of(graph, *transposed))) continue;
    if (rank_of(graph, root.inputs[0]) < 2 || rank_of(graph, root.inputs[1]) < 2) continue;
    ir::Patch patch = new_patch(graph, "transpose_into_matmul");
    Attrs attrs = root.attrs;
    const std::string_view flag = i == 0 ? "transA" : "transB";
    if (attrs.get_int(flag, 0) != 0) {
      attrs.erase(flag);
    } else {
      attrs.set(flag, std::int64_t{1});
    }
    std::vector<ValueId> operands = root.inputs;
    operands[i] = transposed->inputs[0];
    INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, root, operands, attrs));
    return replace(std::move(patch), root.outputs[0], y);
  }
  return no_match();
}

}  // namespace

Rules matmul_rules() { return {{"gemm_to_matmul", {"Gemm"}, gemm}}; }

// A set of its own: attention is recognised by its transposes, so they may vanish only afterwards.
Rules matmul_transpose_rules() { return {{"transpose_into_matmul", {"MatMul"}, absorb}}; }

}  // namespace ingot::passes
