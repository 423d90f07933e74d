// SPDX-License-Identifier: Apache-2.0
// Every tactic on every problem of the suite that it supports, with every config, against the reference evaluator.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "backends/cpu/tactics_testing.h"

namespace ingot::cpu {
namespace {

std::vector<std::string> suite() {
  std::vector<std::string> problems;
  std::ifstream file(INGOT_SOURCE_DIR "/tests/suites/problems.txt");
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && !line.starts_with('#')) problems.push_back(line);
  return problems;
}

class Tactics : public testing::TestWithParam<std::string> {};

TEST_P(Tactics, MatchReference) {
  // "~": only the plain tactic solves it on the CPU. Passes choose another layout, or nobody needs it fast.
  const bool plain_only = GetParam().starts_with('~');
  testing_tools::Case test_case(GetParam().substr(plain_only ? 1 : 0));
  SCOPED_TRACE(test_case.describe());
  ASSERT_TRUE(test_case.status().is_ok()) << test_case.status().to_string();
  int solved = 0;
  for (const Tactic* tactic : backend().tactics()) {
    const Support support = tactic->supports(test_case.problem(), backend().device());
    if (!support.ok()) continue;
    if (!tactic->is_plain()) ++solved;
    for (const std::string& config : tactic->configs(test_case.problem(), backend().device()))
      test_case.check(*tactic, config, backend().device());
  }
  EXPECT_EQ(solved == 0, plain_only) << "problems.txt says otherwise";
}

INSTANTIATE_TEST_SUITE_P(Suite, Tactics, testing::ValuesIn(suite()),
                         [](const testing::TestParamInfo<std::string>& param_info) {
                           std::string kind = param_info.param.substr(0, param_info.param.find('('));
                           std::erase_if(kind, [](char c) { return c == '!' || c == '~'; });
                           return std::to_string(param_info.index) + "_" + kind;
                         });

TEST(Backend, HasTheSuite) { EXPECT_GT(suite().size(), 100U); }

TEST(Backend, TableEndsWithPlain) {
  const auto table = backend().tactics();
  ASSERT_FALSE(table.empty());
  EXPECT_TRUE(table.back()->is_plain());
  for (const Tactic* tactic : table)
    EXPECT_EQ(backend().find(tactic->id()), tactic) << "two tactics named " << tactic->id();
}

TEST(Backend, KnowsTheDevice) {
  const DeviceInfo device = backend().device();
  EXPECT_EQ(device.kind, "cpu");
  EXPECT_TRUE(std::is_sorted(device.features.begin(), device.features.end()));
  EXPECT_GE(device.threads, 1);
}

}  // namespace
}  // namespace ingot::cpu
