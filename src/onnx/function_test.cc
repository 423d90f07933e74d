// SPDX-License-Identifier: Apache-2.0
// Model functions: inlining, attribute parameters, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/verify.h"
#include "onnx/test_model.h"

namespace ingot::onnx {
namespace {

using namespace testing;
using ::testing::HasSubstr;

FunctionProto& add_function(TestModel& model, const std::string& name, std::initializer_list<const char*> inputs,
                            std::initializer_list<const char*> outputs, std::int64_t opset = 20) {
  FunctionProto& function = *model.proto.add_functions();
  function.set_domain("my");
  function.set_name(name);
  for (const char* input : inputs) function.add_input(input);
  for (const char* output : outputs) function.add_output(output);
  TestModel::import(function, "", opset);
  TestModel::import(function, "my", 1);
  return function;
}

TestModel calling_model(const std::string& function, std::initializer_list<const char*> inputs = {"x"}) {
  TestModel model;
  TestModel::import(model.proto, "my", 1);
  one_node(model, function, {4}, inputs).set_domain("my");
  return model;
}

TEST(Function, IsInlinedWithItsOwnOpset) {
  TestModel model = calling_model("Soft");
  FunctionProto& function =
      add_function(model, "Soft", {"a", "unused"}, {"r"}, 11);  // Softmax of opset 11 defaults to axis 1
  set(add_node(function, "Softmax", {"a"}, {"t"}), "axis", std::int64_t{0});
  add_node(function, "Neg", {"t"}, {"r"});
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_TRUE(ir::verify(**graph).is_ok());
  EXPECT_EQ(ops_of(**graph), "Softmax Neg");
  EXPECT_EQ((*graph)->value((*graph)->outputs()[0]).name, "y");
  EXPECT_EQ(node_at(**graph, 0).name, "the_Soft/the_Softmax");
  EXPECT_EQ((*graph)->value(node_at(**graph, 0).outputs[0]).name, "the_Soft/t");
}

TEST(Function, AttributesAreSubstituted) {
  TestModel model = calling_model("Leaky");
  FunctionProto& function = add_function(model, "Leaky", {"a"}, {"r"});
  function.add_attribute("slope");
  function.add_attribute("absent");
  AttributeProto& otherwise = *function.add_attribute_proto();
  otherwise.set_name("steepness");
  otherwise.set_type(1);
  otherwise.set_f(0.75F);
  NodeProto& leaky = add_node(function, "LeakyRelu", {"a"}, {"t"});
  add_attribute(leaky, "alpha", AttributeType::number).set_ref_attr_name("slope");
  NodeProto& elu = add_node(function, "Elu", {"t"}, {"u"});
  add_attribute(elu, "alpha", AttributeType::number).set_ref_attr_name("steepness");
  NodeProto& plain = add_node(function, "LeakyRelu", {"u"}, {"r"});
  add_attribute(plain, "alpha", AttributeType::number).set_ref_attr_name("absent");
  set(*model.graph().mutable_node(0), "slope", 0.25F);
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ(node_at(**graph, 0).attrs.get_float("alpha", 0), 0.25);
  EXPECT_EQ(node_at(**graph, 1).attrs.get_float("alpha", 0), 0.75);
  EXPECT_FALSE(node_at(**graph, 2).attrs.has("alpha"));
  set(*model.graph().mutable_node(0), "unknown", 1.0F);
  EXPECT_THAT(model.run().status().message(), HasSubstr("function Leaky has no attribute unknown"));
}

TEST(Function, NestedCallsGetDistinctNames) {
  TestModel model = calling_model("Outer");
  FunctionProto& outer = add_function(model, "Outer", {"a"}, {"r"});
  add_node(outer, "Inner", {"a"}, {"t"}, "my").set_name("first");
  add_node(outer, "Inner", {"t"}, {"r"}, "my").set_name("second");
  FunctionProto& inner = add_function(model, "Inner", {"a"}, {"r"});
  add_node(inner, "Neg", {"a"}, {"s"});
  add_node(inner, "Abs", {"s"}, {"r"});
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ(ops_of(**graph), "Neg Abs Neg Abs");
  EXPECT_NE((*graph)->find_value("the_Outer/first/s"), ir::kNoValue);
  EXPECT_NE((*graph)->find_value("the_Outer/second/s"), ir::kNoValue);
}

TEST(Function, HandsAnArgumentThrough) {
  TestModel model = calling_model("Same");
  add_function(model, "Same", {"a"}, {"a"});
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ(ops_of(**graph), "Identity");
  EXPECT_EQ((*graph)->value((*graph)->outputs()[0]).name, "y");
}

TEST(Function, OptionalArgumentLeftOut) {
  TestModel model = calling_model("MaybeClip");
  FunctionProto& function = add_function(model, "MaybeClip", {"a", "low"}, {"r"});
  add_node(function, "Clip", {"a", "low"}, {"r"});
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ(node_at(**graph, 0).inputs.size(), 1U);
}

TEST(Function, RecursionIsRefused) {
  TestModel model = calling_model("A");
  add_node(add_function(model, "A", {"a"}, {"r"}), "B", {"a"}, {"r"}, "my");
  add_node(add_function(model, "B", {"a"}, {"r"}), "A", {"a"}, {"r"}, "my");
  EXPECT_THAT(model.run().status().message(), HasSubstr("function my::A calls itself"));
}

TEST(Function, ExponentialGrowthIsRefused) {
  TestModel model = calling_model("F0");
  for (int i = 0; i < 40; ++i) {
    FunctionProto& function = add_function(model, "F" + std::to_string(i), {"a"}, {"r"});
    const std::string next = "F" + std::to_string(i + 1);
    add_node(function, next, {"a"}, {"t"}, "my");
    add_node(function, next, {"t"}, {"r"}, "my");
  }
  add_function(model, "F40", {"a"}, {"a"});
  EXPECT_EQ(model.run().status().code(), StatusCode::kResourceExhausted);
}

TEST(Function, ErrorsAndUnsupportedNodesInside) {
  TestModel model = calling_model("F");
  FunctionProto& function = add_function(model, "F", {"a"}, {"r"});
  add_node(function, "Strange", {"a"}, {"r"});
  EXPECT_THAT(model.run().status().message(), HasSubstr("node \"the_Strange\" in function F (Strange, opset 20)"));
  function.mutable_node(0)->set_op_type("MatMul");
  EXPECT_THAT(model.run().status().message(), HasSubstr("node \"the_F/the_Strange\" (MatMul)"));
  TestModel twice = calling_model("F");
  add_function(twice, "F", {"a"}, {"a"});
  add_function(twice, "F", {"a"}, {"a"});
  EXPECT_THAT(twice.run().status().message(), HasSubstr("defined twice"));
}

}  // namespace
}  // namespace ingot::onnx
