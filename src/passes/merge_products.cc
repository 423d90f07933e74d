// SPDX-License-Identifier: Apache-2.0
// Products of one tensor with several constant matrices, whose results only an Attention reads, become one product with
// the matrices side by side: it reads its input once, and is one step instead of three. The parts are slices of its
// columns, which `attention_columns` then reads in place.
#include <algorithm>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// x * W (+ bias) behind a view of it.
struct Part {
  const Node* product = nullptr;
  std::int64_t columns = 0;
};

std::optional<Part> part_of(const Graph& graph, ValueId operand) {
  const Node* node = used_once(graph, operand) ? graph.producer(operand) : nullptr;
  if (node != nullptr && node->op == "Reshape")
    node = used_once(graph, node->inputs[0]) ? graph.producer(node->inputs[0]) : nullptr;
  if (node == nullptr || node->op != "MatMul" || node->attrs.has("epilogue") || node->attrs.has("exact"))
    return std::nullopt;
  const HostTensor* weights = graph.constant(node->inputs[1]);
  if (weights == nullptr || weights->rank() != 2 || graph.value(node->inputs[1]).uses.size() != 1 ||
      graph.is_output(node->inputs[1]) || !is_float(weights->dtype()) || bits_of(weights->dtype()) < 16 ||
      node->attrs.get_int("transA", 0) != 0 || rank_of(graph, node->inputs[0]) < 2)
    return std::nullopt;
  const std::int64_t columns = weights->shape()[node->attrs.get_int("transB", 0) != 0 ? 0 : 1];
  if (const ValueId bias = input(*node, 2); bias != kNoValue) {
    const HostTensor* numbers = graph.constant(bias);
    if (numbers == nullptr || numbers->elements() != columns || numbers->rank() != 1) return std::nullopt;
  }
  return Part{node, columns};
}

bool may_join(const Part& a, const Part& b) {
  return a.product->inputs[0] == b.product->inputs[0] && a.product->attrs == b.product->attrs &&
         a.product != b.product && (input(*a.product, 2) == kNoValue) == (input(*b.product, 2) == kNoValue);
}

// The operands `index` of all parts side by side along the columns; `rows` of them, 1 where they are vectors or lie
// transposed.
Result<TensorPtr> side_by_side(const Graph& graph, const std::vector<Part>& parts, std::size_t index, std::int64_t rows,
                               Shape shape) {
  const DType dtype = graph.constant(parts[0].product->inputs[index])->dtype();
  INGOT_ASSIGN_OR_RETURN(HostTensor all, HostTensor::create(dtype, std::move(shape)));
  std::byte* to = all.mutable_bytes().data();
  for (std::int64_t row = 0; row < rows; ++row)
    for (const Part& part : parts) {
      const auto bytes = graph.constant(part.product->inputs[index])->bytes();
      const std::size_t length = bytes.size() / static_cast<std::size_t>(rows);
      to = std::copy_n(bytes.data() + static_cast<std::size_t>(row) * length, length, to);
    }
  return share(std::move(all));
}

Match merge(const Graph& graph, const Node& root) {
  std::vector<std::optional<Part>> found;
  for (std::size_t i = 0; i < 3; ++i) found.push_back(part_of(graph, root.inputs[i]));
  for (std::size_t first = 0; first < 2; ++first) {
    if (!found[first]) continue;
    std::vector<Part> parts{*found[first]};
    for (std::size_t i = first + 1; i < 3; ++i)
      if (found[i] && may_join(parts[0], *found[i])) parts.push_back(*found[i]);
    if (parts.size() < 2) continue;
    const Node& product = *parts[0].product;
    const bool transposed = product.attrs.get_int("transB", 0) != 0;
    const Shape& shape = graph.constant(product.inputs[1])->shape();
    const std::int64_t depth = shape[transposed ? 1 : 0];
    std::int64_t columns = 0;
    for (const Part& part : parts) columns += part.columns;
    ir::Patch patch = new_patch(graph, "merge_products");
    std::vector<ValueId> operands{product.inputs[0]};
    INGOT_ASSIGN_OR_RETURN(TensorPtr weights, side_by_side(graph, parts, 1, transposed ? 1 : depth,
                                                           transposed ? Shape{columns, depth} : Shape{depth, columns}));
    operands.push_back(patch.add_constant(graph.value(product.inputs[1]).name, std::move(weights)));
    if (input(product, 2) != kNoValue) {
      INGOT_ASSIGN_OR_RETURN(TensorPtr bias, side_by_side(graph, parts, 2, 1, {columns}));
      operands.push_back(patch.add_constant(graph.value(product.inputs[2]).name, std::move(bias)));
    }
    INGOT_ASSIGN_OR_RETURN(const ValueId all, rebuild(patch, product, operands, product.attrs));
    for (std::size_t i = 1; i < parts.size(); ++i) patch.also_from(all, parts[i].product->id);
    std::int64_t begin = 0;
    for (const Part& part : parts) {
      const ValueId from = int_constant(patch, {begin}), to = int_constant(patch, {begin + part.columns});
      INGOT_ASSIGN_OR_RETURN(const ValueId slice,
                             patch.add("Slice", {all, from, to, int_constant(patch, {-1})}, {}, part.product->id));
      patch.replace(part.product->outputs[0], slice);
      begin += part.columns;
    }
    return std::optional<ir::Patch>(std::move(patch));
  }
  return no_match();
}

}  // namespace

Rules merge_products_rules() { return {{"merge_products", {"Attention"}, merge}}; }

}  // namespace ingot::passes
