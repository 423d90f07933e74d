// SPDX-License-Identifier: Apache-2.0
// TypeProto -> ir::Type, with symbols for the dimensions that the model leaves open.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/status.h"
#include "ir/type.h"
#include "onnx/onnx.pb.h"

namespace ingot::onnx {

// Gives each dimension parameter of one model its symbol: the same name the same symbol, different names different
// ones, though names are reduced to letters, digits and underscores.
class SymbolNames {
 public:
  Dim named(const std::string& dim_param);
  // For a dimension without a name: unique, and recognisable as that axis of that value.
  Dim anonymous(std::string_view value_name, std::size_t axis);
  // From now on the named dimension that this symbol stands for is `dim`. Fails when it was given another one before.
  Status replace(const Dim& symbol, const Dim& dim);

 private:
  Dim make(std::string_view wanted);

  std::map<std::string, Dim> by_param_;
  std::set<std::string> taken_;
  std::map<std::string, Dim> replaced_;  // by dimension parameter
};

// `value_name` is for messages and names of symbols. Fails on sparse and opaque types and on missing or unknown element
// types. Type kind none: no type was declared.
Result<ir::Type> to_type(const TypeProto& proto, const std::string& value_name, SymbolNames& symbols);

}  // namespace ingot::onnx
