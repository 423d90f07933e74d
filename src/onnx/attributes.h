// SPDX-License-Identifier: Apache-2.0
// AttributeProto -> Attr, and the substitution of a model function's attribute parameters.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "onnx/external_data.h"
#include "onnx/onnx.pb.h"
#include "tensor/attrs.h"

namespace ingot::onnx {

// ONNX's AttributeProto.AttributeType.
enum class AttributeType : std::int32_t {
  undefined = 0,
  number,
  integer,
  text,
  tensor,
  graph,
  numbers,
  integers,
  texts,
  tensors,
  graphs,
  sparse_tensor,
  sparse_tensors,
  type,
  types
};

// The stated type, or for old files that state none, the field that is set.
Result<AttributeType> type_of(const AttributeProto& proto);

// What the attribute parameters of a function body stand for: the caller's attributes over the function's defaults.
using AttributeBindings = std::map<std::string, const AttributeProto*, std::less<>>;

// A node's attributes with references replaced by what they are bound to; a reference to an unbound parameter is left
// out. Fails on nameless and repeated attributes. The names are the node's own.
Result<std::vector<std::pair<std::string, const AttributeProto*>>> resolve_attributes(
    const NodeProto& node, const AttributeBindings& bindings);

// Everything but graphs. `op` decides which integers are element types (Cast's `to`).
Result<Attr> to_attr(const AttributeProto& proto, std::string_view name, std::string_view op,
                     const ExternalData& external, const std::shared_ptr<const void>& keep_alive);

}  // namespace ingot::onnx
