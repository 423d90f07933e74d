// SPDX-License-Identifier: Apache-2.0
// Weights, pointwise work, epilogues, layout, norms and attention.
#include "passes/graph_test_util.h"
#include "passes/pipeline.h"

namespace ingot::passes {
namespace {

using namespace testing;

const Attrs kSame{{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}};

TEST(Weights, BatchNormIsFoldedIntoConvolutions) {
  for (const char* op : {"Conv", "ConvTranspose"}) {
    Builder b;
    const ValueId x = b.in("x", {1, 4, 5, 5});
    Attrs attrs = kSame;
    attrs.set("group", std::int64_t{2});
    const ValueId y = b.op(
        op, {x, b.weights(std::string(op) == "Conv" ? Shape{6, 2, 3, 3} : Shape{4, 3, 3, 3}), b.weights({6})}, attrs);
    b.out({b.op("BatchNormalization", {y, b.weights({6}), b.weights({6}), b.weights({6}), b.weights({6}, 0.5, 2)})});
    rewrite(*b.graph, batch_norm_rules() + weight_folding_rules());
    EXPECT_EQ(b.graph->node_count(), 1U) << ir::print(*b.graph);
  }
}

TEST(Weights, BatchNormIsFoldedAcrossTheReshapeAfterAProduct) {
  Builder b;
  ValueId y = b.op("MatMul", {b.in("x", {2, 3, 4}), b.weights({4, 6})});
  y = b.op("Reshape", {y, b.ints({6, 6})});
  b.out({b.op("BatchNormalization", {y, b.weights({6}), b.weights({6}), b.weights({6}), b.weights({6}, 0.5, 2)})});
  rewrite(*b.graph, batch_norm_rules() + weight_folding_rules());
  EXPECT_EQ(b.graph->node_count(), 2U) << ir::print(*b.graph);
}

TEST(Weights, ASharedResultIsNotScaled) {
  Builder b;
  const ValueId y = b.op("Conv", {b.in("x", {1, 2, 4, 4}), b.weights({3, 2, 3, 3})}, kSame);
  b.out({b.op("Mul", {y, b.weights({3, 1, 1})}), b.op("Relu", {y})});
  EXPECT_EQ(rewrite(*b.graph, weight_folding_rules()), 0);
}

TEST(Weights, PaddingJoinsTheWindow) {
  Builder b;
  const ValueId x = b.op("Pad", {b.in("x", {1, 2, 4, 4}), b.ints({0, 0, 1, 0, 0, 0, 1, 2})});
  b.out({b.op("Conv", {x, b.weights({3, 2, 3, 3})}, Attrs{{"kernel_shape", Ints{3, 3}}})});
  rewrite(*b.graph, pad_folding_rules());
  EXPECT_EQ(count(*b.graph, "Pad"), 0);
}

std::string expr_text(const Graph& graph) {
  const ir::Node* node = first(graph, "Pointwise");
  return node != nullptr ? node->attrs.get_string("expr", "") : "";
}

const Rules kPointwise = lift_pointwise_rules() + compose_pointwise_rules();

TEST(Pointwise, NamesActivationsHoweverTheyAreSpelt) {
  struct Case {
    const char* name;
    ValueId (*build)(Builder&, ValueId);
  };
  const Case cases[] = {
      {"gelu(",
       [](Builder& b, ValueId x) {
         const ValueId e = b.op("Erf", {b.op("Div", {x, b.number(1.41421356)})});
         return b.op("Mul", {b.number(0.5), b.op("Mul", {b.op("Add", {b.number(1), e}), x})});
       }},
      {"gelu(",
       [](Builder& b, ValueId x) {
         const ValueId e = b.op("Erf", {b.op("Mul", {x, b.number(0.70710678)})});
         return b.op("Mul", {b.op("Mul", {x, b.number(0.5)}), b.op("Add", {e, b.number(1)})});
       }},
      {"gelu_tanh(",
       [](Builder& b, ValueId x) {
         const ValueId cube = b.op("Mul", {b.op("Pow", {x, b.number(3)}), b.number(0.044715)});
         const ValueId t = b.op("Tanh", {b.op("Mul", {b.number(0.79788456), b.op("Add", {x, cube})})});
         return b.op("Mul", {b.op("Mul", {b.number(0.5), x}), b.op("Add", {t, b.number(1)})});
       }},
      {"silu(",
       [](Builder& b, ValueId x) {
         return b.op("Mul", {b.op("Sigmoid", {x}), x});
       }},
      {"hardswish(",
       [](Builder& b, ValueId x) {
         const ValueId c = b.op("Clip", {b.op("Add", {x, b.number(3)}), b.number(0), b.number(6)});
         return b.op("Div", {b.op("Mul", {x, c}), b.number(6)});
       }},
  };
  for (const Case& test : cases) {
    Builder b;
    b.out({test.build(b, b.in("x", {2, 5}))});
    rewrite(*b.graph, kPointwise);
    EXPECT_EQ(b.graph->node_count(), 1U) << ir::print(*b.graph);
    EXPECT_NE(expr_text(*b.graph).find(test.name), std::string::npos) << expr_text(*b.graph);
  }
}

TEST(Pointwise, SomethingElseIsNotNamed) {
  Builder b;
  const ValueId x = b.in("x", {2, 5});
  b.out({b.op("Mul", {x, b.op("Sigmoid", {b.op("Mul", {x, b.number(1.702)})})})});
  rewrite(*b.graph, kPointwise);
  EXPECT_EQ(b.graph->node_count(), 1U);
  EXPECT_EQ(expr_text(*b.graph).find("lu("), std::string::npos) << expr_text(*b.graph);
}

TEST(Pointwise, WhatIsSmallerOrSharedStaysApart) {
  Builder b;
  const ValueId x = b.in("x", {2, 5}), s = b.op("Exp", {b.in("s", {2, 1})}), shared = b.op("Exp", {x});
  b.out({b.op("Mul", {x, s}), b.op("Neg", {shared}), b.op("Abs", {shared})});
  rewrite(*b.graph, kPointwise);
  EXPECT_EQ(b.graph->node_count(), 5U);
}

TEST(Epilogues, TheLaterConvolutionTakesTheSum) {
  Builder b;
  const ValueId x = b.in("x", {1, 2, 4, 4});
  const ValueId first_conv = b.op("Conv", {x, b.weights({3, 2, 3, 3})}, kSame);
  const ValueId second = b.op("Conv", {b.op("Relu", {x}), b.weights({3, 2, 3, 3}), b.weights({3})}, kSame);
  b.out({b.op("Relu", {b.op("Add", {second, first_conv})})});
  rewrite(*b.graph, std::vector<Pass>{{"pointwise", kPointwise}, {"epilogues", epilogue_rules()}});
  EXPECT_EQ(count(*b.graph, "Pointwise"), 1);  // the Relu before
  int fused = 0;
  for (ir::NodeId id : b.graph->nodes())
    if (b.graph->node(id).attrs.has("epilogue")) {
      ++fused;
      EXPECT_EQ(b.graph->node(id).inputs.size(), 4U);
      EXPECT_EQ(b.graph->node(id).attrs.get_int("epilogue_inputs", 0), 1);
    }
  EXPECT_EQ(fused, 1);
}

TEST(Epilogues, ASharedOrWidenedResultIsLeftAlone) {
  Builder b;
  const ValueId y = b.op("MatMul", {b.in("x", {2, 3}), b.weights({3, 4})});
  b.out({b.op("Relu", {y}), y});
  const ValueId z = b.op("MatMul", {b.in("z", {1, 3}), b.weights({3, 4})});
  auto outputs = b.graph->outputs();
  outputs.push_back(b.op("Add", {z, b.in("wide", {5, 4})}));
  b.out(outputs);
  rewrite(*b.graph, std::vector<Pass>{{"pointwise", kPointwise}, {"epilogues", epilogue_rules()}});
  EXPECT_EQ(count(*b.graph, "Pointwise"), 2);
}

TEST(Epilogues, AnActivationGoesAboveWhatMovesElements) {
  for (const std::int64_t last : {7, 4}) {  // of 8 rows: the second crop drops half
    Builder b;
    ValueId y = b.op("Conv", {b.in("x", {1, 2, 4, 8}), b.weights({6, 2, 3, 3})}, kSame);
    y = b.op("Reshape", {y, b.ints({1, 3, 2, 4, 8})});
    y = b.op("Transpose", {y}, Attrs{{"perm", Ints{0, 1, 3, 2, 4}}});
    y = b.op("Reshape", {y, b.ints({1, 3, 8, 8})});
    y = b.op("Slice", {y, b.ints({0}), b.ints({last}), b.ints({2})});
    b.out({b.op("Relu", {y})});
    rewrite(*b.graph, std::vector<Pass>{{"pointwise", kPointwise}, {"epilogues", epilogue_rules()}});
    EXPECT_EQ(count(*b.graph, "Pointwise"), last == 7 ? 0 : 1) << ir::print(*b.graph);
  }
}

TEST(Epilogues, AnActivationStaysBelowWhatOthersRead) {
  Builder b;
  ValueId y = b.op("Conv", {b.in("x", {1, 2, 4, 4}), b.weights({3, 2, 3, 3})}, kSame);
  y = b.op("Reshape", {y, b.ints({3, 16})});
  b.out({b.op("Relu", {y}), b.op("Transpose", {y})});
  rewrite(*b.graph, std::vector<Pass>{{"pointwise", kPointwise}, {"epilogues", epilogue_rules()}});
  EXPECT_EQ(count(*b.graph, "Pointwise"), 1);
}

int transposes(Builder& b, double tolerance = 2e-5) {
  Options options;
  options.channels_last = true;
  rewrite(*b.graph, standard_pipeline(options), options, tolerance);
  return count(*b.graph, "Transpose");
}

TEST(Layout, AResidualNetworkKeepsTheFirstTransposeOnly) {
  Builder b;
  ValueId x = b.op("Conv", {b.in("x", {1, 3, 8, 8}), b.weights({4, 3, 3, 3})}, kSame);
  ValueId y = b.op("Mul", {b.op("Relu", {x}), b.weights({4, 1, 1})});
  y = b.op("Conv", {y, b.weights({4, 4, 3, 3}), b.weights({4})}, kSame);
  y = b.op("Add", {y, x});
  const ValueId gate = b.op("Sigmoid", {b.op("Conv", {b.op("GlobalAveragePool", {y}), b.weights({4, 4, 1, 1})})});
  y = b.op("Concat", {b.op("Mul", {y, gate}), x}, Attrs{{"axis", std::int64_t{1}}});
  y = b.op("Pad", {y, b.ints({0, 0, 1, 1, 0, 0, 1, 1}), b.number(2)});
  y = b.op("MaxPool", {y}, Attrs{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  y = b.op("ReduceMean", {y, b.ints({2, 3})}, Attrs{{"keepdims", std::int64_t{0}}});
  b.out({b.op("Gemm", {y, b.weights({8, 5})})});
  EXPECT_EQ(transposes(b), 1) << ir::print(*b.graph);
}

TEST(Layout, PatchEmbeddingAndChannelShuffleAreFree) {
  Builder b;
  ValueId x = b.op("Conv", {b.in("x", {1, 3, 8, 8}), b.weights({4, 3, 3, 3})}, kSame);
  x = b.op("Reshape", {x, b.ints({1, 2, 2, 8, 8})});
  x = b.op("Transpose", {x}, Attrs{{"perm", Ints{0, 2, 1, 3, 4}}});
  x = b.op("Reshape", {x, b.ints({1, 4, 8, 8})});
  x = b.op("Conv", {x, b.weights({6, 4, 3, 3})}, kSame);
  x = b.op("Reshape", {x, b.ints({1, 6, 64})});
  x = b.op("Transpose", {x}, Attrs{{"perm", Ints{0, 2, 1}}});
  b.out({b.op("MatMul", {x, b.weights({6, 5})})});
  EXPECT_EQ(transposes(b), 2) << ir::print(*b.graph);  // the input, and the shuffle within the channels
}

TEST(Layout, QuantisationFollows) {
  Builder b;
  ValueId x = b.op("Conv", {b.in("x", {1, 3, 4, 4}), b.weights({4, 3, 3, 3})}, kSame);
  const ValueId zero = b.graph->add_constant("", share(HostTensor::create(DType::i8, {}).value()));
  x = b.op("QuantizeLinear", {x, b.number(0.1), zero});
  x = b.op("DequantizeLinear", {x, b.number(0.1), zero});
  b.out({b.op("GlobalAveragePool", {x})});
  EXPECT_EQ(transposes(b), 1) << ir::print(*b.graph);
  EXPECT_EQ(count(*b.graph, "QuantizeLinear") + count(*b.graph, "DequantizeLinear"), 2);
}

TEST(Layout, ResizeFollows) {
  Builder b;
  ValueId x = b.op("Conv", {b.in("x", {1, 3, 4, 4}), b.weights({4, 3, 3, 3})}, kSame);
  const std::vector<float> scales{1, 1, 2, 2};
  const ValueId factors = b.graph->add_constant("", share(HostTensor::of<float>(DType::f32, {4}, scales)));
  x = b.op("Resize", {x, ir::kNoValue, factors}, Attrs{{"mode", std::string("linear")}});
  b.out({b.op("GlobalAveragePool", {b.op("Relu", {x})})});
  EXPECT_EQ(transposes(b), 1) << ir::print(*b.graph);
}

TEST(Norms, LayerNormInTwoSpellings) {
  for (int spelling = 0; spelling < 2; ++spelling) {
    Builder b;
    const ValueId x = b.in("x", {2, 3, 8});
    const ValueId d = b.op("Sub", {x, b.op("ReduceMean", {x, b.ints({-1})})});
    const ValueId square = spelling == 0 ? b.op("Pow", {d, b.number(2)}) : b.op("Mul", {d, d});
    const ValueId root = b.op("Sqrt", {b.op("Add", {b.number(1e-5), b.op("ReduceMean", {square, b.ints({2})})})});
    const ValueId q = spelling == 0 ? b.op("Div", {d, root}) : b.op("Mul", {b.op("Reciprocal", {root}), d});
    b.out({b.op("Add", {b.weights({8}), b.op("Mul", {q, b.weights({8})})})});
    rewrite(*b.graph, layer_norm_rules());
    EXPECT_EQ(b.graph->node_count(), 1U) << ir::print(*b.graph);
  }
}

TEST(Norms, AMeanOverAnotherAxisIsNone) {
  Builder b;
  const ValueId x = b.in("x", {2, 3, 8});
  const ValueId d = b.op("Sub", {x, b.op("ReduceMean", {x, b.ints({1})})});
  const ValueId root =
      b.op("Sqrt", {b.op("Add", {b.op("ReduceMean", {b.op("Mul", {d, d}), b.ints({1})}), b.number(1e-5)})});
  b.out({b.op("Div", {d, root})});
  EXPECT_EQ(rewrite(*b.graph, layer_norm_rules()), 0);
}

TEST(Norms, RootMeanSquare) {
  Builder b;
  const ValueId x = b.in("x", {2, 3, 8});
  const ValueId mean = b.op("ReduceMean", {b.op("Pow", {x, b.number(2)}), b.ints({-1})});
  const ValueId r = b.op("Reciprocal", {b.op("Sqrt", {b.op("Add", {mean, b.number(1e-6)})})});
  b.out({b.op("Mul", {b.weights({8}), b.op("Mul", {x, r})})});
  rewrite(*b.graph, rms_norm_rules());
  EXPECT_EQ(b.graph->node_count(), 1U) << ir::print(*b.graph);
}

TEST(Norms, GroupNormFromInstanceNorm) {
  Builder b;
  const ValueId x = b.op("Relu", {b.in("x", {1, 4, 3, 3})});
  ValueId y = b.op("Reshape", {x, b.ints({0, 2, -1})});
  y = b.op("InstanceNormalization", {y, b.weights({2}, 1, 1), b.weights({2}, 0, 0)});
  y = b.op("Reshape", {y, b.ints({1, 4, 3, 3})});
  b.out({b.op("Add", {b.op("Mul", {y, b.weights({4, 1, 1})}), b.weights({4, 1, 1})})});
  rewrite(*b.graph, group_norm_rules());
  EXPECT_EQ(count(*b.graph, "GroupNormalization"), 1) << ir::print(*b.graph);
  EXPECT_EQ(b.graph->node_count(), 2U);
}

enum class Scale { q, both, scores, scores_div };

Builder attention_graph(Scale where, bool with_mask, double factor) {
  Builder b;
  const auto heads = [&](const char* name, Ints perm) {
    return b.op("Transpose", {b.op("Reshape", {b.in(name, {2, 5, 12}), b.ints({2, 5, 3, 4})})},
                Attrs{{"perm", std::move(perm)}});
  };
  ValueId q = heads("q", {0, 2, 1, 3}), k = heads("k", {0, 2, 3, 1});
  const ValueId v = heads("v", {0, 2, 1, 3});
  if (where == Scale::q) q = b.op("Mul", {q, b.number(factor)});
  if (where == Scale::both) {
    q = b.op("Mul", {q, b.number(std::sqrt(factor))});
    k = b.op("Mul", {b.number(std::sqrt(factor)), k});
  }
  ValueId s = b.op("MatMul", {q, k});
  if (where == Scale::scores) s = b.op("Mul", {b.number(factor), s});
  if (where == Scale::scores_div) s = b.op("Div", {s, b.number(1 / factor)});
  if (with_mask) s = b.op("Add", {b.in("mask", {2, 1, 1, 5}), s});
  const ValueId y = b.op("MatMul", {b.op("Softmax", {s}, Attrs{{"axis", std::int64_t{-1}}}), v});
  b.out({b.op("Reshape", {b.op("Transpose", {y}, Attrs{{"perm", Ints{0, 2, 1, 3}}}), b.ints({2, 5, 12})})});
  return b;
}

TEST(Attention, EverySpellingOfTheScale) {
  for (Scale where : {Scale::q, Scale::both, Scale::scores, Scale::scores_div}) {
    for (bool with_mask : {false, true}) {
      Builder b = attention_graph(where, with_mask, 0.5);
      rewrite(*b.graph, attention_rules() + transpose_rules() + identity_rules());
      const ir::Node* node = first(*b.graph, "Attention");
      ASSERT_NE(node, nullptr) << ir::print(*b.graph);
      EXPECT_NEAR(node->attrs.get_float("scale", 0), 0.5, 1e-6);
      EXPECT_EQ(node->attrs.get_int("bshd", 0), 1);
      EXPECT_EQ(node->inputs.size(), with_mask ? 4U : 3U);
      EXPECT_EQ(count(*b.graph, "Transpose"), 0) << ir::print(*b.graph);
    }
  }
}

TEST(Attention, CausalMaskAndWhere) {
  Builder b;
  const ValueId q = b.in("q", {1, 2, 4, 3}), k = b.in("k", {1, 2, 4, 3}), v = b.in("v", {1, 2, 4, 3});
  HostTensor mask = HostTensor::create(DType::boolean, {1, 1, 4, 4}).value();
  for (std::int64_t e = 0; e < 16; ++e) mask.set_int(e, e % 4 <= e / 4 ? 1 : 0);
  ValueId s = b.op("MatMul", {q, b.op("Transpose", {k}, Attrs{{"perm", Ints{0, 1, 3, 2}}})});
  s = b.op("Where", {b.graph->add_constant("", share(std::move(mask))), s, b.number(-3.4e38)});
  b.out({b.op("MatMul", {b.op("Softmax", {s}), v})});
  rewrite(*b.graph, attention_rules());
  const ir::Node* node = first(*b.graph, "Attention");
  ASSERT_NE(node, nullptr) << ir::print(*b.graph);
  EXPECT_EQ(node->attrs.get_int("is_causal", 0), 1);
  EXPECT_EQ(node->inputs.size(), 3U);
}

TEST(Attention, MaskOfOneColumnStays) {
  Builder b;  // the sum broadcasts over the keys, a mask of Attention does not
  const ValueId q = b.in("q", {1, 2, 4, 3}), k = b.in("k", {1, 2, 3, 5}), v = b.in("v", {1, 2, 5, 3});
  const ValueId s = b.op("Add", {b.op("MatMul", {q, k}), b.in("mask", {1, 1, 4, 1})});
  b.out({b.op("MatMul", {b.op("Softmax", {s}), v})});
  rewrite(*b.graph, attention_rules());
  EXPECT_EQ(count(*b.graph, "Attention"), 0) << ir::print(*b.graph);
}

// 4 windows of each image, 2 heads, 3 positions.
Builder windows_graph(std::int64_t images, const Shape& bias) {
  Builder b;
  const std::int64_t all = images * 4;
  const ValueId q = b.in("q", {all, 2, 3, 5}), k = b.in("k", {all, 2, 5, 3}), v = b.in("v", {all, 2, 3, 5});
  ValueId s = b.op("Add", {b.op("MatMul", {q, k}), b.weights(bias)});
  s = b.op("Add", {b.op("Reshape", {s, b.ints({images, 4, 2, 3, 3})}), b.weights({1, 4, 1, 3, 3})});
  s = b.op("Softmax", {b.op("Reshape", {s, b.ints({-1, 2, 3, 3})})});
  b.out({b.op("MatMul", {s, v})});
  return b;
}

TEST(Attention, ShiftedWindows) {
  for (const std::int64_t images : {1, 3}) {
    Builder b = windows_graph(images, {1, 2, 3, 3});
    rewrite(*b.graph, attention_rules() + constant_folding_rules());
    EXPECT_EQ(count(*b.graph, "Softmax"), 0);
    const ir::Node* node = first(*b.graph, "Attention");
    ASSERT_NE(node, nullptr) << ir::print(*b.graph);
    EXPECT_EQ(node->attrs.get_int("mask_repeats", 0), images > 1 ? 1 : 0);
    EXPECT_EQ(*shape_of(*b.graph, node->inputs[3]), symbolic({4, 2, 3, 3}));
  }
}

TEST(Attention, MasksOfWindowsAndOfAllStay) {
  Builder b = windows_graph(3, {12, 1, 3, 3});  // their sum does not repeat
  EXPECT_EQ(rewrite(*b.graph, attention_rules()), 0) << ir::print(*b.graph);
}

enum class Parting { gather, split, slice };

// Q, K and V of 2 heads of 8 from the columns of one product, Q behind the others.
Builder packed_attention(Parting parting) {
  Builder b;
  const ValueId all = b.op("MatMul", {b.in("x", {2, 5, 6}), b.weights({6, 48})});
  std::vector<ValueId> parts;
  const Ints heads{2, 5, 2, 8};
  if (parting == Parting::split) parts = b.ops("Split", {all}, Attrs{{"axis", std::int64_t{-1}}}, 3);
  const ValueId apart = b.op("Reshape", {all, b.ints({2, 5, 3, 16})});
  for (std::int64_t i = 0; i < 3; ++i) {
    if (parting == Parting::gather) parts.push_back(b.op("Gather", {apart, b.index(i)}, {{"axis", std::int64_t{2}}}));
    if (parting == Parting::slice)
      parts.push_back(b.op("Slice", {all, b.ints({i * 16}), b.ints({i * 16 + 16}), b.ints({2})}));
  }
  for (ValueId& part : parts) part = b.op("Reshape", {part, b.ints(heads)});
  b.out({b.op("Attention", {parts[1], parts[2], parts[0]}, {{"bshd", std::int64_t{1}}})});
  return b;
}

TEST(Attention, ReadsColumnsInPlace) {
  for (const Parting parting : {Parting::gather, Parting::split, Parting::slice}) {
    Builder b = packed_attention(parting);
    EXPECT_EQ(rewrite(*b.graph, attention_columns_rules() + reshape_rules() + identity_rules()) > 0, true);
    const ir::Node* node = first(*b.graph, "Attention");
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(node->attrs.get_ints("columns", {}), (Ints{16, 32, 0})) << ir::print(*b.graph);
    EXPECT_EQ(node->inputs[0], node->inputs[2]);
    for (const char* op : {"Gather", "Slice", "Split"}) EXPECT_EQ(count(*b.graph, op), 0) << ir::print(*b.graph);
  }
}

TEST(Attention, RowsAreNotColumns) {
  Builder b;  // the parts lie behind one another, each whole
  const ValueId all = b.in("x", {3, 2, 5, 16});
  std::vector<ValueId> parts;
  for (std::int64_t i = 0; i < 3; ++i)
    parts.push_back(b.op("Reshape", {b.op("Gather", {all, b.index(i)}), b.ints({2, 5, 2, 8})}));
  b.out({b.op("Attention", parts, {{"bshd", std::int64_t{1}}})});
  EXPECT_EQ(rewrite(*b.graph, attention_columns_rules()), 0) << ir::print(*b.graph);
}

TEST(Attention, SharedScoresAreNotSwallowed) {
  Builder b;
  const ValueId q = b.in("q", {1, 2, 4, 3}), k = b.in("k", {1, 2, 3, 4}), v = b.in("v", {1, 2, 4, 3});
  const ValueId s = b.op("MatMul", {q, k});
  b.out({b.op("MatMul", {b.op("Softmax", {s}), v}), s});
  EXPECT_EQ(rewrite(*b.graph, attention_rules()), 0);
}

}  // namespace
}  // namespace ingot::passes
