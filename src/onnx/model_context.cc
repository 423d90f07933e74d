// SPDX-License-Identifier: Apache-2.0
#include "onnx/model_context.h"

#include <utility>

#include "onnx/import.h"
#include "onnx/op_table.h"

namespace ingot::onnx {

Result<Opsets> Opsets::from(const google::protobuf::RepeatedPtrField<OperatorSetIdProto>& imports) {
  Opsets opsets;
  for (const OperatorSetIdProto& import : imports) {
    const std::string domain(canonical_domain(import.domain()));
    if (import.version() < 1)
      return invalid_argument("opset version {} of domain \"{}\" is not positive", import.version(), domain);
    if (domain.empty() && (import.version() < kOldestOpset || import.version() > kNewestOpset))
      return unsupported("ONNX opset {} is not supported; this build knows opsets {} to {}", import.version(),
                         kOldestOpset, kNewestOpset);
    const auto [at, fresh] = opsets.versions_.emplace(domain, import.version());
    if (!fresh && at->second != import.version())
      return invalid_argument("domain \"{}\" is imported in versions {} and {}", domain, at->second, import.version());
  }
  return opsets;
}

std::optional<std::int64_t> Opsets::version(std::string_view domain) const {
  const auto found = versions_.find(canonical_domain(domain));
  return found == versions_.end() ? std::nullopt : std::optional(found->second);
}

Result<ModelContext> ModelContext::create(std::shared_ptr<const ModelProto> model, ExternalData external) {
  if (!model->has_graph()) return corrupt("not an ONNX model, or a truncated one: it has no graph");
  if (model->ir_version() < kOldestIrVersion || model->ir_version() > kNewestIrVersion)
    return unsupported("ONNX IR version {} is not supported; this build knows versions {} to {}", model->ir_version(),
                       kOldestIrVersion, kNewestIrVersion);
  if (model->opset_import_size() == 0) return corrupt("the model imports no operator set; the file may be truncated");
  INGOT_ASSIGN_OR_RETURN(Opsets opsets, Opsets::from(model->opset_import()));
  ModelContext context{std::move(model), std::move(external), std::move(opsets)};
  for (const FunctionProto& function : context.model->functions()) {
    auto imports = Opsets::from(function.opset_import());
    if (!imports.is_ok()) return imports.status().annotate(fmt::format("function {}", function.name()));
    auto key = std::make_tuple(std::string(canonical_domain(function.domain())), function.name(), function.overload());
    if (!context.functions.emplace(std::move(key), ModelFunction{&function, std::move(*imports)}).second)
      return invalid_argument("function {}::{} is defined twice", function.domain(), function.name());
  }
  return context;
}

const ModelFunction* ModelContext::function(const NodeProto& node) const {
  const auto found =
      functions.find(std::make_tuple(std::string(canonical_domain(node.domain())), node.op_type(), node.overload()));
  return found == functions.end() ? nullptr : &found->second;
}

std::string display_name(const NodeProto& node) {
  if (!node.name().empty()) return node.name();
  for (const std::string& output : node.output()) {
    if (!output.empty()) return output;
  }
  return node.op_type();
}

}  // namespace ingot::onnx
