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
  testing_tools::Case test_case(GetParam());
  SCOPED_TRACE(test_case.describe());
  ASSERT_TRUE(test_case.status().is_ok()) << test_case.status().to_string();
  int solved = 0;
  // By a library that is absent or slow, or because passes choose another layout: then the plain tactic is the answer.
  bool declined = false;
  for (const Tactic* tactic : backend().tactics()) {
    const Support support = tactic->supports(test_case.problem(), backend().device());
    for (const Refusal reason : {Refusal::kLibrary, Refusal::kLayout, Refusal::kNotWorthIt})
      if (support.reason == reason) declined = true;
    if (!support.ok()) continue;
    if (!tactic->is_plain()) ++solved;
    for (const std::string& config : tactic->configs(test_case.problem(), backend().device()))
      test_case.check(*tactic, config, backend().device());
  }
  EXPECT_TRUE(solved > 0 || declined) << "only the plain tactic solves this";
}

INSTANTIATE_TEST_SUITE_P(Suite, Tactics, testing::ValuesIn(suite()),
                         [](const testing::TestParamInfo<std::string>& param_info) {
                           std::string kind = param_info.param.substr(0, param_info.param.find('('));
                           std::erase(kind, '!');
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
