// SPDX-License-Identifier: Apache-2.0
// KeptGraphs: the captured runs of a context, by what a captured run depends on. Kernels, their parameters and the
// descriptions of tensors in them follow from the executor's configuration (which owns the kernel states that a graph
// refers to), from where inputs and outputs are bound, and from where the executor's own memory lies: when that moves,
// all graphs go.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "backends/cuda/device.h"

namespace ingot {

// Of the runs of a context on a GPU. A run that finds no graph is captured and then launched as one.
struct GraphCounts {
  std::int64_t kept = 0;      // graphs there are
  std::int64_t captured = 0;  // runs that were captured
  std::int64_t updated = 0;   // of them: by bringing a graph of other addresses up to date
  std::int64_t replayed = 0;  // runs of a graph that was there
  std::int64_t stepwise = 0;  // runs step by step
};

class KeptGraphs {
 public:
  explicit KeptGraphs(std::size_t most) : most_(most) {}

  // What the next find() and capture() are about: begin() and then every address.
  void begin(std::uint64_t configuration, std::uint64_t memory_moves);
  void add_address(const void* address) { addresses_.push_back(address); }

  // Null: there is none.
  [[nodiscard]] const cuda::CapturedGraph* find();
  // Where all places are taken, the graph that was not used for longest makes room: one of the same configuration,
  // which is then brought up to date, before others.
  Result<const cuda::CapturedGraph*> capture(const cuda::Device& device, const cuda::Stream& stream,
                                             const std::function<Status()>& enqueue);

  void drop(std::uint64_t configuration);
  void clear() { graphs_.clear(); }
  [[nodiscard]] std::size_t most() const { return most_; }
  // Without the runs, which only the caller sees.
  [[nodiscard]] GraphCounts counts() const;

 private:
  struct Kept {
    std::uint64_t configuration = 0;
    std::vector<const void*> addresses;
    std::uint64_t used = 0;
    std::unique_ptr<cuda::CapturedGraph> graph;
  };

  std::size_t most_;
  std::vector<Kept> graphs_;
  std::uint64_t configuration_ = 0, memory_moves_ = 0;
  std::vector<const void*> addresses_;
  std::uint64_t uses_ = 0;
  std::int64_t captured_ = 0, updated_ = 0;
};

}  // namespace ingot
