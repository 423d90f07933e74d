// SPDX-License-Identifier: Apache-2.0
// Control flow that is decided while building.
#pragma once

#include "base/status.h"
#include "ir/graph.h"
#include "passes/session.h"

namespace ingot::passes {

// An If of known condition becomes the branch that it takes, and bodies get captured constants as constants of their
// own.
Status decide_control_flow(ir::Graph& graph, Session& session);

}  // namespace ingot::passes
