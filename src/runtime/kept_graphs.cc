// SPDX-License-Identifier: Apache-2.0
#include "runtime/kept_graphs.h"

#include <algorithm>
#include <utility>

namespace ingot {

void KeptGraphs::begin(std::uint64_t configuration, std::uint64_t memory_moves) {
  if (memory_moves != memory_moves_) clear();
  memory_moves_ = memory_moves;
  configuration_ = configuration;
  addresses_.clear();
}

const cuda::CapturedGraph* KeptGraphs::find() {
  for (Kept& kept : graphs_) {
    if (kept.configuration != configuration_ || kept.addresses != addresses_) continue;
    kept.used = ++uses_;
    return kept.graph.get();
  }
  return nullptr;
}

Result<const cuda::CapturedGraph*> KeptGraphs::capture(const cuda::Device& device, const cuda::Stream& stream,
                                                       const std::function<Status()>& enqueue) {
  ++captured_;
  Kept next;
  if (graphs_.size() >= most_) {
    const auto oldest = std::ranges::min_element(
        graphs_, {}, [&](const Kept& kept) { return std::make_pair(kept.configuration != configuration_, kept.used); });
    if (oldest->configuration == configuration_) next = std::move(*oldest);
    graphs_.erase(oldest);
  }
  if (next.graph == nullptr) {
    INGOT_ASSIGN_OR_RETURN(next.graph, cuda::CapturedGraph::capture(device, stream, enqueue));
  } else {
    INGOT_ASSIGN_OR_RETURN(const bool updated, next.graph->recapture(stream, enqueue));
    updated_ += updated ? 1 : 0;
  }
  next.configuration = configuration_;
  next.addresses = addresses_;
  next.used = ++uses_;
  graphs_.push_back(std::move(next));
  return graphs_.back().graph.get();
}

void KeptGraphs::drop(std::uint64_t configuration) {
  std::erase_if(graphs_, [&](const Kept& kept) { return kept.configuration == configuration; });
}

GraphCounts KeptGraphs::counts() const {
  return {.kept = static_cast<std::int64_t>(graphs_.size()), .captured = captured_, .updated = updated_};
}

}  // namespace ingot
