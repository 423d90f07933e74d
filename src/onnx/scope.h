// SPDX-License-Identifier: Apache-2.0
// Scope: the names of one ONNX graph, or of one call of a model function, and what they stand for in an ir::Graph.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "onnx/attributes.h"
#include "onnx/model_context.h"

namespace ingot::onnx {

struct Scope {
  ir::Graph& graph;
  const Opsets& opsets;
  AttributeBindings attributes = {};                          // of the function that is being inlined
  std::string prefix = {};                                    // of node and value names; tells function calls apart
  std::unordered_map<std::string, ir::ValueId> values = {};   // kNoValue: an optional argument that the caller left out
  std::unordered_map<std::string, std::string> renamed = {};  // function outputs, by the names that the caller wants

  // The name in ir::Graph for a value that is about to be made.
  [[nodiscard]] std::string value_name(const std::string& onnx_name) const {
    const auto found = renamed.find(onnx_name);
    return found != renamed.end() ? found->second : prefix + onnx_name;
  }
  // Fails when the name is taken: every ONNX value has one producer.
  Status define(const std::string& onnx_name, ir::ValueId value);
  // The empty name is an absent operand. Fails when nothing produces the value.
  [[nodiscard]] Result<ir::ValueId> find(const std::string& onnx_name) const;
};

// What a body uses without defining it, in order of first use; bodies inside it included.
std::vector<std::string> free_names(const GraphProto& body);
// What a node needs: its inputs and the free names of its bodies. Absent inputs are left out.
std::vector<std::string> used_names(const NodeProto& node);

// An order in which every node comes after what it uses. The given order is kept as far as possible. Fails on a cycle,
// on a name with two producers and on a use of what neither a node nor the scope has.
Result<std::vector<const NodeProto*>> sorted_nodes(const google::protobuf::RepeatedPtrField<NodeProto>& nodes,
                                                   const Scope& scope);

}  // namespace ingot::onnx
