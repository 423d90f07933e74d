// SPDX-License-Identifier: Apache-2.0
// Which convolutions read images as they come.
#include "builder/image_conv.h"

#include <gtest/gtest.h>

#include "builder/transpose_epilogues.h"
#include "ir/text.h"

namespace ingot::builder {
namespace {

// The kinds of the steps afterwards, each with the type and shape of its first operand.
std::string fused(const std::string& body, const std::string& outputs = "%y", bool solvable = true) {
  const std::string text = "graph \"g\" (%x: f32[1, 3, 4, 5], %w: f16[8, 3, 3, 3]) -> (" + outputs + ") {" + body + "}";
  auto graph = ir::parse(text);
  EXPECT_TRUE(graph.is_ok()) << graph.status().to_string();
  auto lowered = lower(**graph, {}, {});
  EXPECT_TRUE(lowered.is_ok()) << lowered.status().to_string();
  EXPECT_TRUE(fuse_transpose_epilogues(*lowered, [](const Problem&) { return true; }).is_ok());
  fuse_image_conv(*lowered, [&](const Problem& problem) {
    EXPECT_EQ(problem.kind, "ImageConv");
    EXPECT_FALSE(problem.attrs.has("channels_last"));
    return solvable;
  });
  std::string steps;
  for (const LoweredStep& step : lowered->steps) {
    const plan::Tensor& first = lowered->tensors[static_cast<std::size_t>(step.inputs[0])];
    EXPECT_EQ(first.dtype, step.problem.inputs[0].dtype);
    steps += fmt::format("{}({}{}); ", step.problem.kind, to_string(first.dtype), to_string(first.shape));
  }
  return steps;
}

constexpr const char* kRounded = R"(
  %h: f16[1, 3, 4, 5] = Pointwise(%x) {expr="(x0:f32) { t0 = cast<f16>(x0) }"})";
constexpr const char* kTurned = R"(
  %l: f16[1, 4, 5, 3] = Transpose(%h) {perm=[0, 2, 3, 1]})";
constexpr const char* kConv = R"(
  %y: f16[1, 2, 3, 8] = Conv(%l, %w) {channels_last=1}
)";

TEST(ImageConv, ReadsTheImage) {
  EXPECT_EQ(fused(std::string(kRounded) + kTurned + kConv), "ImageConv(f32[1, 3, 4, 5]); ");
  EXPECT_EQ(fused(std::string(kRounded) + kTurned + kConv, "%y", false),
            "Transpose(f32[1, 3, 4, 5]); Conv(f16[1, 4, 5, 3]); ");
}

TEST(ImageConv, LeavesWhatOthersReadAndWhatCounts) {
  EXPECT_EQ(fused(std::string(kRounded) + kTurned + kConv, "%y, %l"),
            "Transpose(f32[1, 3, 4, 5]); Conv(f16[1, 4, 5, 3]); ");
  const std::string scaled = R"(
  %h: f16[1, 3, 4, 5] = Pointwise(%x) {expr="(x0:f32) { t0 = add(x0, x0); t1 = cast<f16>(t0) }"})";
  EXPECT_EQ(fused(scaled + kTurned + kConv), "Transpose(f32[1, 3, 4, 5]); Conv(f16[1, 4, 5, 3]); ");
}

}  // namespace
}  // namespace ingot::builder
