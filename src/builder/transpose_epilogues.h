// SPDX-License-Identifier: Apache-2.0
// Expressions of one operand become epilogues of the transposes before or behind them: what converts the elements of a
// network's inputs and outputs is then done while they change their layout.
#pragma once

#include <functional>

#include "builder/lower.h"

namespace ingot::builder {

// `solvable` says whether the device has a tactic for a problem.
Status fuse_transpose_epilogues(LoweredProgram& program, const std::function<bool(const Problem&)>& solvable);

}  // namespace ingot::builder
