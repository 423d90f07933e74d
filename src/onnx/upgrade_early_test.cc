// SPDX-License-Identifier: Apache-2.0
// Models of opsets 1 to 6.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/test_model.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

using namespace testing;
using ::testing::HasSubstr;

void set_int(NodeProto& node, const char* name, std::int64_t value) {
  add_attribute(node, name, AttributeType::integer).set_i(value);
}

// The operators that a binary operator of an old opset becomes.
std::string binary(const char* op, std::vector<TestDim> second, std::optional<std::int64_t> axis) {
  TestModel model(6);
  NodeProto& node = one_node(model, op, {2, 3, 4, 5});
  add_input(model.graph(), "second", second);
  node.add_input("second");
  if (axis) {
    set_int(node, "broadcast", 1);
    set_int(node, "axis", *axis);
  }
  const auto graph = model.run();
  return graph.is_ok() ? fmt::format("{}: {}", ops_of(**graph), output_type(**graph)) : graph.status().to_string();
}

TEST(EarlyOpsets, BroadcastingByAttributes) {
  EXPECT_EQ(binary("Add", {2, 3, 4, 5}, {}), "Add: f32[2, 3, 4, 5]");
  EXPECT_EQ(binary("Add", {3}, 1), "Unsqueeze Add: f32[2, 3, 4, 5]");
  EXPECT_EQ(binary("Mul", {3, 4}, -3), "Unsqueeze Mul: f32[2, 3, 4, 5]");
  EXPECT_EQ(binary("Sub", {4, 5}, 2), "Sub: f32[2, 3, 4, 5]");
  EXPECT_THAT(binary("Sub", {4, 5}, 3), HasSubstr("axis 3 for ranks 4 and 2"));
}

TEST(EarlyOpsets, SlopesForChannels) { EXPECT_EQ(binary("PRelu", {3}, {}), "Unsqueeze PRelu: f32[2, 3, 4, 5]"); }

TEST(EarlyOpsets, Phases) {
  for (const std::int64_t is_test : {0, 1}) {
    TestModel model(6);
    set_int(one_node(model, "Dropout", {2}), "is_test", is_test);
    EXPECT_EQ(model.run().is_ok(), is_test == 1);
  }
}

TEST(EarlyOpsets, FirstForms) {
  TestModel cast(1);
  add_attribute(one_node(cast, "Cast", {2}), "to", AttributeType::text).set_s("INT32");
  EXPECT_EQ(output_type(*cast.run().value()), "i32[2]");
  TestModel reshape(1);
  add_attribute(one_node(reshape, "Reshape", {2, 3}), "shape", AttributeType::integers).add_ints(6);
  EXPECT_EQ(output_type(*reshape.run().value()), "f32[6]");
  TestModel hinted(1);
  add_attribute(one_node(hinted, "Relu", {2}), "consumed_inputs", AttributeType::integers).add_ints(0);
  EXPECT_EQ(ops_of(*hinted.run().value()), "Relu");
  TestModel tile(1);
  one_node(tile, "Tile", {2});
  EXPECT_EQ(tile.run().status().code(), StatusCode::kUnsupported);
}

}  // namespace
}  // namespace ingot::onnx
