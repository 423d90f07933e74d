// SPDX-License-Identifier: Apache-2.0
#include "onnx/type_proto.h"

#include <algorithm>
#include <utility>

#include "onnx/limits.h"
#include "onnx/tensor_proto.h"

namespace ingot::onnx {
namespace {

// More than any address space holds. Guards the arithmetic of everything that comes after.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 47;

std::string sanitize(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    name += keep ? c : '_';
  }
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) name.insert(name.begin(), '_');
  return name;
}

Result<SymShape> to_shape(const TensorShapeProto& proto, const std::string& value_name, SymbolNames& symbols) {
  SymShape shape;
  std::int64_t known = 1;  // the product of the constant dimensions
  for (int axis = 0; axis < proto.dim_size(); ++axis) {
    const auto& dim = proto.dim(axis);
    if (dim.has_dim_param() && !dim.dim_param().empty()) {
      shape.push_back(symbols.named(dim.dim_param()));
    } else if (dim.has_dim_value() && dim.dim_value() >= 0) {
      if (dim.dim_value() > kMaxElements / std::max<std::int64_t>(known, 1))
        return invalid_argument("dimension {} of {} is too large: {}", axis, value_name, dim.dim_value());
      known *= dim.dim_value();
      shape.emplace_back(dim.dim_value());
    } else {  // exporters write both nothing and -1 for a dimension that they do not know
      shape.push_back(symbols.anonymous(value_name, static_cast<std::size_t>(axis)));
    }
  }
  return shape;
}

Result<ir::Type> to_wrapped(ir::Type::Kind kind, const TypeProto& element, const std::string& value_name,
                            SymbolNames& symbols) {
  INGOT_ASSIGN_OR_RETURN(ir::Type inner, to_type(element, value_name, symbols));
  if (inner.kind == ir::Type::Kind::none) return invalid_argument("the type of {} lacks its element type", value_name);
  // The elements of a sequence may differ in a size that bears one name.
  if (kind == ir::Type::Kind::sequence && inner.is_tensor() && inner.shape && !concrete(*inner.shape))
    inner.shape.reset();
  return ir::Type::of(kind, std::move(inner));
}

}  // namespace

Dim SymbolNames::make(std::string_view wanted) {
  const std::string base = sanitize(wanted);
  std::string name = base;
  for (int i = 2; !taken_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
  return Dim::symbol(name);
}

Dim SymbolNames::named(const std::string& dim_param) {
  if (const auto other = replaced_.find(dim_param); other != replaced_.end()) return other->second;
  const auto found = by_param_.find(dim_param);
  return found != by_param_.end() ? found->second : by_param_.emplace(dim_param, make(dim_param)).first->second;
}

Dim SymbolNames::anonymous(std::string_view value_name, std::size_t axis) {
  return make(fmt::format("{}_{}", value_name, axis));
}

Status SymbolNames::replace(const Dim& symbol, const Dim& dim) {
  for (const auto& [param, own] : by_param_) {
    if (!(own == symbol)) continue;
    const auto [at, fresh] = replaced_.emplace(param, dim);
    if (!fresh && !(at->second == dim))
      return invalid_argument("dimension {} is given as both {} and {}", param, at->second.to_string(),
                              dim.to_string());
  }
  return Status::ok();
}

Result<ir::Type> to_type(const TypeProto& proto, const std::string& value_name, SymbolNames& symbols) {
  switch (proto.value_case()) {
    case TypeProto::kTensorType: {
      auto dtype = to_dtype(proto.tensor_type().elem_type());
      if (!dtype.is_ok()) return dtype.status().annotate(value_name);
      if (!proto.tensor_type().has_shape()) return ir::Type::tensor(*dtype, std::nullopt);
      INGOT_ASSIGN_OR_RETURN(SymShape shape, to_shape(proto.tensor_type().shape(), value_name, symbols));
      return ir::Type::tensor(*dtype, std::move(shape));
    }
    case TypeProto::kSequenceType:
      return to_wrapped(ir::Type::Kind::sequence, proto.sequence_type().elem_type(), value_name, symbols);
    case TypeProto::kOptionalType:
      return to_wrapped(ir::Type::Kind::optional, proto.optional_type().elem_type(), value_name, symbols);
    case TypeProto::kMapType: {
      INGOT_ASSIGN_OR_RETURN(ir::Type type,
                             to_wrapped(ir::Type::Kind::map, proto.map_type().value_type(), value_name, symbols));
      INGOT_ASSIGN_OR_RETURN(type.dtype, to_dtype(proto.map_type().key_type()));
      return type;
    }
    case TypeProto::kSparseTensorType: return beyond(Limit::kSparseTensor, value_name);
    case TypeProto::kOpaqueType: return beyond(Limit::kOpaqueType, value_name);
    case TypeProto::VALUE_NOT_SET: break;
  }
  return ir::Type{};
}

}  // namespace ingot::onnx
