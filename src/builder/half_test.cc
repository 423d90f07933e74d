// SPDX-License-Identifier: Apache-2.0
// Which operands of plugins become half.
#include "builder/half.h"

#include <gtest/gtest.h>

#include <deque>

#include "ir/text.h"
#include "plugin/registry.h"
#include "plugin/test_operators.h"

namespace ingot::builder {
namespace {

// An operator of one input that takes both types of the list in turn, for its operand and its result.
template <std::int32_t... types>
std::int32_t offer(void*, const ingot_plugin_operands*, std::size_t index, ingot_plugin_format* formats) {
  constexpr std::int32_t kTypes[] = {types...};
  if (index >= std::size(kTypes)) return 0;
  formats[0].dtype = formats[1].dtype = kTypes[index];
  return 1;
}

// The steps of Relu -> the operator -> Relu, made half, in short: kind and the types of all operands.
std::string halved(const char* name, decltype(ingot_plugin_operator::combination) combination) {
  static std::deque<plugin::TestLibrary> libraries;  // they live as long as the process
  plugin::TestLibrary& test = libraries.emplace_back(name);
  test.op.combination = combination;
  const auto library = plugin::Registry::global().add(&test.library);
  EXPECT_TRUE(library.is_ok()) << library.status().to_string();
  auto graph = ir::parse(fmt::format(R"(graph "g" (%x: f32[2, 3]) -> (%y) {{
    %a: f32[2, 3] = Softmax(%x)
    %b: f32[2, 3] = test::{}(%a)
    %y: f32[2, 3] = Softmax(%b)
  }})",
                                     name));
  EXPECT_TRUE(graph.is_ok()) << graph.status().to_string();
  auto lowered = lower(**graph, {});
  EXPECT_TRUE(lowered.is_ok()) << lowered.status().to_string();
  EXPECT_TRUE(make_half(*lowered, DType::f16).is_ok());
  std::string text;
  for (const LoweredStep& step : lowered->steps) {
    text += step.problem.kind + "(";
    for (const Operand& operand : step.problem.inputs) text += to_string(operand.dtype);
    text += fmt::format("->{}) ", to_string(step.problem.outputs[0].dtype));
  }
  return text;
}

constexpr std::string_view kAllHalf =
    "Pointwise(f32->f16) Softmax(f16->f16) test::{}(f16->f16) Softmax(f16->f16) Pointwise(f16->f32) ";
constexpr std::string_view kSingle =
    "Pointwise(f32->f16) Softmax(f16->f16) Pointwise(f16->f32) test::{}(f32->f32) Pointwise(f32->f16) "
    "Softmax(f16->f16) "
    "Pointwise(f16->f32) ";

TEST(MakeHalf, GivesHalfToPluginsThatOfferIt) {
  EXPECT_EQ(halved("Both", offer<INGOT_PLUGIN_F32, INGOT_PLUGIN_F16>), fmt::format(fmt::runtime(kAllHalf), "Both"));
  EXPECT_EQ(halved("Any", offer<INGOT_PLUGIN_ANY_TYPE>), fmt::format(fmt::runtime(kAllHalf), "Any"));
}

TEST(MakeHalf, LeavesOtherPluginsInSinglePrecision) {
  EXPECT_EQ(halved("Single", offer<INGOT_PLUGIN_F32>), fmt::format(fmt::runtime(kSingle), "Single"));
  EXPECT_EQ(halved("Other", offer<INGOT_PLUGIN_F32, INGOT_PLUGIN_BF16>), fmt::format(fmt::runtime(kSingle), "Other"));
  EXPECT_EQ(halved("Silent", nullptr), fmt::format(fmt::runtime(kSingle), "Silent"));
}

}  // namespace
}  // namespace ingot::builder
