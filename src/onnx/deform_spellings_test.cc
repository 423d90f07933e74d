// SPDX-License-Identifier: Apache-2.0
// Every spelling of deformable convolution becomes the same DeformConv; what is missing or contradictory is an error.
#include "onnx/deform_spellings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "onnx/test_model.h"

namespace ingot::onnx {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// x [2, 4, 6, 7], 2 groups, 2 offset groups, a 3x2 kernel with stride (1, 2), padding (1, 0) and dilation (2, 1): the
// output is [2, 6, 4, 3].
constexpr std::int64_t kOffsets = 24, kMasks = 12;

struct Spelled {
  std::string name;
  std::string domain;
  std::vector<const char*> inputs;
  std::function<void(NodeProto&)> attributes;
  bool mask = true, bias = true;
  std::int64_t opset = 13;
};

TestModel make(const Spelled& test) {
  TestModel model(test.opset);
  GraphProto& graph = model.graph();
  add_input(graph, "x", {2, 4, 6, 7});
  add_input(graph, "offset", {2, kOffsets, 4, 3});
  add_input(graph, "mask", {2, kMasks, 4, 3});
  add_input(graph, "merged", {2, kOffsets + kMasks, 4, 3});
  add_floats(graph, "w", {6, 2, 3, 2});
  add_floats(graph, "b", {6});
  add_floats(graph, "none", {0});
  for (const auto& [name, value] : std::vector<std::pair<const char*, std::int64_t>>{{"i0", 0}, {"i1", 1}, {"i2", 2}})
    add_ints(graph, name, {value});
  add_output(graph, "y");
  if (!test.domain.empty()) TestModel::import(model.proto, test.domain, 1);
  NodeProto& node = add_node(graph, test.name, {}, {"y"}, test.domain);
  for (const char* input : test.inputs) node.add_input(input);
  test.attributes(node);
  return model;
}

using Setter = std::function<void(NodeProto&)>;

Setter window(const char* stride, const char* padding, const char* dilation, const char* group,
              const char* offset_group) {
  return [=](NodeProto& node) {
    set(node, stride, {1, 2});
    set(node, padding, {1, 0});
    set(node, dilation, {2, 1});
    set(node, group, std::int64_t{2});
    set(node, offset_group, std::int64_t{2});
  };
}

Setter onnx_window(const char* offset_group) {
  return [=](NodeProto& node) {
    set(node, "strides", {1, 2});
    set(node, "pads", {1, 0, 1, 0});
    set(node, "dilations", {2, 1});
    set(node, "group", std::int64_t{2});
    if (offset_group != nullptr) set(node, offset_group, std::int64_t{2});
  };
}

Setter paired_pads(const char* stride, const char* padding, const char* dilation) {
  return [=](NodeProto& node) {
    set(node, stride, {1, 2});
    set(node, padding, {1, 1, 0, 0});
    set(node, dilation, {2, 1});
    set(node, "groups", std::int64_t{2});
    set(node, padding == std::string("pads") ? "deformable_groups" : "deform_groups", std::int64_t{2});
  };
}

void texts(NodeProto& node) {
  for (const auto& [name, value] : std::vector<std::pair<const char*, const char*>>{{"stride_h", "1"},
                                                                                    {"stride_w", "2"},
                                                                                    {"padding_h", "1"},
                                                                                    {"padding_w", "0"},
                                                                                    {"dilation_h", "2"},
                                                                                    {"dilation_w", "1"},
                                                                                    {"groups", "2"},
                                                                                    {"deformable_groups", "2"}})
    set(node, name, value);
}

void info(NodeProto& node) {
  set(node, "name", "DCNv2");
  set(node, "info",
      R"({"dilation": [2, 1], "padding": [1, 0], "stride": [1, 2], "groups": 2, "deformable_groups": 2})");
}

TEST(DeformSpellings, AllBecomeTheSame) {
  const Setter groups = window("stride", "padding", "dilation", "groups", "deform_groups");
  const Setter group = window("stride", "padding", "dilation", "group", "deformable_group");
  const Setter deformable = window("stride", "padding", "dilation", "groups", "deformable_groups");
  const std::vector<Spelled> cases = {
      {"DeformConv", "", {"x", "w", "offset", "b", "mask"}, onnx_window("offset_group"), true, true, 19},
      {"DeformConv", "", {"x", "w", "offset", "b", "mask"}, onnx_window("offset_group"), true, true, 22},
      {"DeformConv", "", {"x", "w", "offset", "", "mask"}, onnx_window("offset_group"), true, false, 19},
      {"DeformConv", "", {"x", "w", "offset", "none", "mask"}, onnx_window("offset_group"), true, false, 19},
      {"DeformConv", "", {"x", "w", "offset"}, onnx_window("offset_group"), false, false, 19},
      {"DeformConv", "", {"x", "w", "offset", "mask", "b"}, groups, true, true, 19},
      {"DeformConv", "", {"x", "w", "offset", "b", "mask"}, onnx_window(nullptr), true, true, 19},
      {"DeformConv", "", {"x", "offset", "w"}, deformable, false, false, 11},
      {"DeformConv", "custom", {"x", "offset", "w"}, deformable, false, false},
      {"DeformConv2d", "custom", {"x", "offset", "w"}, deformable, false, false},
      {"deform_conv2d",
       "torchvision",
       {"x", "w", "offset", "mask", "b"},
       window("stride", "padding", "dilation", "groups", "offset_groups")},
      {"deform_conv2d",
       "torchvision",
       {"x", "w", "offset", "mask", "b", "i1", "i2", "i1", "i0", "i2", "i1", "i2", "i2", "i1"},
       [](NodeProto&) {}},
      {"deform_conv2d",
       "torchvision",
       {"x", "w", "offset", "none", "b", "i1", "i2", "i1", "i0", "i2", "i1", "i2", "i2", "i0"},
       [](NodeProto&) {},
       false},
      {"MMCVModulatedDeformConv2d", "mmdeploy", {"x", "offset", "mask", "w", "b"}, groups},
      {"MMCVModulatedDeformConv2d", "mmcv", {"x", "offset", "mask", "w"}, group, true, false},
      {"MMCVDeformConv2d", "mmcv", {"x", "offset", "w"}, groups, false, false},
      {"MMCVDeformConv2d",
       "mmdeploy",
       {"x", "offset", "w"},
       paired_pads("stride", "padding", "dilation"),
       false,
       false},
      {"DeformableConv2D",
       "org.openvinotoolkit",
       {"x", "offset", "w"},
       paired_pads("strides", "pads", "dilations"),
       false,
       false},
      {"DeformableConv2D",
       "org.openvinotoolkit",
       {"x", "offset", "w", "mask"},
       paired_pads("strides", "pads", "dilations"),
       true,
       false},
      {"DCNv2", "", {"x", "offset", "mask", "w", "b"}, group},
      {"DCNv2", "yolact", {"x", "offset", "mask", "w", "b"}, texts},
      {"DCNv2", "dcn", {"x", "offset", "mask", "w", "b"}, deformable},
      {"DCNv2_2", "", {"x", "offset", "mask", "w", "b"}, deformable},
      {"DCN",
       "",
       {"x", "offset", "mask", "w", "b"},
       [=](NodeProto& node) {
         deformable(node);
         set(node, "version", "v2");
         set(node, "name", "DCN");
       }},
      {"ModulatedDeformConv2d", "", {"x", "offset", "mask", "w", "b"}, group},
      {"ModulatedDeformConv2d", "", {"x", "offset", "mask", "w"}, group, true, false},
      {"ModulatedDeformableConvPluginDynamic", "", {"x", "offset", "mask", "w", "b"}, group},
      {"DeformableConvPluginDynamic", "", {"x", "offset", "w"}, group, false, false},
      {"ModulatedDeformableConv2dTRT", "", {"x", "offset", "mask", "w", "b"}, groups},
      {"ModulatedDeformableConv2dTRT2", "", {"x", "offset", "mask", "w", "b"}, groups},
      {"deformable_conv",
       "paddle",
       {"x", "offset", "mask", "w"},
       window("strides", "paddings", "dilations", "groups", "deformable_groups"),
       true,
       false},
      {"DCNv2_TRT", "", {"x", "merged", "w", "b"}, deformable},
      {"_DCNv2", "", {"x", "merged", "w", "b"}, deformable},
      {"Plugin", "", {"x", "merged", "w", "b"}, info},
  };
  for (const Spelled& test : cases) {
    SCOPED_TRACE(test.domain + "::" + test.name + " of " + std::to_string(test.inputs.size()) + " inputs");
    const auto imported = make(test).run();
    ASSERT_TRUE(imported.is_ok()) << imported.status().to_string();
    const ir::Graph& graph = **imported;
    EXPECT_EQ(output_type(graph), "f32[2, 6, 4, 3]");
    const bool merged = test.inputs[1] == std::string("merged");
    EXPECT_EQ(ops_of(graph), merged ? "Slice Slice Sigmoid DeformConv" : "DeformConv");
    const ir::Node& node = node_at(graph, merged ? 3 : 0);
    EXPECT_EQ(node.attrs.get_ints("strides", {}), (Ints{1, 2}));
    EXPECT_EQ(node.attrs.get_ints("pads", {}), (Ints{1, 0, 1, 0}));
    EXPECT_EQ(node.attrs.get_ints("dilations", {}), (Ints{2, 1}));
    EXPECT_EQ(node.attrs.get_int("group", 0), 2);
    EXPECT_EQ(node.attrs.get_int("offset_group", 0), 2);
    const auto has = [&](std::size_t i) { return i < node.inputs.size() && node.inputs[i] != ir::kNoValue; };
    EXPECT_EQ(has(3), test.bias);
    EXPECT_EQ(has(4), test.mask);
    EXPECT_EQ(graph.value(node.inputs[1]).name, "w");
    if (!merged) {
      EXPECT_EQ(graph.value(node.inputs[2]).name, "offset");
      if (test.mask) {
        EXPECT_EQ(graph.value(node.inputs[4]).name, "mask");
      }
    } else {
      EXPECT_EQ(graph.value(node.inputs[2]).type.to_string(), "f32[2, 24, 4, 3]");
      EXPECT_EQ(graph.value(node.inputs[4]).type.to_string(), "f32[2, 12, 4, 3]");
    }
  }
}

TEST(DeformSpellings, EmptyInfoIsThreeByThree) {
  for (const char* attribute : {"info", "infos"}) {
    TestModel model(11);
    add_input(model.graph(), "x", {1, 4, 6, 7});
    add_input(model.graph(), "merged", {1, 27, 6, 7});
    add_floats(model.graph(), "w", {5, 4, 3, 3});
    add_floats(model.graph(), "b", {5});
    add_output(model.graph(), "y");
    NodeProto& node = add_node(model.graph(), "Plugin", {"x", "merged", "w", "b"}, {"y"});
    set(node, "name", "DCNv2");
    set(node, attribute, "");
    const auto imported = model.run();
    ASSERT_TRUE(imported.is_ok()) << imported.status().to_string();
    EXPECT_EQ(output_type(**imported), "f32[1, 5, 6, 7]");
  }
}

TEST(DeformSpellings, Refusals) {
  const auto without = [](const char* dropped) -> Setter {
    return [=](NodeProto& node) {
      if (dropped != std::string("stride")) set(node, "stride", {1, 2});
      if (dropped != std::string("padding")) set(node, "padding", {1, 0});
      if (dropped != std::string("dilation")) set(node, "dilation", {2, 1});
      if (dropped != std::string("groups")) set(node, "groups", std::int64_t{2});
      if (dropped != std::string("deformable_groups")) set(node, "deform_groups", std::int64_t{2});
    };
  };
  const auto with = [&](const char* name, auto value) -> Setter {
    return [=](NodeProto& node) {
      without("")(node);
      set(node, name, value);
    };
  };
  const auto json = [](const char* text) -> Setter {
    return [=](NodeProto& node) {
      set(node, "name", "DCNv2");
      set(node, "info", text);
    };
  };
  struct Case {
    const char* op;
    std::vector<const char*> inputs;
    Setter attributes;
    const char* message;
  };
  const char* modulated = "MMCVModulatedDeformConv2d";
  const std::vector<const char*> four = {"x", "offset", "mask", "w", "b"};
  const std::vector<const char*> merged = {"x", "merged", "w", "b"};
  const std::vector<Case> cases = {
      {modulated, four, without("stride"), "attribute stride is missing"},
      {modulated, four, without("padding"), "attribute padding is missing"},
      {modulated, four, without("dilation"), "attribute dilation is missing"},
      {modulated, four, without("groups"), "attribute groups is missing"},
      {modulated, four, without("deformable_groups"), "attribute deformable_groups is missing"},
      {modulated, four, with("deformable_groups", std::int64_t{3}), "contradicts"},
      {modulated, four, with("activation", "relu"), "attribute activation means nothing"},
      {modulated, four, with("kernel_size", std::int64_t{3}), "are not those of a deformable convolution"},
      {"DCNv2", four, with("pad", std::int64_t{1}), "contradicts"},
      {"MMCVDeformConv2d", four, without(""), "are not those of a deformable convolution"},
      {"Plugin", merged, json("{\"stride\": 1"), "attribute info"},
      {"Plugin", merged, json("{\"stride\": 1.5}"), "attribute stride must be an integer"},
      {"Plugin", merged, json(R"({"stride": [1, 2], "padding": [1, 0], "dilation": [2, 1], "groups": 2})"),
       "attribute deformable_groups is missing"},
      {"Plugin", merged,
       json(R"({"stride": [1, 2], "padding": [1, 0], "dilation": [2, 1], "groups": 2, "deformable_groups": 1})"),
       "given as 1, but the 36 channels of input 1 make 2"},
      {"Plugin", merged, json(R"({"stride": 1, "padding": 1, "dilation": 1, "groups": 2, "deformable_groups": 2})"),
       "offset"},
      {"Plugin", merged, [](NodeProto& node) { set(node, "name", "HSwish"); },
       "a Plugin node with name \"HSwish\": no plugin library that serves"},
  };
  for (const Case& test : cases) {
    const auto imported = make({test.op, "", test.inputs, test.attributes}).run();
    ASSERT_FALSE(imported.is_ok()) << test.op << ": " << test.message;
    EXPECT_THAT(imported.status().message(), HasSubstr(test.message));
  }
}

}  // namespace
}  // namespace ingot::onnx
