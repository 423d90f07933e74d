// SPDX-License-Identifier: Apache-2.0
// Which candidate a cache leads to, without timing anything.
#include "builder/tune.h"

#include <gtest/gtest.h>

#include "backends/cpu/cpu_backend.h"
#include "base/thread_pool.h"

namespace ingot::builder {
namespace {

class TuneFromCache : public testing::Test {
 protected:
  void SetUp() override {
    options_.backend = &cpu::backend();
    options_.parallel = &pool_;
    options_.deadline = std::chrono::steady_clock::time_point::min();
    for (Trial& trial : candidates_of(problem_, false, options_))
      if (trial.refusal.empty()) trials_.push_back(std::move(trial));
    ASSERT_GE(trials_.size(), 3U);
  }

  // The number of the candidate that is chosen where each one's entry is what `entries` says; the last one for the
  // rest.
  std::size_t chosen(const std::vector<TimingCache::Entry>& entries) {
    TimingCache cache;
    for (std::size_t i = 0; i < trials_.size(); ++i)
      cache.insert(timing_key(problem_, trials_[i], options_), entries[std::min(i, entries.size() - 1)]);
    const Result<Choice> choice = tune(problem_, false, options_, cache);
    EXPECT_TRUE(choice.is_ok()) << choice.status().to_string();
    EXPECT_GE(choice->microseconds, 0);
    for (const Trial& trial : choice->trials) EXPECT_GE(trial.microseconds, 0);
    for (std::size_t i = 0; i < trials_.size(); ++i)
      if (trials_[i].tactic == choice->tactic && trials_[i].config == choice->config) return i;
    return trials_.size();
  }

  Problem problem_ =
      Problem::parse(
          "Conv(f32[1,14,14,64], const f32[64,64,3,3]) -> (f32[1,14,14,64]) {channels_last=1, pads=[1, 1, 1, 1]}")
          .value();
  ThreadPool pool_{1};
  TuneOptions options_;
  std::vector<Trial> trials_;
};

constexpr TimingCache::Entry kGuess{}, kNoCode{0, false};

TEST_F(TuneFromCache, TakesTheFastest) { EXPECT_EQ(chosen({{9}, {1}, {9}}), 1U); }
TEST_F(TuneFromCache, PrefersWhatWasTimed) {
  EXPECT_EQ(chosen({kGuess, {9}, kGuess}), 1U);
  EXPECT_EQ(chosen({kNoCode, kGuess, {9}}), 2U);
}
TEST_F(TuneFromCache, GuessesTheFirst) { EXPECT_EQ(chosen({kGuess}), 0U); }
TEST_F(TuneFromCache, GuessesAmongThoseWithCode) {
  EXPECT_EQ(chosen({kNoCode, kGuess, kGuess}), 1U);
  EXPECT_EQ(chosen({kNoCode}), 0U);
}

// What one build had no time for, a build with as much time leaves as it is, and one with more time measures.
TEST_F(TuneFromCache, MoreTimeMeasuresTheRest) {
  TimingCache cache;
  for (const Trial& trial : trials_) cache.insert(timing_key(problem_, trial, options_), {0, true, 5});
  problem_.inputs[1].value = share(HostTensor::create(DType::f32, problem_.inputs[1].shape).value());
  options_.deadline = std::chrono::steady_clock::time_point::max();
  options_.budget_seconds = 5;
  const Choice as_before = tune(problem_, false, options_, cache).value();
  EXPECT_EQ(as_before.microseconds, 0);
  options_.budget_seconds = 6;
  const Choice measured = tune(problem_, false, options_, cache).value();
  EXPECT_GT(measured.microseconds, 0);
  for (const Trial& trial : measured.trials) {
    if (!trial.refusal.empty()) continue;
    EXPECT_GT(cache.find(timing_key(problem_, trial, options_))->microseconds, 0) << trial.config;
  }
}

}  // namespace
}  // namespace ingot::builder
