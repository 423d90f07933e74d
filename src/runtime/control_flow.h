// SPDX-License-Identifier: Apache-2.0
// If, Loop, Scan and SequenceMap: the runtime runs their bodies as programs of their own.
#pragma once

#include "base/status.h"
#include "plan/plan.h"
#include "runtime/engine.h"

namespace ingot {

class Executor;

// Whether the step's bodies take and yield what the operator asks for.
Status check_control_flow(const Problem& problem, const plan::Step& step, const plan::Plan& plan);

// Runs one such step of the executor's program.
Status run_control_flow(const RuntimeStep& step, Executor& executor, std::size_t index);

}  // namespace ingot
