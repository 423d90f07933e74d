// SPDX-License-Identifier: Apache-2.0
// ThreadPool: worker threads for one context at a time.
//
// The caller of run() works as thread 0; size - 1 workers help. Tasks are handed out by an atomic counter, so uneven
// tasks balance, and a run ends when its tasks have: it waits only for workers that joined it. A worker that the system
// has taken off its processor thus costs nothing but its help, which matters on machines that other processes share.
// Workers spin briefly after a run (a network's kernels follow each other within microseconds), then sleep on a futex.
// run() neither allocates nor locks. One run() at a time per pool.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/parallel.h"

namespace ingot {

// Processors that this process may really use: the affinity mask and the cgroup's CPU quota, at least 1.
int available_processors();

class ThreadPool final : public Parallel {
 public:
  // threads <= 0 means available_processors().
  explicit ThreadPool(int threads = 0);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int threads() const override { return static_cast<int>(workers_.size()) + 1; }
  void run(std::int64_t tasks, FunctionRef<void(std::int64_t task, int thread)> body) override;

 private:
  void work(int thread);
  bool join();
  void drain(int thread);

  const FunctionRef<void(std::int64_t, int)>* body_ = nullptr;
  std::int64_t tasks_ = 0;
  alignas(64) std::atomic<std::int64_t> next_{0};
  alignas(64) std::atomic<std::uint32_t> epoch_{0};
  // Workers inside the current run; kClosed between runs. While it is not negative, body_ and tasks_ hold.
  static constexpr int kClosed = -1;
  alignas(64) std::atomic<int> joined_{kClosed};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace ingot
