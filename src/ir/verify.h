// SPDX-License-Identifier: Apache-2.0
// Checks the invariants listed in ir/graph.h, subgraphs included. An error names the node and what is broken.
#pragma once

#include "base/status.h"
#include "ir/graph.h"

namespace ingot::ir {

Status verify(const Graph& graph);

}  // namespace ingot::ir
