// SPDX-License-Identifier: Apache-2.0
// Parts of a convolution's channels.
#include "passes/graph_test_util.h"

namespace ingot::passes {
namespace {

using namespace testing;

const Attrs kSame{{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}};
Attrs axis(std::int64_t value) { return Attrs{{"axis", value}}; }

struct Parts : Builder {
  ValueId y;
  explicit Parts(std::int64_t channels, bool bias = true) {
    std::vector<ValueId> operands{in("x", {2, 4, 5, 6}), weights({channels, 4, 3, 3})};
    if (bias) operands.push_back(weights({channels}));
    y = op("Conv", operands, kSame);
  }
  ValueId slice(std::int64_t first, std::int64_t last, std::int64_t along = 1) {
    return op("Slice", {y, ints({first}), ints({last}), ints({along})});
  }
};

TEST(ChannelParts, OneUserTakesItsChannels) {
  for (const bool bias : {true, false}) {
    Parts b(12, bias);
    b.out({b.op("Relu", {b.op("Gather", {b.y, b.ints({7, 2, -1, 0})}, axis(1))})});
    EXPECT_EQ(rewrite(*b.graph, take_channels_rules()), 1);
    EXPECT_EQ(count(*b.graph, "Gather"), 0) << ir::print(*b.graph);
  }
  Parts b(12);
  b.out({b.op("Relu", {b.slice(-5, 100)})});
  EXPECT_EQ(rewrite(*b.graph, take_channels_rules()), 1);
  EXPECT_EQ(b.graph->constant(first(*b.graph, "Conv")->inputs[1])->shape()[0], 5);
}

TEST(ChannelParts, OffsetsAndMaskAreConvolutionsOfTheirOwn) {
  // o1, o2, mask = chunk(conv(x), 3); offset = cat(o1, o2)
  Parts b(27);
  const std::vector<ValueId> thirds = b.ops("Split", {b.y, b.ints({9, 9, 9})}, axis(1), 3);
  b.out({b.op("Concat", {thirds[0], thirds[1]}, axis(1)), b.op("Sigmoid", {thirds[2]})});
  rewrite(*b.graph, roll_rules());
  rewrite(*b.graph, part_convolution_rules());
  rewrite(*b.graph, std::vector<Pass>{{"test", &remove_dead_code}});
  EXPECT_EQ(count(*b.graph, "Conv"), 2) << ir::print(*b.graph);
  EXPECT_EQ(b.graph->node_count(), 3U) << ir::print(*b.graph);
}

TEST(ChannelParts, WhatElseUsesTheConvolutionKeepsItWhole) {
  {
    Parts b(27);
    b.out({b.slice(0, 18), b.op("Relu", {b.y})});
    EXPECT_EQ(rewrite(*b.graph, take_channels_rules() + part_convolution_rules()), 0);
  }
  {
    Parts b(27);
    b.out({b.y, b.slice(18, 27)});
    EXPECT_EQ(rewrite(*b.graph, take_channels_rules() + part_convolution_rules()), 0);
  }
  {  // rows of the image
    Parts b(27);
    b.out({b.slice(0, 2, 2), b.slice(2, 5, 2)});
    EXPECT_EQ(rewrite(*b.graph, take_channels_rules() + part_convolution_rules()), 0);
  }
  {  // channels that would be computed twice, and wide ones
    Parts twice(8), wide(200);
    twice.out({twice.slice(0, 6), twice.slice(2, 8)});
    wide.out({wide.slice(0, 100), wide.slice(100, 200)});
    EXPECT_EQ(rewrite(*twice.graph, part_convolution_rules()) + rewrite(*wide.graph, part_convolution_rules()), 0);
  }
}

}  // namespace
}  // namespace ingot::passes
