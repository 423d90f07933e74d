// SPDX-License-Identifier: Apache-2.0
#include "passes/graph_test_util.h"

namespace ingot::passes {
namespace {

using namespace testing;

struct Projections {
  bool bias = true, transposed = false;
  Shape of_value{8, 12};
};

Builder projections_graph(const Projections& form) {
  Builder b;
  const ValueId x = b.in("x", {2, 5, 8});
  const auto heads = [&](const Shape& shape) {
    const Attrs attrs = form.transposed ? Attrs{{"transB", std::int64_t{1}}} : Attrs();
    std::vector<ValueId> operands{x, b.weights(form.transposed ? Shape{shape[1], shape[0]} : shape)};
    if (form.bias) operands.push_back(b.weights({shape[1]}));
    return b.op("Reshape", {b.op("MatMul", operands, attrs), b.ints({2, 5, 3, -1})});
  };
  const ValueId q = heads({8, 12}), k = heads({8, 12}), v = heads(form.of_value);
  b.out({b.op("Attention", {q, k, v}, Attrs{{"bshd", std::int64_t{1}}})});
  return b;
}

TEST(MergeProducts, ProjectionsOfOneInputAreOneProduct) {
  for (const Projections& form :
       {Projections{}, Projections{false, false}, Projections{true, true}, Projections{true, false, {8, 24}}}) {
    Builder b = projections_graph(form);
    rewrite(*b.graph, merge_products_rules());
    EXPECT_EQ(count(*b.graph, "MatMul"), 1) << ir::print(*b.graph);
    EXPECT_EQ(count(*b.graph, "Slice"), 3);
  }
}

TEST(MergeProducts, KeysAndValuesOfAnotherInput) {
  Builder b;
  const ValueId x = b.in("x", {2, 5, 8}), memory = b.in("memory", {2, 7, 8});
  const auto heads = [&](ValueId of) {
    return b.op("Reshape", {b.op("MatMul", {of, b.weights({8, 12})}), b.ints({2, -1, 3, 4})});
  };
  const ValueId q = heads(x), k = heads(memory), v = heads(memory);
  b.out({b.op("Attention", {q, k, v}, Attrs{{"bshd", std::int64_t{1}}})});
  rewrite(*b.graph, merge_products_rules());
  EXPECT_EQ(count(*b.graph, "MatMul"), 2) << ir::print(*b.graph);
}

TEST(MergeProducts, WhatOthersReadStays) {
  Builder b;
  const ValueId x = b.in("x", {2, 5, 8});
  std::vector<ValueId> products, heads;
  for (int i = 0; i < 3; ++i) {
    products.push_back(b.op("MatMul", {x, b.weights({8, 12})}));
    heads.push_back(b.op("Reshape", {products.back(), b.ints({2, 5, 3, 4})}));
  }
  b.out({b.op("Attention", heads, Attrs{{"bshd", std::int64_t{1}}}), products[0], b.op("Relu", {products[1]})});
  EXPECT_EQ(rewrite(*b.graph, merge_products_rules()), 0) << ir::print(*b.graph);
}

}  // namespace
}  // namespace ingot::passes
