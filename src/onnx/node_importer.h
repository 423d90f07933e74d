// SPDX-License-Identifier: Apache-2.0
// NodeProto -> one or a few nodes of ir::Graph: by the operator table, as a constant, as a call of a model function, or
// as a node with bodies.
#pragma once

#include "base/status.h"
#include "onnx/model_context.h"
#include "onnx/scope.h"

namespace ingot::onnx {

// All that the node uses must be in the scope. Errors name the node and its operator.
Status import_node(ModelContext& context, const NodeProto& node, Scope& scope);

}  // namespace ingot::onnx
