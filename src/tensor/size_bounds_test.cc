// SPDX-License-Identifier: Apache-2.0
#include "tensor/size_bounds.h"

#include <gtest/gtest.h>

namespace ingot {
namespace {

const SymbolRanges kRanges = {{"n", {1, 2, 8}}, {"h", {4, 16, 64}}};

SymShape shape(std::initializer_list<const char*> dims) {
  SymShape out;
  for (const char* dim : dims) out.push_back(Dim::parse(dim).value());
  return out;
}

TEST(SizeBounds, NothingOfFixedSizes) {
  EXPECT_EQ(bounds_of(shape({"3", "4"}), kRanges), nullptr);
  EXPECT_EQ(bounds_of({}, kRanges), nullptr);
}

TEST(SizeBounds, OfSymbolsAndExpressions) {
  const auto bounds = bounds_of(shape({"n", "3", "floordiv(h + 1, 2)", "100 - h", "h - n"}), kRanges);
  ASSERT_NE(bounds, nullptr);
  EXPECT_EQ(bounds->dims, (Shape{-1, 3, -1, -1, -1}));
  EXPECT_EQ(bounds->least, (Shape{1, 3, 2, 36, 0}));
  EXPECT_EQ(bounds->opt, (Shape{2, 3, 8, 84, 14}));
  EXPECT_EQ(bounds->most, (Shape{8, 3, 32, 96, 63}));
}

TEST(SizeBounds, OfSymbolsWithoutARange) {
  const auto bounds = bounds_of(shape({"n", "other + n"}), kRanges);
  ASSERT_NE(bounds, nullptr);
  EXPECT_EQ(bounds->dims, (Shape{-1, -1}));
  EXPECT_EQ(bounds->least, (Shape{1, -1}));
  EXPECT_EQ(bounds->opt, (Shape{2, -1}));
  EXPECT_EQ(bounds->most, (Shape{8, -1}));
}

TEST(SizeBounds, OfManySymbols) {
  SymbolRanges ranges;
  Dim sum(0);
  for (char name = 'a'; name <= 'k'; ++name) {
    ranges[std::string(1, name)] = {1, 2, 3};
    sum = sum + Dim::symbol(std::string(1, name));
  }
  const auto bounds = bounds_of({sum}, ranges);
  EXPECT_EQ(bounds->least, Shape{11});
  EXPECT_EQ(bounds->opt, Shape{22});
  EXPECT_EQ(bounds->most, Shape{33});
}

}  // namespace
}  // namespace ingot
