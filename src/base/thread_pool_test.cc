// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <vector>

namespace ingot {
namespace {

class ThreadPoolTest : public testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, RunsEveryTaskOnceAndKeepsThreadsApart) {
  ThreadPool pool(GetParam());
  ASSERT_EQ(pool.threads(), GetParam());
  std::vector<std::atomic<int>> inside(static_cast<std::size_t>(GetParam()));
  std::atomic<int> overlaps{0};
  for (int round = 0; round < 300; ++round) {
    const int tasks = round % 37;
    std::vector<int> calls(static_cast<std::size_t>(tasks), 0);
    std::vector<std::int64_t> sums(static_cast<std::size_t>(GetParam()), 0);
    pool.run(tasks, [&](std::int64_t task, int thread) {
      const auto t = static_cast<std::size_t>(thread);
      if (inside[t].fetch_add(1) != 0) ++overlaps;
      ++calls[static_cast<std::size_t>(task)];
      sums[t] += task;
      inside[t].fetch_sub(1);
    });
    for (const int count : calls) ASSERT_EQ(count, 1);
    ASSERT_EQ(std::accumulate(sums.begin(), sums.end(), std::int64_t{0}), tasks * (tasks - 1) / 2);
  }
  EXPECT_EQ(overlaps.load(), 0);
}

TEST_P(ThreadPoolTest, StartsAndStops) {
  for (int i = 0; i < 20; ++i) {
    ThreadPool pool(GetParam());
    std::atomic<int> count{0};
    if (i % 2 == 0) pool.run(8, [&](std::int64_t, int) { ++count; });
    EXPECT_EQ(count.load(), i % 2 == 0 ? 8 : 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadPoolTest, testing::Values(1, 2, 3, 4));

TEST(ThreadPool, DefaultSizeIsTheProcessors) {
  EXPECT_GE(available_processors(), 1);
  EXPECT_EQ(ThreadPool().threads(), available_processors());
}

}  // namespace
}  // namespace ingot
