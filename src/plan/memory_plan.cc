// SPDX-License-Identifier: Apache-2.0
#include "plan/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace ingot::plan {

MemoryPlan plan_memory(const std::vector<BufferUse>& buffers) {
  constexpr std::int64_t kAlignment = 64;
  MemoryPlan result;
  result.offsets.assign(buffers.size(), 0);
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; });

  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t i : order) {
    const BufferUse& buffer = buffers[i];
    const std::int64_t bytes = (std::max<std::int64_t>(buffer.bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
    std::int64_t end = 0;  // of what has been passed on the way up
    std::int64_t best = -1;
    std::int64_t best_gap = 0;
    for (const std::size_t other : placed) {
      if (buffers[other].last_step < buffer.first_step || buffers[other].first_step > buffer.last_step) continue;
      const std::int64_t gap = result.offsets[other] - end;
      if (gap >= bytes && (best < 0 || gap < best_gap)) {
        best = end;
        best_gap = gap;
      }
      const std::int64_t other_bytes =
          (std::max<std::int64_t>(buffers[other].bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
      end = std::max(end, result.offsets[other] + other_bytes);
    }
    result.offsets[i] = best >= 0 ? best : end;
    result.arena_bytes = std::max(result.arena_bytes, result.offsets[i] + bytes);
    const auto place = std::upper_bound(placed.begin(), placed.end(), result.offsets[i],
                                        [&](std::int64_t offset, std::size_t p) { return offset < result.offsets[p]; });
    placed.insert(place, i);
  }
  return result;
}

}  // namespace ingot::plan
