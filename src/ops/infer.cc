// SPDX-License-Identifier: Apache-2.0
// The inference driver: table row, operands, attributes -> types. Knows no operator, but does epilogues for all of
// them.
#include "ops/infer.h"

#include <algorithm>

#include "ops/bodies.h"
#include "ops/rules.h"
#include "ops/schema_check.h"
#include "plugin/infer.h"
#include "plugin/registry.h"

namespace ingot::ops {
namespace {

// Longer integer tensors are data, not shapes.
constexpr std::size_t kMaxSymbolicElements = 64;

struct Operand {
  bool present = false;
  const ir::Type* type = nullptr;
  const HostTensor* constant = nullptr;
  const std::vector<Dim>* symbolic = nullptr;
};

using Subgraphs = std::span<const std::pair<std::string, std::shared_ptr<ir::Graph>>>;

bool holds_symbols(DType type) { return is_integer(type) || type == DType::boolean; }

// The elements of a small integer operand as expressions, when known.
std::optional<std::vector<Dim>> small_value(const Operand& operand) {
  if (operand.symbolic != nullptr) return *operand.symbolic;
  const HostTensor* tensor = operand.constant;
  if (tensor == nullptr || tensor->rank() > 1 || !holds_symbols(tensor->dtype()) ||
      static_cast<std::size_t>(tensor->elements()) > kMaxSymbolicElements) {
    return std::nullopt;
  }
  std::vector<Dim> value;
  for (std::int64_t i = 0; i < tensor->elements(); ++i) value.emplace_back(tensor->as_int(i));
  return value;
}

class Context final : public InferContext {
 public:
  Context(const OpDef& def, const Attrs& attrs, std::span<const Operand> operands, std::size_t outputs,
          Subgraphs subgraphs, std::string symbol_prefix)
      : def_(def),
        attrs_(attrs),
        operands_(operands),
        own_inputs_(operands.size()),
        subgraphs_(subgraphs),
        prefix_(std::move(symbol_prefix)),
        results_(outputs) {}

  [[nodiscard]] std::string_view op() const override { return def_.name; }
  [[nodiscard]] const Attrs& attrs() const override { return attrs_; }
  [[nodiscard]] std::size_t input_count() const override { return operands_.size(); }
  [[nodiscard]] std::size_t output_count() const override { return results_.size(); }
  [[nodiscard]] bool present(std::size_t input) const override {
    return input < operands_.size() && operands_[input].present;
  }
  [[nodiscard]] const ir::Type& type(std::size_t input) const override {
    INGOT_CHECK(present(input), "{} asks for the type of absent input {}", def_.name, input);
    return *operands_[input].type;
  }
  [[nodiscard]] const HostTensor* constant(std::size_t input) const override {
    return present(input) ? operands_[input].constant : nullptr;
  }
  [[nodiscard]] std::optional<std::vector<Dim>> symbolic_value(std::size_t input) const override {
    return present(input) ? small_value(operands_[input]) : std::nullopt;
  }
  [[nodiscard]] const ir::Graph* subgraph(std::string_view attribute) const override {
    const auto at = std::ranges::find_if(subgraphs_, [&](const auto& entry) { return entry.first == attribute; });
    return at == subgraphs_.end() ? nullptr : at->second.get();
  }
  [[nodiscard]] std::string input_name(std::size_t input) const override {
    const OperandSpec* spec = operand_spec(def_.inputs, input);
    return input >= own_inputs_ || spec == nullptr ? fmt::format("epilogue input {}", input)
                                                   : fmt::format("input {} ({})", input, spec->name);
  }

  void set_type(std::size_t output, ir::Type type) override {
    if (output < results_.size()) results_[output].type = std::move(type);
  }
  void set_symbolic_value(std::size_t output, std::vector<Dim> value) override {
    if (output < results_.size() && value.size() <= kMaxSymbolicElements)
      results_[output].symbolic_value = std::move(value);
  }
  Dim unknown_dim() override { return Dim::symbol(fmt::format("{}.{}", prefix_, unknown_count_++)); }

  // What the rule did not see: its own operands and those of the epilogue.
  void show_all(std::span<const Operand> operands) { operands_ = operands; }
  [[nodiscard]] std::vector<InferredOutput>& results() { return results_; }

 private:
  const OpDef& def_;
  const Attrs& attrs_;
  std::span<const Operand> operands_;
  std::size_t own_inputs_;
  Subgraphs subgraphs_;
  std::string prefix_;
  int unknown_count_ = 0;
  std::vector<InferredOutput> results_;
};

Status apply_epilogue(Context& ctx, const std::string& text, std::size_t own_inputs) {
  INGOT_ASSIGN_OR_RETURN(const Expr expr, Expr::parse(text));
  const std::vector<DType>& types = expr.input_types();
  const std::size_t extra = ctx.input_count() - own_inputs;
  if (types.size() != extra + 1) {
    return invalid_argument("the epilogue has {} inputs, but there are the result and {} operands for it", types.size(),
                            extra);
  }
  ir::Type& result = ctx.results()[0].type;
  if (types[0] != result.dtype) {
    return invalid_argument("the epilogue takes {} as x0, but the operator's result is {}", to_string(types[0]),
                            to_string(result.dtype));
  }
  for (std::size_t i = 0; i < extra; ++i) {
    const std::size_t input = own_inputs + i;
    if (!ctx.present(input) || !ctx.type(input).is_tensor())
      return invalid_argument("epilogue input {} must be a tensor", input);
    if (ctx.dtype(input) != types[i + 1]) {
      return invalid_argument("epilogue input {} is {}, but x{} is {}", input, to_string(ctx.dtype(input)), i + 1,
                              to_string(types[i + 1]));
    }
    if (result.shape) INGOT_RETURN_IF_ERROR(expect_broadcasts_to(ctx, input, *result.shape));
  }
  result.dtype = expr.result_type();
  ctx.results()[0].symbolic_value.reset();
  return Status::ok();
}

Status check_results(Context& ctx) {
  for (std::size_t i = 0; i < ctx.results().size(); ++i) {
    InferredOutput& output = ctx.results()[i];
    INGOT_CHECK(output.type.kind != ir::Type::Kind::none, "the rule of {} left output {} without a type", ctx.op(), i);
    if (output.type.shape) {
      for (const Dim& dim : *output.type.shape) {
        if (dim.is_constant() && dim.value() < 0) {
          return invalid_argument("output {} would have shape {}: the input is too small", i,
                                  to_string(*output.type.shape));
        }
      }
    }
    if (output.symbolic_value &&
        (!output.type.shape || output.type.shape->size() > 1 || !holds_symbols(output.type.dtype))) {
      output.symbolic_value.reset();
    }
  }
  return Status::ok();
}

// An operator of a plugin: the library checks and infers, the graph only supplies what it knows.
Result<std::vector<InferredOutput>> run_plugin(const plugin::Operator& op, const Attrs& attrs,
                                               std::span<const Operand> operands, std::size_t output_count,
                                               const std::string& symbol_prefix) {
  std::vector<plugin::InferInput> inputs;
  for (const Operand& operand : operands) {
    plugin::InferInput& input = inputs.emplace_back();
    if (!operand.present) continue;
    if (!operand.type->is_tensor())
      return invalid_argument("{}: input {} is {}, plugins take tensors only", op.describe(), inputs.size() - 1,
                              operand.type->to_string());
    input = {true, operand.type->dtype, operand.type->shape, small_value(operand)};
  }
  int unknown = 0;
  INGOT_ASSIGN_OR_RETURN(std::vector<plugin::InferOutput> outputs, plugin::infer(op, attrs, inputs, output_count, [&] {
                           return Dim::symbol(fmt::format("{}.{}", symbol_prefix, unknown++));
                         }));
  std::vector<InferredOutput> results;
  for (plugin::InferOutput& output : outputs)
    results.push_back({ir::Type::tensor(output.dtype, std::move(output.shape)), std::nullopt});
  return results;
}

Result<std::vector<InferredOutput>> run(const std::string& op, const Attrs& attrs, std::span<const Operand> operands,
                                        std::size_t output_count, Subgraphs subgraphs, std::string symbol_prefix) {
  const OpDef* def = find_op(op);
  if (def == nullptr) {
    const plugin::Operator* foreign = plugin::find_operator(op);
    if (foreign == nullptr) return unknown_op(op);
    return run_plugin(*foreign, attrs, operands, output_count, symbol_prefix);
  }
  INGOT_RETURN_IF_ERROR(check_attrs(*def, attrs));
  for (const AttrSpec& spec : def->attrs) {
    if (spec.kind != AttrKind::graph) continue;
    if (std::ranges::none_of(subgraphs, [&](const auto& entry) { return entry.first == spec.name; })) {
      return invalid_argument("attribute {} (a graph) is missing", spec.name);
    }
  }
  const bool has_epilogue = def->epilogue && attrs.has("epilogue");
  const std::int64_t extra = def->epilogue ? attrs.get_int("epilogue_inputs", 0) : 0;
  if (extra < 0 || static_cast<std::size_t>(extra) > operands.size() || (extra > 0 && !has_epilogue)) {
    return invalid_argument("epilogue_inputs is {}, which fits neither the {} inputs nor the epilogue", extra,
                            operands.size());
  }
  const std::size_t own_inputs = operands.size() - static_cast<std::size_t>(extra);
  INGOT_RETURN_IF_ERROR(check_arity(*def, own_inputs, output_count));

  Context ctx(*def, attrs, operands.first(own_inputs), output_count, subgraphs, std::move(symbol_prefix));
  INGOT_RETURN_IF_ERROR(check_types(*def, ctx));
  INGOT_RETURN_IF_ERROR(def->infer(ctx));
  if (has_epilogue) {
    ctx.show_all(operands);
    INGOT_RETURN_IF_ERROR(apply_epilogue(ctx, attrs.get_string("epilogue", ""), own_inputs));
  }
  INGOT_RETURN_IF_ERROR(check_results(ctx));
  return std::move(ctx.results());
}

// Names unknown dimensions after the operator and its operands: the same node infers the same names again, and ids are
// never reused, so two nodes share a name only when they compute the same.
// A body's symbols must differ from those of the graph around it, where ids are the same numbers again.
std::string symbol_prefix(const std::string& graph, const std::string& op, const Attrs& attrs,
                          const std::vector<ir::ValueId>& inputs) {
  std::string prefix = "_" + op;
  std::ranges::replace(prefix, ':', '_');  // of a plugin's operator
  if (const std::size_t scope = graph.rfind('@'); scope != std::string::npos)
    prefix += fmt::format(".s{:08x}", std::hash<std::string>()(graph.substr(scope)) & 0xffffffffU);
  for (const ir::ValueId id : inputs) {
    prefix += id == ir::kNoValue ? std::string(".n") : fmt::format(".{}", static_cast<std::uint32_t>(id));
  }
  if (!attrs.empty()) prefix += fmt::format(".{:08x}", std::hash<std::string>()(attrs.to_string()) & 0xffffffffU);
  return prefix;
}

Operand operand_of(const ir::Graph& graph, ir::ValueId id) {
  const ir::Value& value = graph.value(id);
  return {true, &value.type, value.constant.get(), value.symbolic_value ? &*value.symbolic_value : nullptr};
}

}  // namespace

Result<std::vector<InferredOutput>> infer(
    const ir::Graph& graph, const std::string& op, const Attrs& attrs, const std::vector<ir::ValueId>& inputs,
    std::size_t output_count, std::span<const std::pair<std::string, std::shared_ptr<ir::Graph>>> subgraphs) {
  std::vector<Operand> operands;
  for (const ir::ValueId id : inputs) {
    if (id != ir::kNoValue && !graph.has(id)) return invalid_argument("input {} does not exist", operands.size());
    operands.push_back(id == ir::kNoValue ? Operand{} : operand_of(graph, id));
  }
  return run(op, attrs, operands, output_count, subgraphs, symbol_prefix(graph.name, op, attrs, inputs));
}

Result<ir::NodeId> add_node(ir::Graph& graph, std::string op, std::string name, std::vector<ir::ValueId> inputs,
                            Attrs attrs, std::vector<std::string> output_names) {
  const auto annotate = [&](Status status) {
    return std::move(status).annotate(fmt::format("node \"{}\" ({})", name, op));
  };
  auto inferred = infer(graph, op, attrs, inputs, output_names.size());
  if (!inferred.is_ok()) return annotate(inferred.status());
  std::vector<ir::Graph::NewOutput> outputs;
  for (std::size_t i = 0; i < output_names.size(); ++i) {
    outputs.push_back({output_names[i], (*inferred)[i].type, !output_names[i].empty()});
  }
  auto node = graph.add_node(op, name, std::move(inputs), std::move(attrs), std::move(outputs));
  if (!node.is_ok()) return annotate(node.status());
  const ir::Node& made = graph.node(*node);
  for (std::size_t i = 0; i < made.outputs.size(); ++i) {
    if (made.outputs[i] != ir::kNoValue)
      graph.value(made.outputs[i]).symbolic_value = std::move((*inferred)[i].symbolic_value);
  }
  return *node;
}

Result<std::vector<ir::Type>> infer_for_patch(const ir::Patch& patch, const std::string& op, const Attrs& attrs,
                                              const std::vector<ir::ValueId>& inputs, std::size_t output_count) {
  std::vector<Operand> operands;
  for (const ir::ValueId id : inputs) {
    if (id == ir::kNoValue) {
      operands.emplace_back();
    } else if (patch.graph().has(id)) {
      operands.push_back(operand_of(patch.graph(), id));
    } else {
      operands.push_back({true, &patch.type(id), patch.constant(id), nullptr});
    }
  }
  INGOT_ASSIGN_OR_RETURN(
      const std::vector<InferredOutput> outputs,
      run(op, attrs, operands, output_count, {}, symbol_prefix(patch.graph().name, op, attrs, inputs)));
  std::vector<ir::Type> types;
  for (const InferredOutput& output : outputs) types.push_back(output.type);
  return types;
}

Status infer_graph(ir::Graph& graph) {
  for (const ir::NodeId id : graph.nodes()) {
    ir::Node& node = graph.node(id);
    if (!node.subgraphs.empty()) INGOT_RETURN_IF_ERROR(infer_bodies(graph, node));
    // The types of a foreign operator's outputs are its plugin's to know.
    if (node.op.find("::") != std::string::npos && plugin::find_operator(node.op) == nullptr) continue;
    auto outputs = infer(graph, node.op, node.attrs, node.inputs, node.outputs.size(), node.subgraphs);
    if (!outputs.is_ok()) return outputs.status().annotate(fmt::format("node \"{}\" ({})", node.name, node.op));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == ir::kNoValue) continue;
      ir::Value& value = graph.value(node.outputs[i]);
      value.type = std::move((*outputs)[i].type);
      value.symbolic_value = std::move((*outputs)[i].symbolic_value);
    }
  }
  return Status::ok();
}

}  // namespace ingot::ops
