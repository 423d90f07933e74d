// SPDX-License-Identifier: Apache-2.0
// Whether a step of a plan agrees with its problem: tactics trust the problem they are loaded with.
#pragma once

#include <span>

#include "plan/plan.h"
#include "tactics/tactic.h"

namespace ingot {

// Element types and ranks of the operands, and their sizes wherever the plan fixes them; then that the tactic solves
// such a problem on this device at all. kCorrupt otherwise.
Status check_step(const plan::Step& step, const Problem& problem, std::span<const plan::Tensor> tensors,
                  const Tactic& tactic, const DeviceInfo& device);

}  // namespace ingot
