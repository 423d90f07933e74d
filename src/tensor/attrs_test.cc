// SPDX-License-Identifier: Apache-2.0
#include "tensor/attrs.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace ingot {
namespace {

Attrs sample() {
  return {{"axis", std::int64_t{1}},
          {"alpha", 0.5},
          {"whole", 2.0},
          {"nan", std::numeric_limits<double>::quiet_NaN()},
          {"low", -std::numeric_limits<double>::infinity()},
          {"mode", std::string("lin\"ear\n")},
          {"pads", Ints{0, -1, std::numeric_limits<std::int64_t>::min()}},
          {"none", Ints{}},
          {"scales", Floats{1.0, 1e-30, std::numeric_limits<double>::infinity()}},
          {"nothing", Floats{}},
          {"names", Strings{"a, b", ""}},
          {"silence", Strings{}},
          {"to", DType::f16},
          {"value", share(HostTensor::of_ints(std::vector<std::int64_t>{1, 2}))},
          {"dims", SymShape{Dim::symbol("N"), floor_div(Dim::symbol("H"), Dim(2)), Dim(7)}},
          {"no dims", SymShape{}},
          {"odd \"name\"", std::int64_t{-3}}};
}

TEST(Attrs, TextRoundTrips) {
  const Attrs attrs = sample();
  const std::string text = attrs.to_string() + " tail";
  std::string_view rest = text;
  const auto back = Attrs::parse(rest);
  ASSERT_TRUE(back.is_ok()) << back.status().to_string();
  EXPECT_EQ(rest, " tail");
  EXPECT_TRUE(*back == attrs) << back->to_string();
  EXPECT_EQ(back->to_string() + " tail", text);
}

TEST(Attrs, TextIsTheDocumentedOne) {
  const Attrs attrs = {{"b", Ints{0, 1}}, {"a", 1.0}, {"t", DType::f16}, {"d", SymShape{Dim::symbol("N"), Dim(2)}}};
  EXPECT_EQ(attrs.to_string(), "{a=1.0, b=[0, 1], d=($N, $2), t=:f16}");
  EXPECT_EQ(Attrs().to_string(), "{}");
}

TEST(Attrs, FindsSetsAndErases) {
  Attrs attrs = sample();
  EXPECT_EQ(attrs.get_int("axis", 0), 1);
  EXPECT_EQ(attrs.get_int("missing", 9), 9);
  EXPECT_EQ(attrs.get_ints("pads", {}).size(), 3U);
  EXPECT_EQ(attrs.get_dtype("to", DType::f32), DType::f16);
  EXPECT_EQ(attrs.get_tensor("value")->elements(), 2);
  EXPECT_EQ(attrs.get_tensor("missing"), nullptr);
  attrs.set("axis", std::int64_t{5});
  EXPECT_EQ(attrs.get_int("axis", 0), 5);
  EXPECT_FALSE(attrs == sample());
  attrs.erase("axis");
  EXPECT_FALSE(attrs.has("axis"));
  EXPECT_EQ(attrs.get_int("mode", 7), 7);  // a string
}

TEST(Attrs, ComparesTensorsByContent) {
  EXPECT_TRUE(sample() == sample());
  Attrs other = sample();
  other.set("value", share(HostTensor::of_ints(std::vector<std::int64_t>{1, 3})));
  EXPECT_FALSE(other == sample());
}

TEST(Attrs, RefusesHostileText) {
  for (const char* text :
       {"", "{", "{a", "{a=", "{a=1", "{a=1,}", "{a=1, a=2}", "{a=[1, 2}", "{a=[1, 0.5]}", "{a=:what}", "{a=($}",
        "{a=\"x}", "{a=[]q}", "{a=<f32[9999999999] 0x>}", "{=1}", "{a=1 b=2}", "{a=(N)}"}) {
    std::string_view rest = text;
    EXPECT_FALSE(Attrs::parse(rest).is_ok()) << text;
    EXPECT_EQ(rest, text);
  }
}

TEST(Attrs, SurvivesDamagedText) {
  const std::string good = sample().to_string();
  std::mt19937 random(5);
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (unsigned n = 1 + random() % 3; n > 0; --n) text[random() % text.size()] = static_cast<char>(random() % 128);
    if (random() % 4 == 0) text.resize(random() % text.size());
    std::string_view rest = text;
    const auto parsed = Attrs::parse(rest);
    if (!parsed.is_ok()) continue;
    const std::string printed = parsed->to_string();
    std::string_view again = printed;
    EXPECT_TRUE(Attrs::parse(again).is_ok()) << printed;
  }
}

}  // namespace
}  // namespace ingot
