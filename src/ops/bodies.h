// SPDX-License-Identifier: Apache-2.0
// Types inside the bodies of If, Loop, Scan and SequenceMap.
#pragma once

#include "base/status.h"
#include "ir/graph.h"

namespace ingot::ops {

// Gives the inputs of the node's bodies the types of what the node passes, as far as they hold in every iteration, and
// infers the bodies again.
Status infer_bodies(const ir::Graph& graph, ir::Node& node);

}  // namespace ingot::ops
