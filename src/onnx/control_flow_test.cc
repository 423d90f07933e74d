// SPDX-License-Identifier: Apache-2.0
// Bodies: what they take from outside becomes trailing inputs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/verify.h"
#include "onnx/test_model.h"

namespace ingot::onnx {
namespace {

using namespace testing;
using ::testing::HasSubstr;

std::vector<std::string> input_names(const ir::Graph& graph) {
  std::vector<std::string> names;
  for (const ir::ValueId id : graph.inputs()) names.push_back(graph.value(id).name);
  return names;
}

const ir::Graph& body_of(const ir::Node& node, std::size_t index = 0) { return *node.subgraphs.at(index).second; }

TEST(ControlFlow, IfBranchesShareTheirCaptures) {
  TestModel model;
  add_input(model.graph(), "c", {}, DType::boolean);
  add_input(model.graph(), "a", {"N"});
  add_input(model.graph(), "b", {"N"});
  add_floats(model.graph(), "k", {1});
  add_output(model.graph(), "y");
  add_node(model.graph(), "Neg", {"a"}, {"n"});
  NodeProto& branch = add_node(model.graph(), "If", {"c"}, {"y"});
  GraphProto& then_branch = add_body(branch, "then_branch");
  add_node(then_branch, "Add", {"n", "k"}, {"t"});
  add_output(then_branch, "t");
  GraphProto& else_branch = add_body(branch, "else_branch");
  add_node(else_branch, "Mul", {"b", "n"}, {"e"});
  add_output(else_branch, "e");

  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_TRUE(ir::verify(**graph).is_ok()) << ir::verify(**graph).to_string();
  const ir::Node& node = node_at(**graph, 1);
  EXPECT_EQ(node.inputs.size(), 3U);
  EXPECT_THAT(input_names(body_of(node, 0)), ::testing::ElementsAre("n", "b"));
  EXPECT_THAT(input_names(body_of(node, 1)), ::testing::ElementsAre("n", "b"));
  EXPECT_NE(body_of(node, 0).constant(body_of(node, 0).find_value("k")), nullptr);
  EXPECT_EQ(output_type(**graph), "f32[N]");
}

TEST(ControlFlow, NestedBodiesCaptureThroughTheOuterOne) {
  TestModel model;
  add_input(model.graph(), "c", {}, DType::boolean);
  add_input(model.graph(), "x", {2});
  add_output(model.graph(), "y");
  NodeProto& outer = add_node(model.graph(), "If", {"c"}, {"y"});
  for (const char* side : {"then_branch", "else_branch"}) {
    GraphProto& body = add_body(outer, side);
    NodeProto& inner = add_node(body, "If", {"c"}, {"i"});
    for (const char* inner_side : {"then_branch", "else_branch"}) {
      GraphProto& inner_body = add_body(inner, inner_side);
      add_node(inner_body, "Relu", {"x"}, {"r"});
      add_output(inner_body, "r");
    }
    add_output(body, "i");
  }
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_TRUE(ir::verify(**graph).is_ok());
  EXPECT_THAT(input_names(body_of(node_at(**graph, 0))), ::testing::ElementsAre("c", "x"));
}

TEST(ControlFlow, LoopCountsItsCaptures) {
  TestModel model;
  add_input(model.graph(), "m", {}, DType::i64);
  add_input(model.graph(), "x", {3});
  add_input(model.graph(), "step", {3});
  for (const char* output : {"last", "all"}) add_output(model.graph(), output);
  NodeProto& loop = add_node(model.graph(), "Loop", {"m", "", "x"}, {"last", "all"});
  GraphProto& body = add_body(loop, "body");
  add_input(body, "i", {}, DType::i64);
  add_input(body, "go", {}, DType::boolean);
  add_input(body, "state", {3});
  add_node(body, "Add", {"state", "step"}, {"next"});
  add_node(body, "Identity", {"go"}, {"go_on"});
  for (const char* output : {"go_on", "next", "next"}) add_output(body, output);

  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_TRUE(ir::verify(**graph).is_ok()) << ir::verify(**graph).to_string();
  const ir::Node& node = node_at(**graph, 0);
  EXPECT_EQ(node.attrs.get_int("captures", 0), 1);
  EXPECT_EQ(node.inputs.size(), 4U);
  EXPECT_THAT(input_names(body_of(node)), ::testing::ElementsAre("i", "go", "state", "step"));
  EXPECT_EQ(output_type(**graph, 0), "f32[3]");
}

TEST(ControlFlow, ScanWithUnusedOutput) {
  TestModel model;
  add_input(model.graph(), "x", {5, 3});
  add_input(model.graph(), "sum0", {3});
  add_output(model.graph(), "sum");
  NodeProto& scan = add_node(model.graph(), "Scan", {"sum0", "x"}, {"sum"});
  set(scan, "num_scan_inputs", std::int64_t{1});
  GraphProto& body = add_body(scan, "body");
  add_input(body, "s", {3});
  add_input(body, "row", {3});
  add_node(body, "Add", {"s", "row"}, {"t"});
  for (const char* output : {"t", "row"}) add_output(body, output);
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ(output_type(**graph, 0), "f32[3]");
  scan.mutable_attribute(0)->set_i(7);
  EXPECT_THAT(model.run().status().message(), HasSubstr("num_scan_inputs is 7"));
}

TEST(ControlFlow, DanglingNameInABody) {
  TestModel model;
  add_input(model.graph(), "c", {}, DType::boolean);
  add_output(model.graph(), "y");
  NodeProto& branch = add_node(model.graph(), "If", {"c"}, {"y"});
  for (const char* side : {"then_branch", "else_branch"}) {
    GraphProto& body = add_body(branch, side);
    add_node(body, "Relu", {"nowhere"}, {"r"});
    add_output(body, "r");
  }
  EXPECT_THAT(model.run().status().message(), HasSubstr("node \"the_If\" (If): input \"nowhere\""));
}

}  // namespace
}  // namespace ingot::onnx
