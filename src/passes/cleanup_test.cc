// SPDX-License-Identifier: Apache-2.0
// The pass manager, folding, and the rules that tidy.
#include <filesystem>
#include <fstream>

#include "passes/graph_test_util.h"

namespace ingot::passes {
namespace {

using namespace testing;

Builder chain_of_identities(int length) {
  Builder b;
  ValueId x = b.in("x", {2, 3});
  ValueId y = b.op("Relu", {x});
  for (int i = 0; i < length; ++i) y = b.op("Identity", {y});
  b.out({b.op("Abs", {y})});
  return b;
}

TEST(PassManager, StopsAfterThatManyPatches) {
  Builder b = chain_of_identities(5);
  Options options;
  options.stop_after = 2;
  EXPECT_EQ(rewrite(*b.graph, identity_rules(), options), 2);
  EXPECT_EQ(count(*b.graph, "Identity"), 3);
}

TEST(PassManager, DisablesRulesAndPassesByName) {
  for (const char* name : {"drop_identity", "test"}) {
    Builder b = chain_of_identities(2);
    Options options;
    options.disabled = {name};
    EXPECT_EQ(rewrite(*b.graph, identity_rules(), options), 0) << name;
  }
}

TEST(PassManager, TracesAndTimes) {
  Builder b = chain_of_identities(1);
  Options options;
  std::vector<PassTime> times;
  std::string seen;
  options.times = &times;
  options.trace = [&](const TraceEvent& event) { seen += std::string(event.rule) + "|" + std::string(event.nodes); };
  rewrite(*b.graph, identity_rules(), options);
  EXPECT_NE(seen.find("drop_identity|Identity"), std::string::npos) << seen;
  ASSERT_EQ(times.size(), 1U);
  EXPECT_EQ(times[0].patches, 1);
}

TEST(PassManager, DumpsTheGraphWhenAPassFails) {
  Builder b = chain_of_identities(1);
  const auto path = std::filesystem::temp_directory_path() / "ingot_pass_dump.txt";
  Options options;
  options.dump_on_failure = path.string();
  const PassFunction fail = [](ir::Graph&, Session&) { return internal("on purpose"); };
  const Status status = run_passes(*b.graph, {{"broken", fail}}, options);
  EXPECT_NE(status.message().find("pass broken"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find(path.string()), std::string::npos);
  EXPECT_GT(std::filesystem::file_size(path), 0U);
  std::filesystem::remove(path);
}

Match spin(const Graph& graph, const ir::Node& root) {
  ir::Patch patch(graph, "spin", &ops::infer_for_patch);
  INGOT_ASSIGN_OR_RETURN(const ValueId y, patch.add("Relu", {root.inputs[0]}, {}, root.id));
  patch.replace(root.outputs[0], y);
  return std::optional<ir::Patch>(std::move(patch));
}

TEST(PassManager, RefusesRulesThatDoNotComeToRest) {
  Builder b = chain_of_identities(0);
  const Status status = run_passes(*b.graph, {{"test", Rules{{"spin", {"Relu"}, spin}}}}, {});
  EXPECT_NE(status.message().find("do not come to rest"), std::string::npos) << status.message();
}

TEST(Folding, ConstantsAreFoldedButNotBlownUp) {
  Builder b;
  const ValueId x = b.in("x", {3});
  const ValueId sum = b.op("Add", {b.weights({3}), b.weights({3})});
  const ValueId big = b.op("Expand", {b.number(1), b.ints({2000, 1000})});
  b.out({b.op("Mul", {x, sum}), b.op("Relu", {big})});
  rewrite(*b.graph, constant_folding_rules());
  EXPECT_EQ(count(*b.graph, "Add"), 0);
  EXPECT_EQ(count(*b.graph, "Expand"), 1);
}

TEST(Folding, QuantisedConstantsStay) {
  Builder b;
  const ValueId x = b.in("x", {4});
  const ValueId q = b.graph->add_constant("q", share(HostTensor::create(DType::i8, {4}).value()));
  b.out({b.op("Add", {x, b.op("DequantizeLinear", {q, b.number(0.5)})})});
  EXPECT_EQ(rewrite(*b.graph, constant_folding_rules()), 0);
}

TEST(Folding, ShapesBecomeConstantsOrDimensions) {
  Builder b;
  const ValueId x = b.graph->add_input("x", ir::Type::tensor(DType::f32, SymShape{Dim::symbol("N"), Dim(4)}));
  const ValueId shape = b.op("Shape", {x});
  const ValueId n = b.op("Gather", {shape, b.index(0)}, Attrs{{"axis", std::int64_t{0}}});
  const ValueId doubled = b.op("Mul", {n, b.index(2)});
  b.out({b.op("Expand", {b.op("ConstantOfShape", {b.op("Unsqueeze", {doubled, b.ints({0})})}), b.ints({1})})});
  ASSERT_TRUE(run_passes(*b.graph, {{"test", shape_folding_rules()}}, {}).is_ok());
  EXPECT_EQ(count(*b.graph, "Shape"), 0) << ir::print(*b.graph);
  EXPECT_EQ(count(*b.graph, "DimTensor"), 1);
}

TEST(Identities, NoOpsVanish) {
  Builder b;
  ValueId x = b.op("Relu", {b.in("x", {2, 3, 4})});
  x = b.op("Dropout", {x});
  x = b.op("Cast", {x}, Attrs{{"to", DType::f32}});
  x = b.op("Expand", {x, b.ints({3, 1})});
  x = b.op("Reshape", {x, b.ints({2, 3, 4})});
  x = b.op("Slice", {x, b.ints({0}), b.ints({100}), b.ints({1})});
  x = b.op("Concat", {x}, Attrs{{"axis", std::int64_t{0}}});
  x = b.op("Pad", {x, b.ints({0, 0, 0, 0, 0, 0})});
  x = b.op("Transpose", {x}, Attrs{{"perm", Ints{0, 1, 2}}});
  x = b.op("Mul", {b.number(1), x});
  x = b.op("Add", {x, b.number(0)});
  x = b.op("Div", {x, b.number(1)});
  b.out({b.op("Abs", {x})});
  rewrite(*b.graph, identity_rules());
  EXPECT_EQ(b.graph->node_count(), 2U) << ir::print(*b.graph);
}

TEST(Rolls, SlicesOfOneTensorAreOneGather) {
  Builder b;
  const ValueId x = b.op("Relu", {b.in("x", {2, 7, 3})});
  const ValueId tail = b.op("Slice", {x, b.ints({-3}), b.ints({1 << 30}), b.ints({1})});
  const ValueId head = b.op("Slice", {x, b.ints({0}), b.ints({-3}), b.ints({-2}), b.ints({1})});
  b.out({b.op("Concat", {tail, head}, Attrs{{"axis", std::int64_t{-2}}})});
  EXPECT_EQ(rewrite(*b.graph, roll_rules()), 1);
  EXPECT_EQ(count(*b.graph, "Gather"), 1) << ir::print(*b.graph);
}

TEST(Rolls, StepsAndOtherAxesStay) {
  Builder b;
  const ValueId x = b.op("Relu", {b.in("x", {2, 8, 4})});
  const ValueId even = b.op("Slice", {x, b.ints({0}), b.ints({8}), b.ints({1}), b.ints({2})});
  const ValueId odd = b.op("Slice", {x, b.ints({1}), b.ints({8}), b.ints({1}), b.ints({2})});
  const ValueId left = b.op("Slice", {x, b.ints({0}), b.ints({2}), b.ints({2})});
  const ValueId right = b.op("Slice", {x, b.ints({2}), b.ints({4}), b.ints({2})});
  b.out({b.op("Concat", {even, odd}, Attrs{{"axis", std::int64_t{1}}}),
         b.op("Concat", {left, right}, Attrs{{"axis", std::int64_t{1}}})});
  EXPECT_EQ(rewrite(*b.graph, roll_rules()), 0);
}

TEST(Identities, WhatChangesTheShapeOrTheSignStays) {
  Builder b;
  const ValueId x = b.op("Relu", {b.in("x", {3})});
  const ValueId wide = b.op("Mul", {x, b.weights({2, 1}, 1, 1)});  // ones, but the result is [2, 3]
  const ValueId negative = b.op("Sub", {b.number(0), x});
  b.out({wide, negative});
  EXPECT_EQ(rewrite(*b.graph, identity_rules()), 0);
}

TEST(Identities, AGraphOutputKeepsItsNode) {
  Builder b;
  b.out({b.op("Identity", {b.in("x", {3})})});
  EXPECT_EQ(rewrite(*b.graph, identity_rules()), 0);
}

TEST(CommonSubexpressions, EqualNodesMergeEqualConstantsToo) {
  Builder b;
  const ValueId x = b.in("x", {3});
  b.out({b.op("Add", {b.op("Mul", {x, b.number(2)}), b.op("Mul", {x, b.number(2)})})});
  rewrite(*b.graph, std::vector<Pass>{{"test", &merge_common_subexpressions}});
  EXPECT_EQ(count(*b.graph, "Mul"), 1);
}

TEST(Reshapes, UnifyAndMerge) {
  Builder b;
  ValueId x = b.op("Relu", {b.in("x", {2, 3, 4})});
  x = b.op("Unsqueeze", {x, b.ints({1})});
  x = b.op("Flatten", {x}, Attrs{{"axis", std::int64_t{2}}});
  x = b.op("Reshape", {x, b.ints({-1, 4})});
  b.out({b.op("Abs", {x})});
  rewrite(*b.graph, reshape_rules());
  EXPECT_EQ(count(*b.graph, "Reshape"), 1);
  EXPECT_EQ(b.graph->node_count(), 3U);
}

TEST(Reshapes, FlatteningAroundALinearLayerCancels) {
  Builder b;
  ValueId x = b.op("Relu", {b.in("x", {2, 3, 4})});
  x = b.op("Reshape", {x, b.ints({6, 4})});
  x = b.op("Gemm", {x, b.weights({4, 5}), b.weights({5})});
  x = b.op("Reshape", {x, b.ints({2, 3, 5})});
  b.out({b.op("Abs", {x})});
  rewrite(*b.graph, matmul_rules() + reshape_rules() + identity_rules());
  EXPECT_EQ(count(*b.graph, "Reshape"), 0) << ir::print(*b.graph);
  EXPECT_EQ(count(*b.graph, "MatMul"), 1);
}

TEST(Transposes, MergeAndBecomeReshapes) {
  Builder b;
  ValueId x = b.op("Relu", {b.in("x", {1, 3, 4})});
  x = b.op("Transpose", {x}, Attrs{{"perm", Ints{2, 1, 0}}});
  x = b.op("Transpose", {x}, Attrs{{"perm", Ints{2, 0, 1}}});  // together [0, 2, 1]: moves data
  x = b.op("Transpose", {x}, Attrs{{"perm", Ints{1, 2, 0}}});  // together [2, 1, 0]
  x = b.op("Transpose", {x}, Attrs{{"perm", Ints{2, 1, 0}}});
  const ValueId unit = b.op("Transpose", {b.op("Abs", {x})}, Attrs{{"perm", Ints{1, 0, 2}}});
  b.out({b.op("Abs", {unit})});
  rewrite(*b.graph, transpose_rules() + identity_rules());
  EXPECT_EQ(count(*b.graph, "Transpose"), 0) << ir::print(*b.graph);
  EXPECT_EQ(count(*b.graph, "Reshape"), 1);
}

TEST(Transposes, SlicesOfAFusedProjectionComeFirst) {
  Builder b;
  const ValueId x = b.op("Relu", {b.in("x", {2, 5, 3, 2, 4})});
  const ValueId t = b.op("Transpose", {x}, Attrs{{"perm", Ints{2, 0, 3, 1, 4}}});
  b.out({b.op("Gather", {t, b.index(0)}), b.op("Gather", {t, b.index(2)})});
  rewrite(*b.graph, transpose_rules());
  EXPECT_EQ(count(*b.graph, "Transpose"), 2);
  EXPECT_EQ(first(*b.graph, "Gather")->attrs.get_int("axis", 0), 2);
  EXPECT_EQ(perm_of(*b.graph, *first(*b.graph, "Transpose")), (Ints{0, 2, 1, 3}));
}

TEST(Products, AbsorbTransposes) {
  Builder b;
  const ValueId a = b.op("Transpose", {b.in("a", {2, 3, 4})}, Attrs{{"perm", Ints{0, 2, 1}}});
  const ValueId c = b.op("Transpose", {b.in("c", {2, 5, 3})}, Attrs{{"perm", Ints{0, 2, 1}}});
  b.out({b.op("MatMul", {a, c})});
  rewrite(*b.graph, matmul_transpose_rules());
  EXPECT_EQ(count(*b.graph, "Transpose"), 0);
}

}  // namespace
}  // namespace ingot::passes
