// SPDX-License-Identifier: Apache-2.0
#include "passes/graph_test_util.h"

namespace ingot::passes {
namespace {

using namespace testing;

const std::vector<Pass> kOrderRows = {
    {"pointwise", lift_pointwise_rules() + compose_pointwise_rules()},
    {"rows", &order_rows},
    {"tidy", identity_rules() + reshape_rules() + constant_folding_rules()},
};

Attrs axis(std::int64_t value) { return Attrs{{"axis", value}}; }
Attrs perm(Ints order) { return Attrs{{"perm", std::move(order)}}; }

ValueId norm(Builder& b, ValueId x, std::int64_t width) {
  return b.op("LayerNormalization", {x, b.weights({width}), b.weights({width})}, axis(-1));
}

// Images of 4 x 4 pixels, cut into windows of 2 x 2 after a roll by `shift`.
ValueId partition(Builder& b, ValueId x, std::int64_t images, std::int64_t width, std::int64_t shift) {
  if (shift != 0)
    for (const std::int64_t along : {1, 2}) x = b.op("Gather", {x, b.ints({1, 2, 3, 0})}, axis(along));
  x = b.op("Transpose", {b.op("Reshape", {x, b.ints({images, 2, 2, 2, 2, width})})}, perm({0, 1, 3, 2, 4, 5}));
  return b.op("Reshape", {x, b.ints({images * 4, 4, width})});
}
ValueId reverse(Builder& b, ValueId x, std::int64_t images, std::int64_t width, std::int64_t shift) {
  x = b.op("Transpose", {b.op("Reshape", {x, b.ints({images, 2, 2, 2, 2, width})})}, perm({0, 1, 3, 2, 4, 5}));
  x = b.op("Reshape", {x, b.ints({images, 4, 4, width})});
  if (shift != 0)
    for (const std::int64_t along : {1, 2}) x = b.op("Gather", {x, b.ints({3, 0, 1, 2})}, axis(along));
  return x;
}

// A block of a window transformer; what mixes the pixels of a window is a Softmax over them.
ValueId block(Builder& b, ValueId x, std::int64_t images, std::int64_t width, std::int64_t shift) {
  ValueId y = partition(b, norm(b, x, width), images, width, shift);
  y = b.op("MatMul", {y, b.weights({width, 2 * width})});
  y = b.op("MatMul", {b.op("Softmax", {y}, axis(1)), b.weights({2 * width, width})});
  x = b.op("Add", {x, reverse(b, y, images, width, shift)});
  y = b.op("Relu", {b.op("MatMul", {norm(b, x, width), b.weights({width, 3 * width})})});
  return b.op("Add", {b.op("MatMul", {y, b.weights({3 * width, width})}), x});
}

TEST(RowOrders, WindowsMoveRowsOnceForEachBlock) {
  for (const std::int64_t images : {1, 3}) {
    Builder b;
    ValueId x = b.in("x", {images, 4, 4, 6});
    x = block(b, x, images, 6, 0);
    x = block(b, x, images, 6, 1);
    b.out({b.op("ReduceMean", {x, b.ints({1, 2})})});
    rewrite(*b.graph, kOrderRows);
    EXPECT_EQ(count(*b.graph, "Transpose"), 0) << ir::print(*b.graph);
    EXPECT_EQ(count(*b.graph, "Gather"), 3) << ir::print(*b.graph);  // in, from one windowing to the other, out
  }
}

TEST(RowOrders, SwappedBatchAndSequenceNeverMove) {
  Builder b;
  const ValueId x = b.in("x", {3, 5, 8});
  ValueId y = b.op("Transpose", {norm(b, x, 8)}, perm({1, 0, 2}));
  y = b.op("MatMul", {y, b.weights({8, 4})});
  y = b.op("Reshape", {y, b.ints({15, 4})});
  y = b.op("Add", {b.op("MatMul", {y, b.weights({4, 8})}), b.weights({8})});
  y = b.op("Transpose", {b.op("Reshape", {y, b.ints({5, 3, 8})})}, perm({1, 0, 2}));
  b.out({b.op("Add", {x, y})});
  rewrite(*b.graph, kOrderRows);
  EXPECT_EQ(count(*b.graph, "Transpose") + count(*b.graph, "Gather"), 0) << ir::print(*b.graph);
}

TEST(RowOrders, WhatMovesOnceStays) {
  Builder b;
  const ValueId y = b.op("Transpose", {norm(b, b.in("x", {3, 5, 8}), 8)}, perm({1, 0, 2}));
  b.out({b.op("MatMul", {y, b.weights({8, 16})})});
  EXPECT_EQ(rewrite(*b.graph, std::vector<Pass>{{"rows", &order_rows}}), 0) << ir::print(*b.graph);
}

TEST(RowOrders, BroadcastAlongRowsStopsThem) {
  Builder b;  // one number for each place in the sequence: rows are not alike
  ValueId y = b.op("Transpose", {b.in("x", {3, 5, 8})}, perm({1, 0, 2}));
  y = b.op("Add", {y, b.in("places", {5, 1, 1})});
  b.out({b.op("Transpose", {y}, perm({1, 0, 2}))});
  rewrite(*b.graph, kOrderRows);
  EXPECT_EQ(count(*b.graph, "Transpose"), 2) << ir::print(*b.graph);
}

TEST(RowOrders, OutputsKeepTheirOrder) {
  Builder b;
  const ValueId x = b.in("x", {3, 5, 8});
  const ValueId y = b.op("MatMul", {b.op("Transpose", {x}, perm({1, 0, 2})), b.weights({8, 8})});
  b.out({y, b.op("Add", {b.op("Transpose", {y}, perm({1, 0, 2})), x})});
  rewrite(*b.graph, kOrderRows);
  EXPECT_LE(count(*b.graph, "Transpose") + count(*b.graph, "Gather"), 2) << ir::print(*b.graph);
}

ValueId every_second(Builder& b, ValueId x, std::int64_t row, std::int64_t column) {
  const auto all = std::numeric_limits<std::int64_t>::max();
  x = b.op("Slice", {x, b.ints({row}), b.ints({all}), b.ints({1}), b.ints({2})});
  return b.op("Slice", {x, b.ints({column}), b.ints({all}), b.ints({2}), b.ints({2})});
}

TEST(StridedSlices, NeighboursBecomeChannels) {
  for (const bool columns_first : {false, true}) {
    Builder b;
    const ValueId x = b.in("x", {2, 4, 6, 3});
    std::vector<ValueId> parts;
    for (std::int64_t i = 0; i < 4; ++i)
      parts.push_back(columns_first ? every_second(b, x, i / 2, i % 2) : every_second(b, x, i % 2, i / 2));
    b.out({b.op("Concat", parts, axis(-1))});
    rewrite(*b.graph, strided_slice_rules());
    EXPECT_EQ(count(*b.graph, "Slice") + count(*b.graph, "Concat"), 0) << ir::print(*b.graph);
    EXPECT_EQ(count(*b.graph, "Transpose"), 1);
  }
}

TEST(StridedSlices, MissingPartsStay) {
  Builder b;
  const ValueId x = b.in("x", {2, 4, 6, 3});
  b.out({b.op("Concat", {every_second(b, x, 0, 0), every_second(b, x, 1, 1)}, axis(-1))});
  EXPECT_EQ(rewrite(*b.graph, strided_slice_rules()), 0);
  Builder twice;
  const ValueId z = twice.in("x", {2, 4, 6, 3});
  twice.out({twice.op("Concat",
                      {every_second(twice, z, 0, 0), every_second(twice, z, 1, 0), every_second(twice, z, 0, 1),
                       every_second(twice, z, 0, 1)},
                      axis(-1))});
  EXPECT_EQ(rewrite(*twice.graph, strided_slice_rules()), 0);
}

TEST(StridedSlices, OddSizesStay) {
  Builder b;
  const ValueId x = b.in("x", {2, 5, 3});
  const auto all = std::numeric_limits<std::int64_t>::max();
  const ValueId even = b.op("Slice", {x, b.ints({0}), b.ints({4}), b.ints({1}), b.ints({2})});
  const ValueId odd = b.op("Slice", {x, b.ints({1}), b.ints({all}), b.ints({1}), b.ints({2})});
  b.out({b.op("Concat", {even, odd}, axis(-1))});
  EXPECT_EQ(rewrite(*b.graph, strided_slice_rules()), 0);
}

}  // namespace
}  // namespace ingot::passes
