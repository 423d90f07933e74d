// SPDX-License-Identifier: Apache-2.0
// What the import of one model shares between its graphs and functions.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/status.h"
#include "onnx/external_data.h"
#include "onnx/onnx.pb.h"
#include "onnx/type_proto.h"

namespace ingot::onnx {

// The version of each operator set that a model or a function imports.
class Opsets {
 public:
  static Result<Opsets> from(const google::protobuf::RepeatedPtrField<OperatorSetIdProto>& imports);
  [[nodiscard]] std::optional<std::int64_t> version(std::string_view domain) const;
  [[nodiscard]] const std::map<std::string, std::int64_t, std::less<>>& all() const { return versions_; }

 private:
  std::map<std::string, std::int64_t, std::less<>> versions_;
};

struct ModelFunction {
  const FunctionProto* proto = nullptr;
  Opsets opsets;
};

struct ModelContext {
  std::shared_ptr<const ModelProto> model;
  ExternalData external;
  Opsets opsets;
  std::map<std::tuple<std::string, std::string, std::string>, ModelFunction> functions =
      {};  // by domain, name, overload
  SymbolNames symbols = {};
  std::vector<std::string> warnings = {};
  std::vector<std::pair<std::string, ir::Type>> inputs = {};  // of the main graph

  // Checks versions and functions.
  static Result<ModelContext> create(std::shared_ptr<const ModelProto> model, ExternalData external);
  // nullptr when the model has no such function.
  [[nodiscard]] const ModelFunction* function(const NodeProto& node) const;
};

// How messages call a node: its name, or where it has none, its first output.
std::string display_name(const NodeProto& node);

}  // namespace ingot::onnx
