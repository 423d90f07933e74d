// SPDX-License-Identifier: Apache-2.0
// Parallel: what a kernel may ask of the threads that it is given.
//
// Contract: run() calls body(task, thread) once for every task in [0, tasks), each call with
// thread in [0, threads()); two calls with the same `thread` never overlap, so a kernel may index
// per-thread scratch by it. run() returns when all calls have returned. It does not allocate, takes no
// lock, and must not be nested. Implemented by ThreadPool and by the adapter for a caller's own pool.
#pragma once

#include <cstdint>

#include "base/function_ref.h"

namespace ingot {

class Parallel {
 public:
  virtual ~Parallel() = default;
  [[nodiscard]] virtual int threads() const = 0;
  virtual void run(std::int64_t tasks, FunctionRef<void(std::int64_t task, int thread)> body) = 0;
};

// Runs everything on the calling thread.
class Serial final : public Parallel {
 public:
  [[nodiscard]] int threads() const override { return 1; }
  void run(std::int64_t tasks, FunctionRef<void(std::int64_t, int)> body) override {
    for (std::int64_t task = 0; task < tasks; ++task) body(task, 0);
  }
};

}  // namespace ingot
