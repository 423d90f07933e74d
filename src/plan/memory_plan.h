// SPDX-License-Identifier: Apache-2.0
// Places buffers with known lifetimes in one arena. Greedy by size, best fit among the gaps left by buffers that live
// at the same time (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020). Deterministic.
#pragma once

#include <cstdint>
#include <vector>

namespace ingot::plan {

struct BufferUse {
  std::int64_t bytes = 0;
  std::int32_t first_step = 0;  // that writes it
  std::int32_t last_step = 0;   // that reads it last
};

struct MemoryPlan {
  std::vector<std::int64_t> offsets;  // one per buffer, multiples of 64
  std::int64_t arena_bytes = 0;
};

MemoryPlan plan_memory(const std::vector<BufferUse>& buffers);

}  // namespace ingot::plan
