// SPDX-License-Identifier: Apache-2.0
// Nodes with bodies: If, Loop, Scan and SequenceMap.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "onnx/graph_importer.h"
#include "onnx/node_draft.h"

namespace ingot::onnx {

using NamedBodies = std::vector<std::pair<std::string, const GraphProto*>>;  // by attribute

// Imports the bodies and adds the node. What they take from outside become its last inputs.
Result<ir::NodeId> import_with_bodies(ModelContext& context, const NamedBodies& bodies, NodeDraft& draft, Scope& scope);

// --- for the files of control flow alone ---
using Bodies = std::vector<std::pair<std::string, std::shared_ptr<ir::Graph>>>;

// What the bodies take from outside, each once.
Result<std::vector<Capture>> find_captures(const NamedBodies& bodies, const Scope& scope);
// Those of them that are inputs of the bodies: neither absent nor constant.
std::vector<ir::ValueId> captured_values(const std::vector<Capture>& captures, const ir::Graph& graph);
// An empty name: an unused output.
Result<ir::NodeId> add_node_with_bodies(ir::Graph& graph, const std::string& op, const std::string& name,
                                        const std::vector<ir::ValueId>& inputs, const Attrs& attrs,
                                        const std::vector<std::string>& outputs, Bodies bodies);

// batched_scan.cc: Scan as opset 8 had it, over sequences in batches.
Result<ir::NodeId> import_batched_scan(ModelContext& context, const GraphProto& body, NodeDraft& draft, Scope& scope);

}  // namespace ingot::onnx
