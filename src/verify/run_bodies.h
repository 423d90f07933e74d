// SPDX-License-Identifier: Apache-2.0
// If, Loop, Scan and SequenceMap over graphs rather than plans: the oracle of the runtime's.
#pragma once

#include <vector>

#include "base/function_ref.h"
#include "ir/graph.h"
#include "runtime/object.h"

namespace ingot::verify {

using Objects = std::vector<Object>;
using RunBody = FunctionRef<Result<Objects>(const ir::Graph& body, const Objects& inputs)>;

// The outputs of a node with bodies; `inputs` follow the node's. A body is one layer: what happens inside is not seen.
Result<Objects> run_bodies(const ir::Graph& graph, const ir::Node& node, const Objects& inputs, RunBody run);

}  // namespace ingot::verify
