// SPDX-License-Identifier: Apache-2.0
// Which operands become half, and which must not.
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

// The steps of a program made half, in short: kind and the types of all operands.
std::string halved(const std::string& text) {
  auto graph = ir::parse(text);
  EXPECT_TRUE(graph.is_ok()) << graph.status().to_string();
  auto lowered = lower(**graph, {}, {});
  EXPECT_TRUE(lowered.is_ok()) << lowered.status().to_string();
  EXPECT_TRUE(make_half(*lowered, DType::f16).is_ok());
  std::string steps;
  for (const LoweredStep& step : lowered->steps) {
    steps += step.problem.kind + "(";
    for (const Operand& operand : step.problem.inputs) steps += to_string(operand.dtype);
    steps += fmt::format("->{}) ", to_string(step.problem.outputs[0].dtype));
  }
  return steps;
}

// Softmax -> the operator of a plugin -> Softmax.
std::string halved(const char* name, decltype(ingot_plugin_operator::combination) combination) {
  static std::deque<plugin::TestLibrary> libraries;  // they live as long as the process
  plugin::TestLibrary& test = libraries.emplace_back(name);
  test.op.combination = combination;
  const auto library = plugin::Registry::global().add(&test.library);
  EXPECT_TRUE(library.is_ok()) << library.status().to_string();
  return halved(fmt::format(R"(graph "g" (%x: f32[2, 3]) -> (%y) {{
    %a: f32[2, 3] = Softmax(%x)
    %b: f32[2, 3] = test::{}(%a)
    %y: f32[2, 3] = Softmax(%b)
  }})",
                            name));
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

// What `middle` makes %b of %a, between two Softmax, and of the weights %w where it wants them.
std::string between(std::string_view middle) {
  return halved(fmt::format(R"(graph "g" (%x: f32[1, 2, 4, 4], %i: i64[1, 2, 4, 4]) -> (%y) {{
    %a: f32[1, 2, 4, 4] = Softmax(%x)
    {}
    %y: f32[1, 2, 4, 4] = Softmax(%b)
  }})",
                            middle));
}

// An output of the network that another step reads too: as the half that it was.
TEST(MakeHalf, WidensOutputsForTheCallerAlone) {
  EXPECT_EQ(halved(R"(graph "g" (%x: f32[2, 3]) -> (%a, %y) {
    %a: f32[2, 3] = Softmax(%x)
    %y: f32[2, 3] = Softmax(%a)
  })"),
            "Pointwise(f32->f16) Softmax(f16->f16) Pointwise(f16->f32) Softmax(f16->f16) Pointwise(f16->f32) ");
}

TEST(MakeHalf, KeepsSumsOfIntegers) {
  EXPECT_EQ(between("%b: f32[1, 2, 4, 4] = MatMul(%a, %a) {exact=1}"),
            "Pointwise(f32->f16) Softmax(f16->f16) Pointwise(f16->f32) MatMul(f32f32->f32) Pointwise(f32->f16) "
            "Softmax(f16->f16) Pointwise(f16->f32) ");
}

// Minus a lot stays finite where it meets an operator that wants halves.
TEST(MakeHalf, KeepsMasks) {
  const std::string steps = between(R"(%b: f32[1, 2, 4, 4] = Pointwise(%a, %i) {expr="(x0:f32, x1:i64) {
      t0 = cast<f32>(x1); t1 = const<f32>(-3.4e38); t2 = mul(t0, t1); t3 = add(x0, t2) }"})");
  EXPECT_EQ(steps,
            "Pointwise(f32->f16) Softmax(f16->f16) Pointwise(f16i64->f32) Pointwise(f32->f16) Softmax(f16->f16) "
            "Pointwise(f16->f32) ");
}

TEST(MakeHalf, KeepsWhatDecides) {
  // A filter for peaks: an element that is the largest around it.
  EXPECT_EQ(between(R"(%b: f32[1, 2, 4, 4] = MaxPool(%a, %a) {kernel_shape=[3, 3], pads=[1, 1, 1, 1],
      epilogue="(x0:f32, x1:f32) { t0 = equal(x0, x1); t1 = cast<f32>(t0); t2 = mul(x1, t1) }", epilogue_inputs=1})"),
            "Pointwise(f32->f16) Softmax(f16->f16) Pointwise(f16->f32) MaxPool(f32f32->f32) Pointwise(f32->f16) "
            "Softmax(f16->f16) Pointwise(f16->f32) ");
  // Coordinates, back to the product that makes them, whose sums are fp32 anyway.
  EXPECT_EQ(halved(R"(graph "g" (%x: f32[1, 2, 4, 4], %p: f32[1, 3, 3, 8]) -> (%y) {
    %q: f32[1, 3, 3, 8] = Softmax(%p)
    const %w: f32[8, 2] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8]
    %m: f32[1, 3, 3, 2] = MatMul(%q, %w)
    %g: f32[1, 3, 3, 2] = Pointwise(%m) {expr="(x0:f32) { t0 = tanh(x0) }"}
    %s: f32[1, 2, 3, 3] = GridSample(%x, %g)
    %y: f32[1, 2, 3, 3] = Softmax(%s)
  })"),
            "Pointwise(f32->f16) Softmax(f16->f16) MatMul(f16f16->f32) Pointwise(f32->f32) GridSample(f32f32->f32) "
            "Pointwise(f32->f16) Softmax(f16->f16) Pointwise(f16->f32) ");
  // A threshold decides nothing about the order of elements.
  EXPECT_EQ(between(R"(%b: f32[1, 2, 4, 4] = Pointwise(%a) {expr="(x0:f32) { t0 = const<f32>(0.5);
      t1 = greater(x0, t0); t2 = select(t1, x0, t0) }"})"),
            "Pointwise(f32->f16) Softmax(f16->f16) Pointwise(f16->f16) Softmax(f16->f16) Pointwise(f16->f32) ");
}

// The boxes that were chosen are coordinates still: those of an anchor, moved, and then scaled to the image.
TEST(MakeHalf, KeepsWhatWasChosen) {
  EXPECT_EQ(halved(R"(graph "g" (%p: f32[3, 8], %s: f32[1, 1, 3], %i: i64[3]) -> (%y, %n) {
    %q: f32[3, 8] = Softmax(%p)
    const %w: f32[8, 4] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8]
    %m: f32[3, 4] = MatMul(%q, %w)
    const %anchors: f32[2, 4] = [300.1, 300.2, 300.3, 300.4, 300.1, 300.2, 300.3, 300.4]
    %a: f32[3, 4] = Gather(%anchors, %i) {axis=0}
    %b: f32[3, 4] = Pointwise(%m, %a) {expr="(x0:f32, x1:f32) { t0 = add(x0, x1) }"}
    const %shape: i64[3] = [1, 3, 4]
    %c: f32[1, 3, 4] = Reshape(%b, %shape)
    %n: i64[selected, 3] = NonMaxSuppression(%c, %s)
    %k: f32[3, 4] = Gather(%b, %i) {axis=0}
    %y: f32[3, 4] = Pointwise(%k) {expr="(x0:f32) { t0 = const<f32>(0.6); t1 = mul(x0, t0) }"}
  })"),
            "Pointwise(f32->f16) Softmax(f16->f16) MatMul(f16f16->f32) Gather(f32i64->f32) Pointwise(f32f32->f32) "
            "NonMaxSuppression(f32f32->i64) Gather(f32i64->f32) Pointwise(f32->f32) ");
}

// Bytes times a scale that leaves nothing of them in a half, and the weights that bring them back.
TEST(MakeHalf, KeepsTinyAndHugeFactors) {
  const auto dequantized = [](const char* scale, const char* weight) {
    return halved(fmt::format(R"(graph "g" (%x: u8[2, 2]) -> (%y) {{
      %a: f32[2, 2] = Pointwise(%x) {{expr="(x0:u8) {{ t0 = cast<f32>(x0); t1 = const<f32>({}); t2 = mul(t0, t1) }}"}}
      const %w: f32[2, 2] = [{}, 1, 1, 1]
      %b: f32[2, 2] = MatMul(%a, %w)
      %y: f32[2, 2] = Softmax(%b)
    }})",
                              scale, weight));
  };
  EXPECT_EQ(dequantized("0.02", "3"), "Pointwise(u8->f16) MatMul(f16f16->f16) Softmax(f16->f16) Pointwise(f16->f32) ");
  const char* const single =
      "Pointwise(u8->f32) MatMul(f32f32->f32) Pointwise(f32->f16) Softmax(f16->f16) "
      "Pointwise(f16->f32) ";
  EXPECT_EQ(dequantized("1e-8", "3"), single);
  EXPECT_EQ(dequantized("0.02", "1e7"), single);
}

}  // namespace
}  // namespace ingot::builder
