// SPDX-License-Identifier: Apache-2.0
// Times one tactic on one problem with random operands.
#pragma once

#include "base/parallel.h"
#include "base/status.h"
#include "tactics/tactic.h"

namespace ingot::builder {

// Microseconds of the fastest of several launches. `workspace_limit` in bytes; asking for more is kResourceExhausted.
Result<double> time_kernel(const Problem& problem, const Tactic& tactic, const std::string& config,
                           const DeviceInfo& device, Parallel& parallel, std::size_t workspace_limit);

}  // namespace ingot::builder
