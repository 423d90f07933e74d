// SPDX-License-Identifier: Apache-2.0
// The pass manager: runs passes in order over a graph, and owns tracing, timing, disabling by name, verification after
// each pass, stopping after a number of patches, and the dump of the graph on failure.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "passes/rule.h"
#include "passes/session.h"

namespace ingot::passes {

using PassFunction = Status (*)(ir::Graph& graph, Session& session);

struct Pass {
  std::string name;
  std::variant<PassFunction, Rules> body;
};

// On failure the graph is in an unspecified but valid-to-destroy state; the error names the pass, and the dump if one
// was written. Bodies of subgraphs are rewritten too, innermost first.
Status run_passes(ir::Graph& graph, const std::vector<Pass>& passes, const Options& options);

}  // namespace ingot::passes
