// SPDX-License-Identifier: Apache-2.0
// TaskSplit: units of equal work cut into tasks, as few as keep the threads busy, one when the work is too small to
// share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {

class TaskSplit {
 public:
  // Element operations that take about as long as waking a thread.
  static constexpr std::int64_t kSmallWork = 16384;

  // work: of all units together, in simple operations on single elements.
  TaskSplit(std::int64_t units, std::int64_t work, int threads) : units_(units) {
    const std::int64_t wanted = threads <= 1 ? 1 : std::clamp<std::int64_t>(work / kSmallWork, 1, 4 * threads);
    per_task_ = std::max<std::int64_t>(1, ceil_div(units, wanted));
  }
  [[nodiscard]] std::int64_t tasks() const { return ceil_div(units_, per_task_); }
  [[nodiscard]] std::int64_t begin(std::int64_t task) const { return task * per_task_; }
  [[nodiscard]] std::int64_t end(std::int64_t task) const { return std::min(units_, (task + 1) * per_task_); }

 private:
  std::int64_t units_;
  std::int64_t per_task_ = 1;
};

}  // namespace ingot::cpu
