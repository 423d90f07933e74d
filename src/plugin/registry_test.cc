// SPDX-License-Identifier: Apache-2.0
#include "plugin/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "plugin/test_operators.h"

namespace ingot::plugin {
namespace {

using ::testing::HasSubstr;

std::string message(const Result<const Library*>& result) {
  return result.is_ok() ? "no error" : result.status().message();
}

std::string refusal(const TestLibrary& test) {
  Registry registry;
  return message(registry.add(&test.library));
}

TEST(Registry, FindsWhatWasAdded) {
  Registry registry;
  const TestLibrary first("Scale", "demo"), second("Scale", "other");
  ASSERT_TRUE(registry.add(&first.library).is_ok());
  ASSERT_TRUE(registry.add(&second.library, "/somewhere/liby.so").is_ok());
  const Operator* found = registry.find_node("demo", "Scale", "");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->op, "demo::Scale");
  EXPECT_EQ(registry.find("other::Scale"), registry.find_node("other", "Scale", ""));
  EXPECT_THAT(registry.find("other::Scale")->describe(), HasSubstr("'tests' 1.0.0 (/somewhere/liby.so)"));
  EXPECT_EQ(registry.find_node("", "Scale", ""), nullptr);
  EXPECT_EQ(registry.find_node("demo", "Scale", "2"), nullptr);
  EXPECT_EQ(registry.libraries().size(), 2U);
}

TEST(Registry, AnyDomainAndVariants) {
  Registry registry;
  TestLibrary one("Nms", "tensorrt"), two("Nms", "tensorrt");
  one.op.flags = two.op.flags = INGOT_PLUGIN_ANY_DOMAIN;
  one.op.variant = "1";
  two.op.variant = "2";
  ASSERT_TRUE(registry.add(&one.library).is_ok());
  EXPECT_NE(registry.find_node("mmdeploy", "Nms", ""), nullptr) << "the only one serves without a version";
  ASSERT_TRUE(registry.add(&two.library).is_ok());
  EXPECT_EQ(registry.find_node("", "Nms", ""), nullptr);
  EXPECT_EQ(registry.find_node("", "Nms", "2")->variant(), "2");
  EXPECT_THAT(registry.explain("", "Nms", "3"), HasSubstr("plugin_version 1, 2, not \"3\""));
}

TEST(Registry, ExplainsWhyNothingWasFound) {
  Registry registry;
  EXPECT_THAT(registry.explain("demo", "Scale", ""), HasSubstr("no plugin library is loaded"));
  const TestLibrary scale("PowerScale", "demo");
  ASSERT_TRUE(registry.add(&scale.library).is_ok());
  EXPECT_THAT(registry.explain("demo", "PowerScales", ""), HasSubstr("did you mean"));
  EXPECT_THAT(registry.explain("demos", "Other", ""), HasSubstr("no plugin library that serves domain \"demos\""));
  EXPECT_THAT(registry.explain("demos", "PowerScale", ""), HasSubstr("in domain \"demo\" only"));
}

TEST(Registry, RefusesWhatIsDeclaredWrongly) {
  {
    TestLibrary test("X");
    test.library.major = INGOT_PLUGIN_MAJOR + 1;
    test.library.operators = nullptr;
    EXPECT_THAT(refusal(test), HasSubstr("use a newer engine"));
  }
  {
    TestLibrary test("X");
    test.library.size = 8;
    EXPECT_THAT(refusal(test), HasSubstr("set it to sizeof(ingot_plugin_library)"));
  }
  {
    TestLibrary test("X");
    test.library.operator_count = 0;
    EXPECT_THAT(refusal(test), HasSubstr("no operators"));
  }
  {
    TestLibrary test("");
    EXPECT_THAT(refusal(test), HasSubstr("no name"));
  }
  {
    TestLibrary test("X");
    test.op.launch = nullptr;
    EXPECT_THAT(refusal(test), HasSubstr("no launch function"));
  }
  {
    TestLibrary test("X");
    test.op.devices = 0;
    EXPECT_THAT(refusal(test), HasSubstr("names no device"));
  }
  {
    TestLibrary test("X");
    test.op.least_inputs = 3;
    EXPECT_THAT(refusal(test), HasSubstr("impossible number of inputs"));
  }
  {
    TestLibrary test("X");
    test.attribute("a", INGOT_PLUGIN_INT);
    test.attribute("a", INGOT_PLUGIN_FLOAT);
    EXPECT_THAT(refusal(test), HasSubstr("attribute a is declared twice"));
  }
  {
    TestLibrary test("X");
    test.attribute("a", INGOT_PLUGIN_INT).default_value.type = INGOT_PLUGIN_STRING;
    EXPECT_THAT(refusal(test), HasSubstr("a default of another type"));
  }
  Registry registry;
  EXPECT_THAT(message(registry.add(nullptr)), HasSubstr("cannot serve this engine"));
  const TestLibrary test("Twice");
  ASSERT_TRUE(registry.add(&test.library).is_ok());
  EXPECT_THAT(message(registry.add(&test.library)), HasSubstr("has brought already"));
}

// A library of version 1.0 is shorter than today's structs wherever those have grown; what lies behind is not read.
TEST(Registry, ReadsNothingBeyondTheStatedSize) {
  struct Grown {
    ingot_plugin_operator op;
    char more[64];
  };
  TestLibrary test("Newer");
  Grown grown{test.op, {}};
  std::memset(grown.more, 0x5a, sizeof(grown.more));
  grown.op.size = sizeof(grown);
  const ingot_plugin_operator* operators[1] = {&grown.op};
  test.library.operators = operators;
  test.library.minor = INGOT_PLUGIN_MINOR + 7;
  Registry registry;
  ASSERT_TRUE(registry.add(&test.library).is_ok());
  EXPECT_EQ(registry.find("test::Newer")->api.size, sizeof(ingot_plugin_operator));
}

TEST(Registry, RefusesFilesThatAreNoPlugins) {
  Registry registry;
  EXPECT_THAT(message(registry.load("/nowhere/libx.so")), HasSubstr("does not exist"));
  const std::string path = ::testing::TempDir() + "/no_plugin.so";
  std::ofstream(path) << "text";
  EXPECT_THAT(message(registry.load(path)), HasSubstr("cannot be loaded"));
  std::filesystem::remove(path);
  for (const char* library : {"/lib/x86_64-linux-gnu/libm.so.6", "/usr/lib/libm.so.6", "/lib64/libm.so.6"})
    if (std::filesystem::exists(library)) {
      EXPECT_THAT(message(registry.load(library)), HasSubstr("is no plugin library"));
    }
}

}  // namespace
}  // namespace ingot::plugin
