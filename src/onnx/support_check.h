// SPDX-License-Identifier: Apache-2.0
// Says before the import whether all operators of a model are supported, and if not, which and why, all at once.
#pragma once

#include "base/status.h"
#include "onnx/model_context.h"
#include "onnx/op_table.h"

namespace ingot::onnx {

// The row by which a node is imported: nullptr when the node calls a model function or is not supported.
// Operators that the engine knows win over a model function of the same name.
const OpRow* supported_row(const NodeProto& node, const Opsets& opsets);

// Walks the graph, the bodies in it and the functions it calls. Also refuses functions that call themselves.
Status check_support(const ModelContext& context);

}  // namespace ingot::onnx
