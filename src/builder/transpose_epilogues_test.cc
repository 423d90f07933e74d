// SPDX-License-Identifier: Apache-2.0
// Which expressions become epilogues of transposes.
#include "builder/transpose_epilogues.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ir/text.h"

namespace ingot::builder {
namespace {

// The steps afterwards, in short: kind, types of all operands, epilogue.
std::string fused(const std::string& text, bool solvable = true) {
  auto graph = ir::parse(text);
  EXPECT_TRUE(graph.is_ok()) << graph.status().to_string();
  auto lowered = lower(**graph, {}, {});
  EXPECT_TRUE(lowered.is_ok()) << lowered.status().to_string();
  const auto is_solvable = [&](const Problem& problem) {
    EXPECT_EQ(problem.kind, "Transpose");
    return solvable;
  };
  EXPECT_TRUE(fuse_transpose_epilogues(*lowered, is_solvable).is_ok());
  std::string steps;
  std::vector<std::int32_t> known = lowered->inputs;
  for (const LoweredStep& step : lowered->steps) {
    steps += step.problem.kind + "(";
    for (const Operand& operand : step.problem.inputs) steps += to_string(operand.dtype);
    steps += fmt::format("->{})", to_string(step.problem.outputs[0].dtype));
    if (step.problem.attrs.has("epilogue")) steps += " " + step.problem.attrs.get_string("epilogue", "");
    steps += "; ";
    // Every operand is there by then, of the type that the problem says.
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const plan::Tensor& tensor = lowered->tensors[static_cast<std::size_t>(step.inputs[i])];
      const std::int32_t id = tensor.alias_of >= 0 ? tensor.alias_of : step.inputs[i];
      EXPECT_NE(std::find(known.begin(), known.end(), id), known.end()) << step.name;
      EXPECT_EQ(tensor.dtype, step.problem.inputs[i].dtype);
    }
    known.insert(known.end(), step.outputs.begin(), step.outputs.end());
  }
  for (const std::int32_t id : lowered->outputs) EXPECT_NE(std::find(known.begin(), known.end(), id), known.end());
  return steps;
}

constexpr const char* kNarrow = R"(Pointwise(%x) {expr="(x0:f32) { t0 = cast<f16>(x0) }"})";

TEST(TransposeEpilogues, TakeWhatIsBefore) {
  const std::string graph = fmt::format(R"(graph "g" (%x: f32[1, 3, 4, 4]) -> (%y) {{
    %a: f16[1, 3, 4, 4] = {}
    %y: f16[1, 4, 4, 3] = Transpose(%a) {{perm=[0, 2, 3, 1]}}
  }})",
                                        kNarrow);
  EXPECT_EQ(fused(graph), "Transpose(f32->f16) (x0:f32) { t0 = cast<f16>(x0) }; ");
  EXPECT_EQ(fused(graph, false), "Pointwise(f32->f16); Transpose(f16->f16); ");
}

TEST(TransposeEpilogues, TakeWhatIsBehindAsWell) {
  EXPECT_EQ(fused(R"(graph "g" (%x: f16[1, 4, 4, 3]) -> (%y) {
    %a: f32[1, 4, 4, 3] = Pointwise(%x) {expr="(x0:f16) { t0 = cast<f32>(x0); t1 = exp(t0) }"}
    %b: f32[1, 3, 4, 4] = Transpose(%a) {perm=[0, 3, 1, 2]}
    %y: i64[1, 3, 4, 4] = Pointwise(%b) {expr="(x0:f32) { t0 = cast<i64>(x0) }"}
  })"),
            "Transpose(f16->i64) (x0:f16) { t0 = cast<f32>(x0); t1 = exp(t0); t2 = cast<i64>(t1) }; ");
}

TEST(TransposeEpilogues, LeaveWhatOthersRead) {
  // Two readers; a result of the network; a second operand.
  EXPECT_EQ(fused(fmt::format(R"(graph "g" (%x: f32[2, 3]) -> (%y, %z) {{
    %a: f16[2, 3] = {}
    %y: f16[3, 2] = Transpose(%a)
    %z: f16[3, 2] = Transpose(%a) {{perm=[1, 0]}}
  }})",
                              kNarrow)),
            "Pointwise(f32->f16); Transpose(f16->f16); Transpose(f16->f16); ");
  EXPECT_EQ(fused(fmt::format(R"(graph "g" (%x: f32[2, 3]) -> (%a, %y) {{
    %a: f16[2, 3] = {}
    %y: f16[3, 2] = Transpose(%a)
  }})",
                              kNarrow)),
            "Pointwise(f32->f16); Transpose(f16->f16); ");
  EXPECT_EQ(fused(R"(graph "g" (%x: f32[2, 3], %w: f32[3]) -> (%y) {
    %a: f32[2, 3] = Pointwise(%x, %w) {expr="(x0:f32, x1:f32) { t0 = mul(x0, x1) }"}
    %y: f32[3, 2] = Transpose(%a)
  })"),
            "Pointwise(f32f32->f32); Transpose(f32->f32); ");
  // A view of it is read.
  EXPECT_EQ(fused(fmt::format(R"(graph "g" (%x: f32[2, 3]) -> (%y, %z) {{
    %a: f16[2, 3] = {}
    %y: f16[3, 2] = Transpose(%a)
    %v: f16[1, 2, 3] = Unsqueeze(%a) {{axes=[0]}}
    %z: f16[1, 2, 3] = Softmax(%v)
  }})",
                              kNarrow))
                .find("Transpose(f16->f16);"),
            std::string("Pointwise(f32->f16); ").size());
}

}  // namespace
}  // namespace ingot::builder
