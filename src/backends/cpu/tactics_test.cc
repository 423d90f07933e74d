// SPDX-License-Identifier: Apache-2.0
// Every tactic on every problem of the suite that it supports, with every config, against the reference evaluator.
#include <gtest/gtest.h>

#include "backends/cpu/cpu_backend.h"
#include "backends/cpu/tactics_testing.h"

namespace ingot::cpu {
namespace {

constexpr const char* kProblems[] = {
#define P(text) text,
#include "../../../tests/suites/problems.inc"
#undef P
};

class Tactics : public testing::TestWithParam<const char*> {};

TEST_P(Tactics, MatchReference) {
  testing_tools::Case test_case(GetParam());
  SCOPED_TRACE(test_case.describe());
  ASSERT_TRUE(test_case.status().is_ok()) << test_case.status().to_string();
  int solved = 0;
  for (const Tactic* tactic : backend().tactics()) {
    if (!tactic->supports(test_case.problem(), backend().device()).ok()) continue;
    if (!tactic->is_plain()) ++solved;
    for (const std::string& config : tactic->configs(test_case.problem(), backend().device()))
      test_case.check(*tactic, config, backend().device());
  }
  EXPECT_GE(solved, 1) << "only the plain tactic solves this";
}

INSTANTIATE_TEST_SUITE_P(Suite, Tactics, testing::ValuesIn(kProblems),
                         [](const testing::TestParamInfo<const char*>& param_info) {
                           std::string name = std::to_string(param_info.index) + "_";
                           for (const char* c = param_info.param; *c != '\0' && *c != '('; ++c)
                             if (*c != '!') name += *c;
                           return name;
                         });

TEST(Backend, TableEndsWithPlain) {
  const auto table = backend().tactics();
  ASSERT_FALSE(table.empty());
  EXPECT_TRUE(table.back()->is_plain());
  for (const Tactic* tactic : table) EXPECT_EQ(backend().find(tactic->id()), tactic) << "two tactics named " << tactic->id();
}

TEST(Backend, KnowsTheDevice) {
  const DeviceInfo device = backend().device();
  EXPECT_EQ(device.kind, "cpu");
  EXPECT_TRUE(std::is_sorted(device.features.begin(), device.features.end()));
  EXPECT_GE(device.threads, 1);
}

}  // namespace
}  // namespace ingot::cpu
