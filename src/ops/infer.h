// SPDX-License-Identifier: Apache-2.0
// Type and shape inference, with attribute validation, for one node, a patch, or a whole graph.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "ir/patch.h"
#include "ops/op_def.h"

namespace ingot::ops {

struct InferredOutput {
  ir::Type type;
  std::optional<std::vector<Dim>> symbolic_value;
};

// Checks arity and attributes of a node-to-be against its OpDef (unknown attribute: an error that names near matches)
// and computes the outputs. The values live in `graph`.
Result<std::vector<InferredOutput>> infer(
    const ir::Graph& graph, const std::string& op, const Attrs& attrs, const std::vector<ir::ValueId>& inputs,
    std::size_t output_count, std::span<const std::pair<std::string, std::shared_ptr<ir::Graph>>> subgraphs = {});

// infer() plus Graph::add_node(). Errors are annotated with the node's name and operator.
Result<ir::NodeId> add_node(ir::Graph& graph, std::string op, std::string name, std::vector<ir::ValueId> inputs,
                            Attrs attrs,
                            std::vector<std::string> output_names);  // an empty name: an unused optional output

// For ir::Patch.
Result<std::vector<ir::Type>> infer_for_patch(const ir::Patch& patch, const std::string& op, const Attrs& attrs,
                                              const std::vector<ir::ValueId>& inputs, std::size_t output_count);

// Recomputes all types in order, after input shapes changed.
Status infer_graph(ir::Graph& graph);

}  // namespace ingot::ops
