// SPDX-License-Identifier: Apache-2.0
#include "onnx/graph_importer.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "onnx/limits.h"
#include "onnx/node_importer.h"
#include "onnx/tensor_proto.h"
#include "ops/infer.h"

namespace ingot::onnx {
namespace {

Status import_initializers(ModelContext& context, const GraphProto& proto, Scope& scope) {
  if (proto.sparse_initializer_size() > 0)
    return beyond(Limit::kSparseInitializer, fmt::format("graph \"{}\"", proto.name()));
  for (const TensorProto& tensor : proto.initializer()) {
    if (tensor.name().empty()) return invalid_argument("an initializer of graph \"{}\" has no name", proto.name());
    auto value = to_tensor(tensor, context.external, context.model);
    if (!value.is_ok()) return value.status().annotate(fmt::format("initializer \"{}\"", tensor.name()));
    INGOT_RETURN_IF_ERROR(
        scope.define(tensor.name(), scope.graph.add_constant(scope.value_name(tensor.name()), *value)));
  }
  return Status::ok();
}

// Inputs that an initializer gives a value are constants, whatever the IR version: a default that is overridden at run
// time would forbid every optimisation that rests on it.
std::vector<const ValueInfoProto*> free_inputs(const GraphProto& proto) {
  std::unordered_set<std::string> initialized;
  for (const TensorProto& tensor : proto.initializer()) initialized.insert(tensor.name());
  std::vector<const ValueInfoProto*> inputs;
  for (const ValueInfoProto& input : proto.input()) {
    if (!initialized.contains(input.name())) inputs.push_back(&input);
  }
  return inputs;
}

using Overrides = std::map<std::string, SymShape>;

Result<Overrides> check_overrides(const std::vector<const ValueInfoProto*>& inputs, const ImportOptions& options,
                                  SymbolNames& symbols) {
  Overrides overrides;
  std::vector<std::pair<Dim, Dim>> replacements;  // applied last: until then the declared symbols count
  for (const auto& [name, shape] : options.input_shapes) {
    const auto input =
        std::ranges::find_if(inputs, [&, &wanted = name](const auto* info) { return info->name() == wanted; });
    if (input == inputs.end()) {
      std::vector<std::string> names;
      for (const auto* info : inputs) names.push_back(info->name());
      return invalid_argument("a shape is given for input \"{}\", but the inputs are: {}", name,
                              fmt::join(names, ", "));
    }
    INGOT_ASSIGN_OR_RETURN(const ir::Type type, to_type((*input)->type(), name, symbols));
    if (!type.is_tensor()) return invalid_argument("a shape is given for input \"{}\", which is no tensor", name);
    if (type.shape && type.shape->size() != shape.size())
      return invalid_argument("input \"{}\" has rank {}, the shape given for it is {}", name, type.shape->size(),
                              to_string(shape));
    for (std::size_t i = 0; type.shape && i < shape.size(); ++i) replacements.emplace_back((*type.shape)[i], shape[i]);
    if (!overrides.emplace(name, shape).second) return invalid_argument("two shapes are given for input \"{}\"", name);
  }
  for (const auto& [declared, given] : replacements) INGOT_RETURN_IF_ERROR(symbols.replace(declared, given));
  return overrides;
}

Status import_inputs(ModelContext& context, const GraphProto& proto, const ImportOptions& options, Scope& scope) {
  const std::vector<const ValueInfoProto*> inputs = free_inputs(proto);
  INGOT_ASSIGN_OR_RETURN(const Overrides overrides, check_overrides(inputs, options, context.symbols));
  if (context.model->ir_version() >= 4 && inputs.size() < static_cast<std::size_t>(proto.input_size()))
    context.warnings.emplace_back("graph inputs with an initializer are imported as constants");
  for (const ValueInfoProto* input : inputs) {
    if (input->name().empty()) return invalid_argument("a graph input has no name");
    INGOT_ASSIGN_OR_RETURN(ir::Type type, to_type(input->type(), input->name(), context.symbols));
    if (type.kind == ir::Type::Kind::none) return invalid_argument("graph input \"{}\" has no type", input->name());
    if (const auto found = overrides.find(input->name()); found != overrides.end()) type.shape = found->second;
    context.inputs.emplace_back(input->name(), type);
    INGOT_RETURN_IF_ERROR(scope.define(input->name(), scope.graph.add_input(input->name(), std::move(type))));
  }
  return Status::ok();
}

// Declared output types bind nobody, but a contradiction hints at a model that is not what its author thinks.
void compare_declared(ModelContext& context, const ValueInfoProto& declared, const ir::Type& type) {
  SymbolNames scratch;
  const auto expected = to_type(declared.type(), declared.name(), scratch);
  if (!expected.is_ok() || expected->kind == ir::Type::Kind::none) return;
  const bool contradiction = expected->kind != type.kind || expected->dtype != type.dtype ||
                             (expected->shape && type.shape && expected->shape->size() != type.shape->size());
  if (contradiction)
    context.warnings.push_back(fmt::format("output \"{}\" is declared as {}, but it is {}", declared.name(),
                                           expected->to_string(), type.to_string()));
}

Status import_outputs(ModelContext& context, const GraphProto& proto, const Scope& scope) {
  if (proto.output_size() == 0) return invalid_argument("the graph has no outputs");
  std::vector<ir::ValueId> outputs;
  std::set<std::string> names;
  for (const ValueInfoProto& output : proto.output()) {
    if (output.name().empty()) return invalid_argument("a graph output has no name");
    if (!names.insert(output.name()).second)
      return invalid_argument("graph output \"{}\" is listed twice", output.name());
    auto found = scope.find(output.name());
    if (!found.is_ok()) return found.status().annotate("graph output");
    ir::ValueId value = *found;
    if (value == ir::kNoValue)
      return invalid_argument("graph output \"{}\" is an argument that was left out", output.name());
    if (scope.graph.value(value).name != output.name()) {  // a function that hands its argument through
      INGOT_ASSIGN_OR_RETURN(const ir::NodeId alias,
                             ops::add_node(scope.graph, "Identity", output.name(), {value}, {}, {output.name()}));
      value = scope.graph.node(alias).outputs[0];
      if (scope.graph.value(value).name != output.name())
        return invalid_argument("the name of graph output \"{}\" stands for two values", output.name());
    }
    compare_declared(context, output, scope.graph.value(value).type);
    outputs.push_back(value);
  }
  scope.graph.set_outputs(std::move(outputs));
  return Status::ok();
}

// The branches of one If may share a name: neither sees the other.
std::string body_name(const GraphProto& proto, const ir::Graph& outer) {
  const std::size_t scope = outer.name.rfind('@');
  const std::string path = scope == std::string::npos ? std::string() : outer.name.substr(scope + 1) + ".";
  return fmt::format("{}@{}{}", proto.name(), path, static_cast<std::uint32_t>(outer.next_value_id()));
}

Status add_captures(const std::vector<Capture>& captures, const ir::Graph& outer, Scope& scope) {
  for (const Capture& capture : captures) {
    if (capture.outer == ir::kNoValue) {
      INGOT_RETURN_IF_ERROR(scope.define(capture.name, ir::kNoValue));
      continue;
    }
    const ir::Value& value = outer.value(capture.outer);
    ir::ValueId inner = ir::kNoValue;
    if (value.constant) {
      inner = scope.graph.add_constant(capture.name, value.constant);
    } else {
      inner = scope.graph.add_input(capture.name, value.type);
      scope.graph.value(inner).symbolic_value = value.symbolic_value;
    }
    INGOT_RETURN_IF_ERROR(scope.define(capture.name, inner));
  }
  return Status::ok();
}

}  // namespace

Status import_nodes(ModelContext& context, const google::protobuf::RepeatedPtrField<NodeProto>& nodes, Scope& scope) {
  INGOT_ASSIGN_OR_RETURN(const std::vector<const NodeProto*> order, sorted_nodes(nodes, scope));
  for (const NodeProto* node : order) INGOT_RETURN_IF_ERROR(import_node(context, *node, scope));
  return Status::ok();
}

Result<std::shared_ptr<ir::Graph>> import_main_graph(ModelContext& context, const ImportOptions& options) {
  const GraphProto& proto = context.model->graph();
  auto graph = std::make_shared<ir::Graph>();
  graph->name = proto.name();
  Scope scope{*graph, context.opsets};
  INGOT_RETURN_IF_ERROR(import_inputs(context, proto, options, scope));
  INGOT_RETURN_IF_ERROR(import_initializers(context, proto, scope));
  INGOT_RETURN_IF_ERROR(import_nodes(context, proto.node(), scope));
  INGOT_RETURN_IF_ERROR(import_outputs(context, proto, scope));
  return graph;
}

Result<std::shared_ptr<ir::Graph>> import_body(ModelContext& context, const GraphProto& proto, const Scope& outer,
                                               const std::vector<ir::Type>& operands,
                                               const std::vector<Capture>& captures) {
  auto graph = std::make_shared<ir::Graph>();
  graph->name = body_name(proto, outer.graph);
  Scope scope{*graph, outer.opsets, outer.attributes};
  const std::vector<const ValueInfoProto*> inputs = free_inputs(proto);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    INGOT_ASSIGN_OR_RETURN(ir::Type type, to_type(inputs[i]->type(), inputs[i]->name(), context.symbols));
    const bool received = i < operands.size();
    if (type.kind == ir::Type::Kind::none && received) type = operands[i];
    if (type.kind == ir::Type::Kind::none)
      return invalid_argument("input \"{}\" of body \"{}\" has no type", inputs[i]->name(), proto.name());
    if (received && type.is_tensor() && operands[i].is_tensor() && type.dtype != operands[i].dtype)
      return invalid_argument("input \"{}\" of body \"{}\" is {}, but what goes in is {}", inputs[i]->name(),
                              proto.name(), to_string(type.dtype), to_string(operands[i].dtype));
    INGOT_RETURN_IF_ERROR(scope.define(inputs[i]->name(), graph->add_input(inputs[i]->name(), std::move(type))));
  }
  INGOT_RETURN_IF_ERROR(add_captures(captures, outer.graph, scope));
  INGOT_RETURN_IF_ERROR(import_initializers(context, proto, scope));
  INGOT_RETURN_IF_ERROR(import_nodes(context, proto.node(), scope));
  std::vector<ir::ValueId> outputs;
  for (const ValueInfoProto& output : proto.output()) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId value, scope.find(output.name()));
    if (value == ir::kNoValue)
      return invalid_argument("output \"{}\" of body \"{}\" is absent", output.name(), proto.name());
    outputs.push_back(value);
  }
  graph->set_outputs(std::move(outputs));
  return graph;
}

Result<std::vector<ir::ValueId>> import_inline(ModelContext& context, const GraphProto& proto, Scope& outer,
                                               const std::string& prefix, const std::vector<ir::ValueId>& operands) {
  Scope scope{outer.graph, outer.opsets, outer.attributes, outer.prefix + prefix};
  const std::vector<const ValueInfoProto*> inputs = free_inputs(proto);
  if (inputs.size() != operands.size())
    return invalid_argument("the graph \"{}\" has {} inputs, but must have {}", proto.name(), inputs.size(),
                            operands.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) INGOT_RETURN_IF_ERROR(scope.define(inputs[i]->name(), operands[i]));
  for (const std::string& name : free_names(proto)) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId value, outer.find(name));
    INGOT_RETURN_IF_ERROR(scope.define(name, value));
  }
  INGOT_RETURN_IF_ERROR(import_initializers(context, proto, scope));
  INGOT_RETURN_IF_ERROR(import_nodes(context, proto.node(), scope));
  std::vector<ir::ValueId> outputs;
  for (const ValueInfoProto& output : proto.output()) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId value, scope.find(output.name()));
    if (value == ir::kNoValue)
      return invalid_argument("output \"{}\" of \"{}\" is absent", output.name(), proto.name());
    outputs.push_back(value);
  }
  return outputs;
}

}  // namespace ingot::onnx
