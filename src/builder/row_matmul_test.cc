// SPDX-License-Identifier: Apache-2.0
// Which orders of rows become part of a product, and that the program computes what it did.
#include "builder/row_matmul.h"

#include <cmath>

#include "builder/program_testing.h"
#include "ir/text.h"

namespace ingot::builder {
namespace {

// The kinds of the steps that are left; what the program computes must not change.
std::string fused(const std::string& body, const std::string& outputs = "%y", bool worth = true) {
  const std::string text = "graph \"g\" (%x: f32[2, 3, 4], %r: f32[2, 3, 4], %e: f32[2, 3, 2]) -> (" + outputs + R"() {
    const %w: f32[4, 2] = [1.0, -0.5, 0.5, 0.75, -1.5, 0.25, 2.0, 1.0]
    const %bias: f32[2] = [3.0, -2.0]
    const %pairs: i64[2] = [6, 2]
    const %order: i64[3] = [1, 2, 0]
    const %twice: i64[3] = [1, 2, 1]
    const %long: i64[6] = [5, 0, 2, -3, 1, 4]
    const %swap: i64[2] = [1, 0]
)" + body + "}";
  Lowered lowered = lower_text(text);
  const std::vector<double> before = run_by_reference(lowered);
  fuse_row_orders(lowered, [&](const Problem&) { return worth; });
  const std::vector<double> after = run_by_reference(lowered);
  EXPECT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
    EXPECT_NEAR(before[i], after[i], 1e-5 * (1 + std::abs(before[i]))) << i;
  std::string kinds;
  for (const LoweredStep& step : lowered.steps) {
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      EXPECT_EQ(step.inputs[i] >= 0, step.problem.inputs[i].present());
      if (step.inputs[i] < 0) continue;
      const plan::Tensor& tensor = lowered.tensors[static_cast<std::size_t>(step.inputs[i])];
      EXPECT_EQ(*concrete(tensor.shape), step.problem.inputs[i].shape);
    }
    kinds += step.problem.kind + " ";
  }
  return kinds;
}

// A product, `order`, which makes %o of its rows %p, and a step that reads %o.
std::string ordered(const std::string& order, const std::string& shape = "2, 3, 2") {
  return R"(%p: f32[2, 3, 2] = MatMul(%x, %w, %bias, %e) {epilogue="(x0:f32, x1:f32) { t0 = add(x0, x1) }", epilogue_inputs=1}
)" + order +
         "%y: f32[" + shape + "] = Pointwise(%o) {expr=\"(x0:f32) { t0 = neg(x0) }\"}\n";
}

TEST(RowMatMul, StoresRowsInAnotherOrder) {
  EXPECT_EQ(fused(ordered("%o: f32[2, 3, 2] = Gather(%p, %order) {axis=1}\n")), "RowMatMul Pointwise ");
  // All rows in one list; runs of rows.
  EXPECT_EQ(fused(ordered("%f: f32[6, 2] = Reshape(%p, %pairs)\n%o: f32[6, 2] = Gather(%f, %long) {axis=0}\n", "6, 2")),
            "RowMatMul Pointwise ");
  EXPECT_EQ(fused(ordered("%o: f32[2, 3, 2] = Gather(%p, %swap) {axis=0}\n")), "RowMatMul Pointwise ");
  EXPECT_EQ(fused(ordered("%o: f32[2, 3, 2] = Gather(%p, %order) {axis=1}\n"), "%y", false),
            "MatMul Gather Pointwise ");
}

TEST(RowMatMul, LeavesGathersThatAreNoOrderOfRows) {
  EXPECT_EQ(fused(ordered("%o: f32[2, 3, 2] = Gather(%p, %swap) {axis=2}\n")), "MatMul Gather Pointwise ");
  EXPECT_EQ(fused(ordered("%o: f32[2, 3, 2] = Gather(%p, %twice) {axis=1}\n")), "MatMul Gather Pointwise ");
  EXPECT_EQ(fused(ordered("%o: f32[2, 2, 2] = Gather(%p, %swap) {axis=1}\n", "2, 2, 2")), "MatMul Gather Pointwise ");
  // Others read the rows in their own order; nobody but the caller reads them.
  EXPECT_EQ(fused(ordered("%o: f32[2, 3, 2] = Gather(%p, %order) {axis=1}\n"), "%p, %y"), "MatMul Gather Pointwise ");
  EXPECT_EQ(fused(ordered("%o: f32[2, 3, 2] = Gather(%p, %order) {axis=1}\n"), "%o, %y"), "MatMul Gather Pointwise ");
}

// Of x [batch, rows, 4], either of which may be a symbol.
std::string fused_at(const std::string& batch, const std::string& rows) {
  const std::string shape = "f32[" + batch + ", " + rows + ", ";
  Lowered lowered = lower_text("graph \"g\" (%x: " + shape + R"(4]) -> (%y) {
    const %w: f32[4, 2] = [1.0, -0.5, 0.5, 0.75, -1.5, 0.25, 2.0, 1.0]
    const %order: i64[3] = [1, 2, 0]
    %p: )" + shape + "2] = MatMul(%x, %w)\n    %o: f32[" +
                                   batch + ", 3, 2] = Gather(%p, %order) {axis=1}\n    %y: f32[" + batch +
                                   ", 3, 2] = Pointwise(%o) {expr=\"(x0:f32) { t0 = neg(x0) }\"}\n}",
                               {{"B", 2}, {"R", 3}});
  fuse_row_orders(lowered, [](const Problem&) { return true; });
  std::string kinds;
  for (const LoweredStep& step : lowered.steps) kinds += step.problem.kind + " ";
  return kinds;
}

TEST(RowMatMul, NeedsToKnowHowManyRowsThereAre) {
  EXPECT_EQ(fused_at("2", "3"), "RowMatMul Pointwise ");
  EXPECT_EQ(fused_at("B", "3"), "RowMatMul Pointwise ");
  EXPECT_EQ(fused_at("2", "R"), "MatMul Gather Pointwise ");
}

}  // namespace
}  // namespace ingot::builder
