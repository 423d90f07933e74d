// SPDX-License-Identifier: Apache-2.0
#include "passes/graph_test_util.h"

namespace ingot::passes {
namespace {

using namespace testing;

Attrs perm(Ints order) { return Attrs{{"perm", std::move(order)}}; }
Attrs axis(std::int64_t value) { return Attrs{{"axis", value}}; }

// PyTorch's MultiheadAttention of [2 images, 5 places, 12], 3 heads: everything in [places, images, ...].
Builder multihead_graph() {
  Builder b;
  const ValueId x = b.in("x", {2, 5, 12});
  ValueId packed = b.op("MatMul", {b.op("Transpose", {x}, perm({1, 0, 2})), b.weights({12, 36})});
  packed = b.op("Reshape", {b.op("Add", {packed, b.weights({36})}), b.ints({5, 2, 3, 12})});
  const auto heads = [&](std::int64_t which) {
    const ValueId part = b.op("Gather", {packed, b.index(which)}, axis(2));
    const ValueId turned = b.op("Transpose", {b.op("Reshape", {part, b.ints({5, 6, 4})})}, perm({1, 0, 2}));
    return b.op("Reshape", {turned, b.ints({2, 3, 5, 4})});
  };
  const ValueId q = heads(0), k = b.op("Transpose", {heads(1)}, perm({0, 1, 3, 2})), v = heads(2);
  ValueId y = b.op("Softmax", {b.op("Mul", {b.op("MatMul", {q, k}), b.number(0.5)})}, axis(-1));
  y = b.op("Transpose", {b.op("MatMul", {y, v})}, perm({2, 0, 1, 3}));
  y = b.op("MatMul", {b.op("Reshape", {y, b.ints({10, 12})}), b.weights({12, 12})});
  y = b.op("Transpose", {b.op("Reshape", {y, b.ints({5, 2, 12})})}, perm({1, 0, 2}));
  b.out({b.op("Add", {x, y})});
  return b;
}

TEST(AttentionRows, SwapsOfBatchAndSequenceVanish) {
  Builder b = multihead_graph();
  const Rules tidy = identity_rules() + reshape_rules() + transpose_rules() + constant_folding_rules();
  rewrite(*b.graph, {{"attention", attention_rules() + tidy},
                     {"bias", weight_folding_rules() + tidy},
                     {"pointwise", lift_pointwise_rules()},
                     {"swaps", attention_rows_rules()},
                     {"rows", &order_rows},
                     {"tidy", tidy}});
  const ir::Node* node = first(*b.graph, "Attention");
  ASSERT_NE(node, nullptr) << ir::print(*b.graph);
  EXPECT_EQ(node->attrs.get_int("bshd", 0), 1);
  EXPECT_EQ(count(*b.graph, "Transpose"), 0) << ir::print(*b.graph);
  EXPECT_EQ(count(*b.graph, "Gather"), 3) << ir::print(*b.graph);
}

}  // namespace
}  // namespace ingot::passes
