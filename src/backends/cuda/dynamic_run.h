// SPDX-License-Identifier: Apache-2.0
// Launches on the thread's current stream: those that were planned once, and DynamicRun for kernels that plan in every
// run, because they read operands on the host or need to know what an earlier launch found.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/cuda/cuda_tactic.h"

namespace ingot::cuda {

struct BoundLaunch {
  PlannedLaunch planned;
  CuFunction function = nullptr;
};

// Launches of an empty grid are left out.
Result<std::vector<BoundLaunch>> bind_launches(std::vector<PlannedLaunch> launches,
                                               std::span<const std::shared_ptr<const Module>> modules);

struct LaunchPlaces {
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
  std::span<const DeviceMemory> weights;
  void* workspace = nullptr;
  void* data = nullptr;
};
Status enqueue(const Device& device, std::span<BoundLaunch> launches, const LaunchPlaces& places);

class DynamicRun {
 public:
  DynamicRun(const Device& device, const PlanArgs& args, std::span<const std::shared_ptr<const Module>> modules,
             std::span<const DeviceMemory> weights, const LaunchArgs& launch);
  ~DynamicRun();
  DynamicRun(const DynamicRun&) = delete;
  DynamicRun& operator=(const DynamicRun&) = delete;

  Status run(const Family& family);

  // --- for Family::run_of -------------------------------------------------------------------------------------------
  // The problem with its shapes; values of host_inputs are there.
  [[nodiscard]] const PlanArgs& args() const { return args_; }
  // Memory that lasts as long as the run; filled with zeros.
  Result<void*> scratch(std::size_t bytes);
  // The same with these contents.
  Result<void*> table(std::span<const std::byte> bytes);
  // `work` and `data` are what Place::kWorkspace and Place::kData mean.
  Status launch(std::vector<PlannedLaunch> launches, void* work, void* data = nullptr);
  // Waits for what was launched.
  Status read(void* to, const void* from, std::size_t bytes);
  // Gives output `index` that shape, and memory where its shape was open. Outputs that nobody wants are passed over.
  Status decide(std::size_t index, const Shape& shape);
  [[nodiscard]] bool wanted(std::size_t output) const { return args_.problem.outputs[output].present(); }

 private:
  Status fetch_inputs(const Family& family);

  const Device& device_;
  std::vector<Operand> inputs_, outputs_;
  PlanArgs args_;
  std::span<const std::shared_ptr<const Module>> modules_;
  std::span<const DeviceMemory> weights_;
  const LaunchArgs& launch_args_;
  std::vector<void*> output_places_;
  std::vector<CuPointer> scratch_;
};

}  // namespace ingot::cuda
