// SPDX-License-Identifier: Apache-2.0
// What operators of older opsets become.
#include "onnx/upgrades.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/test_model.h"

namespace ingot::onnx {
namespace {

using namespace testing;
using ::testing::HasSubstr;

std::shared_ptr<ir::Graph> import_ok(const TestModel& model) {
  auto graph = model.run();
  EXPECT_TRUE(graph.is_ok()) << graph.status().to_string();
  return graph.is_ok() ? *graph : std::make_shared<ir::Graph>();
}

Ints ints_input(const ir::Graph& graph, const ir::Node& node, std::size_t index) {
  const HostTensor* tensor = graph.constant(node.inputs.at(index));
  Ints values;
  for (std::int64_t i = 0; tensor != nullptr && i < tensor->elements(); ++i) values.push_back(tensor->as_int(i));
  return values;
}

TEST(Upgrade, AttributesThatBecameInputs) {
  struct Case {
    const char* op;
    std::int64_t opset;
    std::vector<std::pair<const char*, std::vector<std::int64_t>>> attributes;
    std::string type;
  };
  const std::vector<Case> cases = {
      {"Squeeze", 11, {{"axes", {1}}}, "f32[2, 4, 6]"},
      {"Unsqueeze", 11, {{"axes", {0}}}, "f32[1, 2, 1, 4, 6]"},
      {"ReduceSum", 11, {{"axes", {3}}}, "f32[2, 1, 4, 1]"},
      {"ReduceMean", 17, {{"axes", {2, 3}}}, "f32[2, 1, 1, 1]"},
      {"Slice", 9, {{"starts", {1}}, {"ends", {3}}, {"axes", {2}}}, "f32[2, 1, 2, 6]"},
      {"Slice", 9, {{"starts", {1}}, {"ends", {2}}}, "f32[1, 1, 4, 6]"},
      {"Pad", 10, {{"pads", {0, 0, 1, 1, 0, 0, 1, 1}}}, "f32[2, 1, 6, 8]"},
  };
  for (const Case& test : cases) {
    TestModel model(test.opset);
    NodeProto& node = one_node(model, test.op, {2, 1, 4, 6});
    for (const auto& [name, values] : test.attributes) {
      auto& attribute = add_attribute(node, name, AttributeType::integers);
      for (const std::int64_t value : values) attribute.add_ints(value);
    }
    const auto graph = import_ok(model);
    EXPECT_EQ(ops_of(*graph), test.op);
    EXPECT_EQ(output_type(*graph), test.type) << test.op;
  }
}

TEST(Upgrade, Clip) {
  TestModel model(6 + 1);
  NodeProto& node = one_node(model, "Clip", {2});
  set(node, "max", 6.0F);
  const auto graph = import_ok(model);
  const ir::Node& clip = node_at(*graph, 0);
  ASSERT_EQ(clip.inputs.size(), 3U);
  EXPECT_EQ(clip.inputs[1], ir::kNoValue);
  EXPECT_EQ(graph->constant(clip.inputs[2])->as_double(0), 6.0);
}

TEST(Upgrade, PadValue) {
  TestModel model(10);
  NodeProto& node = one_node(model, "Pad", {2});
  set(node, "pads", {1, 1});
  set(node, "value", 3.0F);
  const auto graph = import_ok(model);
  EXPECT_EQ(graph->constant(node_at(*graph, 0).inputs.at(2))->as_double(0), 3.0);
}

TEST(Upgrade, SplitAndTopK) {
  TestModel split(11);
  set(one_node(split, "Split", {6}, {"x"}, {"a", "b"}), "split", {2, 4});
  EXPECT_EQ(output_type(*import_ok(split), 1), "f32[4]");
  TestModel equal(11);
  one_node(equal, "Split", {6}, {"x"}, {"a", "b"});
  EXPECT_EQ(output_type(*import_ok(equal), 1), "f32[3]");
  TestModel unused(11);
  one_node(unused, "Split", {6}, {"x"}, {"a"}).add_output("");
  EXPECT_EQ(output_type(*import_ok(unused)), "f32[3]");
  TestModel top(9);
  set(one_node(top, "TopK", {6}, {"x"}, {"v", "i"}), "k", std::int64_t{2});
  const auto graph = import_ok(top);
  EXPECT_EQ(output_type(*graph, 1), "i64[2]");
  EXPECT_EQ(ints_input(*graph, node_at(*graph, 0), 1), Ints{2});
}

TEST(Upgrade, SoftmaxOfOldFlattens) {
  TestModel flat(11);
  one_node(flat, "Softmax", {2, 3, 4});
  EXPECT_EQ(ops_of(*import_ok(flat)), "Flatten Softmax Shape Reshape");
  EXPECT_EQ(output_type(*import_ok(flat)), "f32[2, 3, 4]");
  TestModel last(11);
  set(one_node(last, "LogSoftmax", {2, 3, 4}), "axis", std::int64_t{2});
  EXPECT_EQ(ops_of(*import_ok(last)), "LogSoftmax");
  TestModel ones(11);
  one_node(ones, "Softmax", {2, 3, 1, 1});
  EXPECT_EQ(node_at(*import_ok(ones), 0).attrs.get_int("axis", -1), 1);
  TestModel modern(13);
  one_node(modern, "Softmax", {2, 3, 4});
  EXPECT_EQ(ops_of(*import_ok(modern)), "Softmax");
}

TEST(Upgrade, Dropout) {
  TestModel model(10);
  one_node(model, "Dropout", {2}, {"x"}, {"y", "mask"});
  const auto graph = import_ok(model);
  EXPECT_EQ(ops_of(*graph), "Shape ConstantOfShape Identity");
  EXPECT_EQ(output_type(*graph, 1), "boolean[2]");
  EXPECT_EQ(graph->value(graph->outputs()[1]).name, "mask");
  TestModel training(13);
  add_input(training.graph(), "t", {}, DType::boolean);
  one_node(training, "Dropout", {2}, {"x", "", "t"});
  EXPECT_EQ(ops_of(*import_ok(training)), "Where RandomUniformLike GreaterOrEqual Sub Cast Div Where");
}

TEST(Upgrade, GemmWithBias) {
  TestModel model;
  NodeProto& node = one_node(model, "Gemm", {2, 3}, {"x", "w", "b"});
  add_floats(model.graph(), "w", {5, 3});
  add_floats(model.graph(), "b", {5}, 2.0F);
  set(node, "transB", std::int64_t{1});
  set(node, "alpha", 3.0F);
  set(node, "beta", 0.5F);
  const auto graph = import_ok(model);
  ASSERT_EQ(ops_of(*graph), "MatMul");
  const ir::Node& product = node_at(*graph, 0);
  EXPECT_EQ(product.attrs.get_int("transB", 0), 1);
  EXPECT_EQ(product.attrs.get_float("alpha", 1), 3.0);
  EXPECT_EQ(graph->constant(product.inputs.at(2))->as_double(4), 1.0);
  EXPECT_EQ(output_type(*graph), "f32[2, 5]");
}

TEST(Upgrade, GemmWithOtherAddends) {
  for (const std::vector<std::int64_t>& shape : std::vector<std::vector<std::int64_t>>{{2, 1}, {}, {1}}) {
    TestModel model;
    one_node(model, "Gemm", {2, 3}, {"x", "w", "c"});
    add_floats(model.graph(), "w", {3, 5});
    add_floats(model.graph(), "c", shape);
    EXPECT_EQ(ops_of(*import_ok(model)), "MatMul Add");
  }
  TestModel row;
  one_node(row, "Gemm", {2, 3}, {"x", "w", "c"});
  add_floats(row.graph(), "w", {3, 5});
  add_floats(row.graph(), "c", {1, 5});
  EXPECT_EQ(ops_of(*import_ok(row)), "MatMul");
  TestModel computed;
  add_input(computed.graph(), "c", {5});
  set(one_node(computed, "Gemm", {2, 3}, {"x", "w", "c"}), "beta", 2.0F);
  add_floats(computed.graph(), "w", {3, 5});
  EXPECT_EQ(ops_of(*import_ok(computed)), "Mul MatMul");
  TestModel rank;
  one_node(rank, "Gemm", {2, 3, 4}, {"x", "w"});
  add_floats(rank.graph(), "w", {4, 5});
  EXPECT_THAT(rank.run().status().message(), HasSubstr("Gemm takes matrices"));
}

TEST(Upgrade, BatchNormalization) {
  const auto make = [](std::int64_t opset, const char* attribute, std::int64_t value) {
    TestModel model(opset);
    NodeProto& node = one_node(model, "BatchNormalization", {1, 3, 4}, {"x", "p", "p", "p", "p"});
    const bool each = std::string_view(attribute) == "spatial" && value == 0;
    add_floats(model.graph(), "p", each ? std::vector<std::int64_t>{3, 4} : std::vector<std::int64_t>{3});
    set(node, attribute, value);
    set(node, "momentum", 0.9F);
    return model;
  };
  EXPECT_EQ(ops_of(*import_ok(make(7, "spatial", 1))), "BatchNormalization");
  EXPECT_EQ(ops_of(*import_ok(make(7, "spatial", 0))), "Add Sqrt Sub Div Mul Add");
  EXPECT_EQ(ops_of(*import_ok(make(15, "training_mode", 1))),
            "ReduceMean Sub Mul ReduceMean ReduceMean Cast Cast BatchNormalization");
}

TEST(Upgrade, GroupNormalizationPerGroup) {
  TestModel model(18);
  NodeProto& node = one_node(model, "GroupNormalization", {1, 6, 4}, {"x", "p", "p"});
  add_floats(model.graph(), "p", {2});
  set(node, "num_groups", std::int64_t{2});
  const auto graph = import_ok(model);
  EXPECT_EQ(ops_of(*graph), "Reshape Expand Reshape Reshape Expand Reshape GroupNormalization");
}

void add_scales(TestModel& model, std::initializer_list<float> values) {
  TensorProto& scales = *model.graph().add_initializer();
  scales.set_name("s");
  scales.set_data_type(1);
  scales.add_dims(static_cast<std::int64_t>(values.size()));
  for (const float scale : values) scales.add_float_data(scale);
}

TEST(Upgrade, FirstResizeThatShrinks) {
  const auto make = [](std::initializer_list<float> scales) {
    TestModel model(10);
    one_node(model, "Resize", {1, 3, 4, 4}, {"x", "s"});
    add_scales(model, scales);
    return import_ok(model);
  };
  EXPECT_EQ(node_at(*make({1, 1, 2, 1}), 0).attrs.get_string("nearest_mode", ""), "floor");
  EXPECT_EQ(node_at(*make({1, 1, 0.5F, 1}), 0).attrs.get_string("nearest_mode", ""), "ceil");
  const auto both = make({1, 1, 0.5F, 2});
  ASSERT_EQ(ops_of(*both), "Max Resize Min Resize");
  EXPECT_EQ(node_at(*both, 1).attrs.get_string("nearest_mode", ""), "floor");
  EXPECT_EQ(node_at(*both, 3).attrs.get_string("nearest_mode", ""), "ceil");
}

TEST(Upgrade, UpsampleAndFirstResize) {
  TestModel upsample(9);
  one_node(upsample, "Upsample", {1, 3, 4, 4}, {"x", "s"});
  add_scales(upsample, {1, 1, 2, 2});
  const auto graph = import_ok(upsample);
  ASSERT_EQ(ops_of(*graph), "Resize");
  EXPECT_EQ(node_at(*graph, 0).attrs.get_string("coordinate_transformation_mode", ""), "asymmetric");
  EXPECT_EQ(node_at(*graph, 0).attrs.get_string("nearest_mode", ""), "floor");
  EXPECT_EQ(output_type(*graph), "f32[1, 3, 8, 8]");
}

TEST(Upgrade, ResizeDropsEmptyOperands) {
  TestModel model(11);
  one_node(model, "Resize", {1, 3, 4, 4}, {"x", "none", "none", "sizes"});
  add_floats(model.graph(), "none", {0});
  add_ints(model.graph(), "sizes", {1, 3, 6, 6});
  const auto graph = import_ok(model);
  EXPECT_EQ(node_at(*graph, 0).inputs.at(1), ir::kNoValue);
  EXPECT_EQ(node_at(*graph, 0).inputs.at(2), ir::kNoValue);
  EXPECT_EQ(output_type(*graph), "f32[1, 3, 6, 6]");
}

TEST(Upgrade, AutoPadBecomesPads) {
  const auto conv = [](const char* auto_pad, const TestDim& size, std::int64_t stride) {
    TestModel model;
    NodeProto& node = one_node(model, "Conv", {1, 2, size}, {"x", "w"});
    add_floats(model.graph(), "w", {4, 2, 4});
    set(node, "auto_pad", auto_pad);
    set(node, "strides", {stride});
    return import_ok(model);
  };
  EXPECT_EQ(node_at(*conv("SAME_UPPER", 8, 1), 0).attrs.get_ints("pads", {}), (Ints{1, 2}));
  EXPECT_EQ(node_at(*conv("SAME_LOWER", 8, 1), 0).attrs.get_ints("pads", {}), (Ints{2, 1}));
  EXPECT_EQ(output_type(*conv("SAME_UPPER", 9, 2)), "f32[1, 4, 5]");
  EXPECT_EQ(node_at(*conv("SAME_UPPER", "W", 1), 0).attrs.get_ints("pads", {}), (Ints{1, 2}));
  EXPECT_TRUE(node_at(*conv("SAME_UPPER", "W", 2), 0).attrs.has("auto_pad"));
  EXPECT_FALSE(node_at(*conv("VALID", 8, 1), 0).attrs.has("auto_pad"));
  TestModel wrong;
  set(one_node(wrong, "MaxPool", {1, 2, 8}), "auto_pad", "SAME");
  EXPECT_THAT(wrong.run().status().message(), HasSubstr("auto_pad is \"SAME\""));
}

TEST(Upgrade, ConvTransposeOutputShape) {
  TestModel model;
  NodeProto& node = one_node(model, "ConvTranspose", {1, 2, 5}, {"x", "w"});
  add_floats(model.graph(), "w", {2, 3, 4});
  set(node, "strides", {2});
  set(node, "output_shape", {9});
  const auto graph = import_ok(model);
  EXPECT_EQ(output_type(*graph), "f32[1, 3, 9]");
  EXPECT_EQ(node_at(*graph, 0).attrs.get_ints("pads", {}), (Ints{2, 1}));
}

TEST(Upgrade, RenamedOrLowered) {
  TestModel scatter(9);
  add_ints(scatter.graph(), "i", {0});
  add_floats(scatter.graph(), "u", {1});
  one_node(scatter, "Scatter", {4}, {"x", "i", "u"});
  EXPECT_EQ(ops_of(*import_ok(scatter)), "ScatterElements");
  TestModel cast(19);
  add_input(cast.graph(), "like", {1}, DType::f16);
  one_node(cast, "CastLike", {4}, {"x", "like"});
  EXPECT_EQ(ops_of(*import_ok(cast)), "Cast");
  EXPECT_EQ(output_type(*import_ok(cast)), "f16[4]");
  TestModel to(9);
  set(one_node(to, "Cast", {4}), "to", std::int64_t{7});
  EXPECT_EQ(output_type(*import_ok(to)), "i64[4]");
  TestModel grid(16);
  add_input(grid.graph(), "g", {1, 3, 3, 2});
  set(one_node(grid, "GridSample", {1, 2, 4, 4}, {"x", "g"}), "mode", "bilinear");
  EXPECT_EQ(node_at(*import_ok(grid), 0).attrs.get_string("mode", ""), "linear");
}

TEST(Upgrade, IllTypedAttributesAreErrors) {
  for (const auto& [op, attribute] : std::vector<std::pair<const char*, const char*>>{{"Squeeze", "axes"},
                                                                                      {"Clip", "min"},
                                                                                      {"Softmax", "axis"},
                                                                                      {"TopK", "k"},
                                                                                      {"AveragePool", "kernel_shape"},
                                                                                      {"AveragePool", "auto_pad"},
                                                                                      {"Gemm", "transB"},
                                                                                      {"BatchNormalization", "spatial"},
                                                                                      {"Upsample", "scales"}}) {
    TestModel model(9);
    NodeProto& node = one_node(model, op, {2, 2}, {"x", "x", "x"});
    if (std::string_view(attribute) == "kernel_shape") set(node, "auto_pad", "SAME_UPPER");
    const std::string_view name = attribute;
    const bool is_text = name == "auto_pad";
    if (is_text) {
      set(node, attribute, std::int64_t{1});
    } else {
      set(node, attribute, "text");
    }
    const Status status = model.run().status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << op << " " << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr(fmt::format("attribute {} has the wrong type", attribute)));
  }
}

}  // namespace
}  // namespace ingot::onnx
