// SPDX-License-Identifier: Apache-2.0
// Nodes whose operator is neither ONNX's nor ours: which plugin takes them, and how their attributes are read.
#pragma once

#include <string>

#include "base/status.h"
#include "onnx/model_context.h"
#include "plugin/operator.h"
#include "tensor/attrs.h"

namespace ingot::onnx {

// By the node's domain and operator; a `Plugin` node of the default domain by its attribute `name`. nullptr when no
// loaded library has it.
const plugin::Operator* find_plugin(const NodeProto& node);

// Why find_plugin() found nothing: which libraries were searched, and whether a library or an operator is missing.
std::string explain_missing_plugin(const NodeProto& node);

// The attributes for the plugin: those of the node without what selected the plugin; a `Plugin` node's are the members
// of its `info` as JSON, and `info` itself where the plugin asks for it.
Result<Attrs> plugin_attributes(const plugin::Operator& op, const NodeProto& node, Attrs attrs);

}  // namespace ingot::onnx
