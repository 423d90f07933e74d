// SPDX-License-Identifier: Apache-2.0
// GraphProto -> ir::Graph, for the main graph and for bodies. The operators have been checked (support_check.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "onnx/import.h"
#include "onnx/model_context.h"
#include "onnx/scope.h"

namespace ingot::onnx {

Result<std::shared_ptr<ir::Graph>> import_main_graph(ModelContext& context, const ImportOptions& options);

// A value that a body takes from outside: as a trailing input, or for a constant as a copy.
struct Capture {
  std::string name;  // in the body
  ir::ValueId outer;
};

// `operands` are the types of the values that the body's own inputs receive, as far as they are known: they stand in
// where the body declares none. Trailing inputs follow the order of `captures`, constants and absent values left out.
Result<std::shared_ptr<ir::Graph>> import_body(ModelContext& context, const GraphProto& proto, const Scope& outer,
                                               const std::vector<ir::Type>& operands,
                                               const std::vector<Capture>& captures);

// A body's nodes as part of the scope's own graph, under names with the prefix: its outputs for these operands.
Result<std::vector<ir::ValueId>> import_inline(ModelContext& context, const GraphProto& proto, Scope& outer,
                                               const std::string& prefix, const std::vector<ir::ValueId>& operands);

// Adds nodes, in any order, to the scope's graph.
Status import_nodes(ModelContext& context, const google::protobuf::RepeatedPtrField<NodeProto>& nodes, Scope& scope);

}  // namespace ingot::onnx
