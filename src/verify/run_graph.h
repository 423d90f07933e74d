// SPDX-License-Identifier: Apache-2.0
// Runs a whole graph with the reference evaluator.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "tensor/host_tensor.h"

namespace ingot::verify {

using TensorMap = std::map<std::string, HostTensor, std::less<>>;

// Sees every tensor as it is computed, bodies aside, and gives the tensor that the rest of the graph shall see.
using Revise = std::function<TensorPtr(const ir::Value&, TensorPtr)>;

// Outputs by name.
Result<TensorMap> run_graph(const ir::Graph& graph, const TensorMap& inputs, const Revise& revise = {});

// Random inputs for a graph: floats normal, booleans true, integers 0 (always valid as indices) or uniform below
// `limit`.
Result<TensorMap> random_inputs(const ir::Graph& graph, const std::map<std::string, std::int64_t, std::less<>>& symbols,
                                std::uint32_t seed, std::int64_t integer_limit);

}  // namespace ingot::verify
