// SPDX-License-Identifier: Apache-2.0
// Times candidates of one problem on the current GPU. The operands are made once, on the device: at large batches that
// would take far longer than the kernels. Builds that run at the same time on the same GPU measure in turn.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/cuda/device.h"
#include "base/status.h"
#include "tactics/tactic.h"

namespace ingot::builder {

class CudaTimer {
 public:
  // `problem` outlives the timer. `workspace_limit` in bytes; a candidate that asks for more is kResourceExhausted.
  CudaTimer(const Problem& problem, const DeviceInfo& info, std::size_t workspace_limit);

  // Microseconds of one launch among many in a captured graph.
  Result<double> time(const Tactic& tactic, const std::string& config);

 private:
  // Made when it is first asked for.
  Result<void*> input(std::size_t index);
  Result<void*> output(std::size_t index);
  Status start();

  const Problem& problem_;
  const DeviceInfo& info_;
  const std::size_t workspace_limit_;
  cuda::Device* device_ = nullptr;  // null until start()
  std::unique_ptr<cuda::Stream> stream_;
  std::vector<std::optional<cuda::DeviceMemory>> inputs_, outputs_;
};

}  // namespace ingot::builder
