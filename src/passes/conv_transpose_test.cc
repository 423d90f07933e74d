// SPDX-License-Identifier: Apache-2.0
#include "passes/graph_test_util.h"

namespace ingot::passes {
namespace {

using namespace testing;

struct Case {
  std::int64_t group, in, out;  // channels of one group
  Shape size;                   // of the input
  Ints kernel, strides, pads, output_padding, dilations;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {1, 3, 2, {4, 5}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {0, 0}, {1, 1}},  // no overlap
      {1, 3, 2, {4, 5}, {4, 4}, {2, 2}, {1, 1, 1, 1}, {0, 0}, {1, 1}},  // every phase has all its taps
      {1, 2, 3, {4, 3}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, {1, 1}},  // phases of different lengths
      {2, 2, 3, {4, 3}, {3, 4}, {2, 3}, {0, 1, 2, 0}, {1, 0}, {1, 1}},  // groups; nothing equal
      {3, 1, 1, {5, 4}, {4, 4}, {2, 2}, {1, 1, 1, 1}, {0, 0}, {1, 1}},  // one channel per group
      {1, 2, 2, {4, 4}, {3, 3}, {1, 1}, {1, 1, 1, 1}, {0, 0}, {1, 1}},  // stride 1
      {1, 2, 2, {4, 4}, {3, 3}, {1, 1}, {3, 2, 3, 2}, {0, 0}, {1, 1}},  // pads beyond the window
      {1, 2, 2, {5, 5}, {3, 2}, {2, 1}, {1, 0, 0, 1}, {1, 0}, {2, 3}},  // dilated
      {1, 2, 2, {3, 3}, {1, 2}, {2, 3}, {0, 0, 0, 0}, {1, 2}, {1, 1}},  // windows shorter than the stride
      {1, 2, 2, {6, 6}, {5, 5}, {2, 2}, {4, 3, 3, 4}, {0, 1}, {1, 1}},  // whole strides of padding
      {1, 4, 2, {7}, {16}, {8}, {4, 4}, {0}, {1}},                      // one axis, as in vocoders
      {1, 2, 2, {2, 3, 2}, {3, 2, 2}, {2, 2, 1}, {1, 0, 0, 0, 0, 1}, {1, 0, 0}, {1, 1, 1}},
      {1, 2, 2, {1, 1}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {0, 0}, {1, 1}},
  };
  return all;
}

void check(const Case& test, bool channels_last, bool bias) {
  Builder b;
  const std::int64_t channels = test.group * test.in;
  Shape x{2}, w{channels, test.out};
  if (!channels_last) x.push_back(channels);
  x.insert(x.end(), test.size.begin(), test.size.end());
  if (channels_last) x.push_back(channels);
  w.insert(w.end(), test.kernel.begin(), test.kernel.end());
  Attrs attrs{{"group", test.group},
              {"strides", test.strides},
              {"pads", test.pads},
              {"output_padding", test.output_padding},
              {"dilations", test.dilations}};
  if (channels_last) attrs.set("channels_last", std::int64_t{1});
  std::vector<ValueId> operands{b.in("x", x), b.weights(w)};
  if (bias) operands.push_back(b.weights({test.group * test.out}));
  b.out({b.op("ConvTranspose", operands, attrs)});
  EXPECT_EQ(rewrite(*b.graph, conv_transpose_rules()), 1);
  EXPECT_EQ(count(*b.graph, "ConvTranspose"), 0);
}

TEST(TransposedConvolution, BecomesAConvolution) {
  for (std::size_t i = 0; i < cases().size(); ++i)
    for (const bool channels_last : {false, true}) {
      SCOPED_TRACE(::testing::Message() << "case " << i << " channels_last " << channels_last);
      check(cases()[i], channels_last, i % 2 == 0);
    }
}

TEST(TransposedConvolution, ManyZeroTapsAreNotWorthIt) {
  Builder b;
  b.out({b.op("ConvTranspose", {b.in("x", {1, 2, 4, 4}), b.weights({2, 2, 3, 3})}, {{"dilations", Ints{9, 9}}})});
  EXPECT_EQ(rewrite(*b.graph, conv_transpose_rules()), 0);
}

TEST(TransposedConvolution, SymbolicSizesStay) {
  Builder b;
  const ValueId x = b.graph->add_input(
      "x", ir::Type::tensor(DType::f32, SymShape{Dim::symbol("n"), 2, Dim::symbol("h"), Dim::symbol("w")}));
  b.out({b.op("ConvTranspose", {x, b.weights({2, 2, 4, 4})}, {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}})});
  const SymShape before = *b.graph->value(b.graph->outputs()[0]).type.shape;
  ASSERT_TRUE(run_passes(*b.graph, {{"test", conv_transpose_rules()}}, {}).is_ok());
  EXPECT_EQ(count(*b.graph, "ConvTranspose"), 0);
  EXPECT_EQ(*b.graph->value(b.graph->outputs()[0]).type.shape, before);
}

}  // namespace
}  // namespace ingot::passes
