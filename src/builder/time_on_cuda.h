// SPDX-License-Identifier: Apache-2.0
// Times one tactic on one problem on the current GPU.
#pragma once

#include "base/status.h"
#include "tactics/tactic.h"

namespace ingot::builder {

// Microseconds of one launch among many in a captured graph; as time_kernel().
Result<double> time_on_cuda(const Problem& problem, const Tactic& tactic, const std::string& config,
                            const DeviceInfo& info, std::size_t workspace_limit);

}  // namespace ingot::builder
