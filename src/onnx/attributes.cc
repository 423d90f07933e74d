// SPDX-License-Identifier: Apache-2.0
#include "onnx/attributes.h"

#include <algorithm>

#include "onnx/limits.h"
#include "onnx/tensor_proto.h"
#include "onnx/type_proto.h"
#include "ops/op_def.h"

namespace ingot::onnx {
namespace {

bool is_dtype_attribute(std::string_view op, std::string_view name) {
  const ops::OpDef* def = ops::find_op(op);
  return def != nullptr && std::ranges::any_of(def->attrs, [&](const ops::AttrSpec& spec) {
           return spec.name == name && spec.kind == ops::AttrKind::dtype;
         });
}

}  // namespace

Result<AttributeType> type_of(const AttributeProto& proto) {
  if (proto.type() < 0 || proto.type() > static_cast<std::int32_t>(AttributeType::types))
    return invalid_argument("attribute {} has the unknown type {}", proto.name(), proto.type());
  if (proto.type() != 0) return static_cast<AttributeType>(proto.type());
  if (proto.has_f()) return AttributeType::number;
  if (proto.has_i()) return AttributeType::integer;
  if (proto.has_s()) return AttributeType::text;
  if (proto.has_t()) return AttributeType::tensor;
  if (proto.has_g()) return AttributeType::graph;
  if (proto.has_tp()) return AttributeType::type;
  if (proto.floats_size() > 0) return AttributeType::numbers;
  if (proto.ints_size() > 0) return AttributeType::integers;
  if (proto.strings_size() > 0) return AttributeType::texts;
  return invalid_argument("attribute {} has neither type nor value", proto.name());
}

Result<std::vector<std::pair<std::string, const AttributeProto*>>> resolve_attributes(
    const NodeProto& node, const AttributeBindings& bindings) {
  std::vector<std::pair<std::string, const AttributeProto*>> resolved;
  for (const AttributeProto& proto : node.attribute()) {
    if (proto.name().empty()) return invalid_argument("an attribute has no name");
    if (std::ranges::any_of(resolved, [&](const auto& entry) { return entry.first == proto.name(); }))
      return invalid_argument("attribute {} is given twice", proto.name());
    if (proto.ref_attr_name().empty()) {
      resolved.emplace_back(proto.name(), &proto);
    } else if (const auto bound = bindings.find(proto.ref_attr_name()); bound != bindings.end()) {
      resolved.emplace_back(proto.name(), bound->second);
    }
  }
  return resolved;
}

Result<Attr> to_attr(const AttributeProto& proto, std::string_view name, std::string_view op,
                     const ExternalData& external, const std::shared_ptr<const void>& keep_alive) {
  INGOT_ASSIGN_OR_RETURN(const AttributeType type, type_of(proto));
  switch (type) {
    case AttributeType::integer: {
      if (!is_dtype_attribute(op, name)) return Attr(proto.i());
      if (proto.i() == 0) return Attr(DType::undefined);
      auto dtype = to_dtype(proto.i());
      if (!dtype.is_ok()) return dtype.status().annotate(fmt::format("attribute {}", name));
      return Attr(*dtype);
    }
    case AttributeType::number: return Attr(static_cast<double>(proto.f()));
    case AttributeType::text: return Attr(proto.s());
    case AttributeType::integers: return Attr(Ints(proto.ints().begin(), proto.ints().end()));
    case AttributeType::numbers: return Attr(Floats(proto.floats().begin(), proto.floats().end()));
    case AttributeType::texts: return Attr(Strings(proto.strings().begin(), proto.strings().end()));
    case AttributeType::tensor: {
      auto tensor = to_tensor(proto.t(), external, keep_alive);
      if (!tensor.is_ok()) return std::move(tensor).status().annotate(fmt::format("attribute {}", name));
      return Attr(*tensor);
    }
    case AttributeType::type: {
      SymbolNames symbols;
      auto value = to_type(proto.tp(), std::string(name), symbols);
      if (!value.is_ok()) return std::move(value).status().annotate(fmt::format("attribute {}", name));
      return Attr(value->to_string());
    }
    default:
      return beyond(Limit::kAttributeKind,
                    fmt::format("attribute {} of ONNX attribute type {}", name, static_cast<int>(type)));
  }
}

}  // namespace ingot::onnx
