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
  std::size_t chosen(const std::vector<double>& entries) {
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

TEST_F(TuneFromCache, TakesTheFastest) { EXPECT_EQ(chosen({9, 1, 9}), 1U); }
TEST_F(TuneFromCache, PrefersWhatWasTimed) {
  EXPECT_EQ(chosen({0, 9, 0}), 1U);
  EXPECT_EQ(chosen({TimingCache::kNoCode, 0, 9}), 2U);
}
TEST_F(TuneFromCache, GuessesTheFirst) { EXPECT_EQ(chosen({0}), 0U); }
TEST_F(TuneFromCache, GuessesAmongThoseWithCode) {
  EXPECT_EQ(chosen({TimingCache::kNoCode, 0, 0}), 1U);
  EXPECT_EQ(chosen({TimingCache::kNoCode}), 0U);
}

}  // namespace
}  // namespace ingot::builder
