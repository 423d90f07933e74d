// SPDX-License-Identifier: Apache-2.0
#include "tensor/dim.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace ingot {
namespace {

const Dim N = Dim::symbol("N"), T = Dim::symbol("T"), H = Dim::symbol("H");

TEST(Dim, IsCanonical) {
  EXPECT_EQ(N * Dim(3) + T - N, T + Dim(2) * N);
  EXPECT_EQ((N + Dim(1)) * (N - Dim(1)), N * N - Dim(1));
  EXPECT_TRUE((N - N).is_constant());
  EXPECT_EQ((N * T * Dim(2) + Dim(1)).to_string(), "2*N*T + 1");
  EXPECT_EQ((Dim(0) - N - Dim(4)).to_string(), "-N - 4");
}

TEST(Dim, DividesExactly) {
  EXPECT_EQ(floor_div(N * T * Dim(768), Dim(768)), N * T);
  EXPECT_EQ(floor_div(N * T * Dim(768), T * Dim(768)), N);
  EXPECT_EQ(floor_div(N + T, N + T), Dim(1));
  EXPECT_EQ(floor_div(H + Dim(1), Dim(2)).to_string(), "floordiv(H + 1, 2)");
  EXPECT_EQ(mod(N * Dim(4), Dim(2)), Dim(0));
  EXPECT_EQ(floor_div(Dim(-7), Dim(2)), Dim(-4));
  EXPECT_EQ(mod(Dim(-7), Dim(2)), Dim(1));
  EXPECT_EQ(ceil_div(Dim(7), Dim(2)), Dim(4));
  EXPECT_EQ(min(N, N + Dim(2)), N);
  EXPECT_EQ(max(N, N + Dim(2)), N + Dim(2));
}

TEST(Dim, EvaluatesAndSubstitutes) {
  const Dim dim = floor_div(H * N + Dim(1), Dim(2)) + max(N, T);
  EXPECT_EQ(*dim.evaluate({{"H", 5}, {"N", 3}, {"T", 9}}), 8 + 9);
  EXPECT_EQ(dim.evaluate({{"H", 5}}).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(dim.substitute({{"H", Dim(5)}, {"N", Dim(3)}, {"T", Dim(9)}}), Dim(17));
  std::vector<std::string> names;
  dim.collect_symbols(names);
  EXPECT_EQ(names.size(), 3U);
  EXPECT_FALSE(floor_div(N, T).evaluate({{"N", 1}, {"T", 0}}).is_ok());
}

TEST(Dim, OverflowIsAnErrorNotAWrap) {
  constexpr auto max = std::numeric_limits<std::int64_t>::max();
  constexpr auto min = std::numeric_limits<std::int64_t>::min();
  EXPECT_FALSE((N * N * N).evaluate({{"N", std::int64_t{1} << 40}}).is_ok());
  EXPECT_FALSE((Dim(max - 1) + Dim(2)).evaluate({}).is_ok());
  EXPECT_FALSE((N * Dim(-1)).evaluate({{"N", min}}).is_ok());
  EXPECT_FALSE(floor_div(N, T).evaluate({{"N", min}, {"T", -1}}).is_ok());
  EXPECT_EQ(*mod(N, T).evaluate({{"N", min}, {"T", -1}}), 0);
  EXPECT_EQ(floor_div(Dim(min), Dim(-1)), Dim(max));
  for (const std::int64_t value : {max, min, min + 1, std::int64_t{0}}) {
    EXPECT_EQ(Dim(value).value(), value);
    EXPECT_EQ(*Dim::parse(Dim(value).to_string()), Dim(value));
  }
  EXPECT_EQ(element_count({std::int64_t{1} << 32, std::int64_t{1} << 32}), std::nullopt);
  EXPECT_EQ(element_count({std::int64_t{1} << 62, 4, 0}), 0);
  EXPECT_EQ(element_count({2, -1}), std::nullopt);
}

TEST(Dim, ParsesWhatItPrints) {
  std::mt19937 random(7);
  const auto pick = [&](std::uint32_t n) { return random() % n; };
  for (int round = 0; round < 300; ++round) {
    std::vector<Dim> pool = {N, T, H, Dim(2), Dim(7), Dim(-3)};
    for (int step = 0; step < 5; ++step) {
      const Dim a = pool[pick(static_cast<std::uint32_t>(pool.size()))],
                b = pool[pick(static_cast<std::uint32_t>(pool.size()))];
      switch (pick(7)) {
        case 0: pool.push_back(a + b); break;
        case 1: pool.push_back(a - b); break;
        case 2: pool.push_back(a * b); break;
        case 3: pool.push_back(floor_div(a, b)); break;
        case 4: pool.push_back(mod(a, b)); break;
        case 5: pool.push_back(min(a, b)); break;
        default: pool.push_back(max(a, b)); break;
      }
      const std::string text = pool.back().to_string();
      const auto back = Dim::parse(text);
      ASSERT_TRUE(back.is_ok()) << text;
      EXPECT_EQ(*back, pool.back()) << text;
      EXPECT_EQ(back->to_string(), text);
    }
  }
}

TEST(Dim, RefusesBadText) {
  for (const char* text : {"", "N +", "1x", "(N", "f(N, 2)", "floordiv(N)", "N)", "99999999999999999999", "*", "N N"})
    EXPECT_FALSE(Dim::parse(text).is_ok()) << text;
  EXPECT_FALSE(Dim::parse(std::string(3000, '(')).is_ok());
  EXPECT_FALSE(Dim::parse(std::string(3000, '-') + "N").is_ok());
  std::string product = "(a+b)";
  for (int i = 0; i < 40; ++i) product += "*(a" + std::to_string(i) + "+b" + std::to_string(i) + ")";
  EXPECT_FALSE(Dim::parse(product).is_ok());
}

TEST(Shape, Prints) {
  EXPECT_EQ(to_string(SymShape{N, Dim(3)}), "[N, 3]");
  EXPECT_EQ(concrete(SymShape{N}), std::nullopt);
  EXPECT_EQ(concrete(symbolic({2, 3})), (Shape{2, 3}));
}

}  // namespace
}  // namespace ingot
