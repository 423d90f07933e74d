// SPDX-License-Identifier: Apache-2.0
// The standard pipeline: imported graph -> canonical graph.
#pragma once

#include <vector>

#include "passes/pass_manager.h"

namespace ingot::passes {

std::vector<Pass> standard_pipeline(const Options& options);
Status canonicalise(ir::Graph& graph, const Options& options);

}  // namespace ingot::passes
