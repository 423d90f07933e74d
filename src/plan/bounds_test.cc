// SPDX-License-Identifier: Apache-2.0
#include "plan/bounds.h"

#include <gtest/gtest.h>

namespace ingot::plan {
namespace {

std::string text(const SymbolRanges& ranges) {
  std::string out;
  for (const auto& [name, range] : ranges) out += fmt::format("{}:{}x{}x{} ", name, range.least, range.opt, range.most);
  return out;
}

SymShape shape(std::initializer_list<const char*> dims) {
  SymShape out;
  for (const char* dim : dims) out.push_back(Dim::parse(dim).value());
  return out;
}

TEST(Bounds, RangesOfInputs) {
  SymbolRanges ranges;
  add_ranges(shape({"n", "3", "2*h + 1"}), {1, 3, 9}, {2, 3, 17}, {8, 3, 65}, ranges);
  EXPECT_EQ(text(ranges), "h:4x8x32 n:1x2x8 ");
  add_ranges(shape({"n", "100 - w"}), {2, 10}, {2, 60}, {16, 90}, ranges);
  EXPECT_EQ(text(ranges), "h:4x8x32 n:2x2x8 w:10x40x90 ");
}

TEST(Bounds, AnImpossibleRangeSaysNothing) {
  SymbolRanges ranges;
  add_ranges(shape({"n", "n"}), {1, 2}, {2, 2}, {3, 3}, ranges);
  EXPECT_EQ(text(ranges), "");
}

TEST(Bounds, OfOperands) {
  SymbolRanges ranges = {{"n", {1, 2, 8}}};
  std::vector<Tensor> tensors(2);
  tensors[0].shape = shape({"n", "4"});
  tensors[1].shape = shape({"3"});
  Problem problem;
  problem.inputs.resize(3);
  problem.outputs.resize(1);
  const std::int32_t inputs[] = {0, -1, 1}, outputs[] = {0};
  add_bounds(inputs, outputs, tensors, ranges, problem);
  ASSERT_NE(problem.inputs[0].bounds, nullptr);
  EXPECT_EQ(problem.inputs[0].bounds->most, (Shape{8, 4}));
  EXPECT_EQ(problem.inputs[1].bounds, nullptr);
  EXPECT_EQ(problem.inputs[2].bounds, nullptr);
  ASSERT_NE(problem.outputs[0].bounds, nullptr);
  EXPECT_EQ(problem.outputs[0].bounds->dims, (Shape{-1, 4}));
}

}  // namespace
}  // namespace ingot::plan
