// SPDX-License-Identifier: Apache-2.0
#include "verify/run_graph.h"

#include <algorithm>
#include <random>

#include "plan/symbols.h"
#include "plugin/evaluate.h"
#include "plugin/registry.h"
#include "runtime/named_tensors.h"
#include "runtime/object_ops.h"
#include "verify/run_bodies.h"

namespace ingot::verify {
namespace {

using ir::ValueId;

class Interpreter {
 public:
  // `symbols` are those that mean something around the graph.
  Interpreter(const ir::Graph& graph, const Revise& revise, SymbolValues symbols = {})
      : graph_(graph), revise_(revise), symbols_(std::move(symbols)) {}

  Result<Objects> run(const Objects& inputs) {
    for (std::size_t i = 0; i < graph_.inputs().size(); ++i) {
      const ir::Value& value = graph_.value(graph_.inputs()[i]);
      INGOT_RETURN_IF_ERROR(bind_shape(value, inputs[i]));
      values_.emplace(value.id, inputs[i]);
    }
    count_uses();
    for (const ir::NodeId id : graph_.nodes())
      if (Status status = step(graph_.node(id)); !status.is_ok())
        return std::move(status).annotate(fmt::format("node '{}' ({})", graph_.node(id).name, graph_.node(id).op));
    Objects outputs;
    for (const ValueId id : graph_.outputs()) {
      INGOT_ASSIGN_OR_RETURN(Object output, find(id));
      outputs.push_back(std::move(output));
    }
    return outputs;
  }

 private:
  void count_uses() {
    for (const ir::NodeId id : graph_.nodes())
      for (const ValueId input : graph_.node(id).inputs) ++uses_[input];
    for (const ValueId id : graph_.outputs()) ++uses_[id];
  }

  Status bind_shape(const ir::Value& value, const Object& object) {
    if (!value.type.is_tensor() || object.items.size() != 1) return Status::ok();
    const HostTensor& tensor = *object.items[0];
    if (tensor.dtype() != value.type.dtype)
      return invalid_argument("'{}' is {}, computed or given was {}", value.name, to_string(value.type.dtype),
                              to_string(tensor.dtype()));
    if (!value.type.shape) return Status::ok();
    return plan::bind_symbols(value.name, *value.type.shape, tensor.shape(), symbols_);
  }

  // Nothing there: an optional that holds nothing.
  Result<Object> find(ValueId id) const {
    if (id == ir::kNoValue) return Object{false, {}};
    if (const TensorPtr& constant = graph_.value(id).constant; constant != nullptr) return Object{true, {constant}};
    const auto found = values_.find(id);
    if (found == values_.end()) return internal("'{}' has not been computed", graph_.value(id).name);
    return found->second;
  }

  Result<HostTensor> dim_tensor(const ir::Node& node) const {
    const Attr* dims = node.attrs.find("dims");
    const auto* shape = dims == nullptr ? nullptr : std::get_if<SymShape>(dims);
    if (shape == nullptr) return internal("DimTensor without dims");
    std::vector<std::int64_t> values;
    for (const Dim& dim : *shape) {
      INGOT_ASSIGN_OR_RETURN(const std::int64_t value, dim.evaluate(symbols_));
      values.push_back(value);
    }
    HostTensor tensor = HostTensor::of_ints(values);
    if (node.attrs.get_int("scalar", 0) != 0) return tensor.reshaped({});
    return tensor;
  }

  Result<Objects> evaluate(const ir::Node& node) {
    if (node.op == "DimTensor") {
      INGOT_ASSIGN_OR_RETURN(HostTensor tensor, dim_tensor(node));
      return Objects{{true, {share(std::move(tensor))}}};
    }
    Objects inputs;
    for (const ValueId id : node.inputs) {
      INGOT_ASSIGN_OR_RETURN(Object input, find(id));
      inputs.push_back(std::move(input));
    }
    if (!node.subgraphs.empty()) {
      const auto body = [&](const ir::Graph& graph, const Objects& operands) {
        static const Revise kNobody;
        return Interpreter(graph, kNobody, symbols_).run(operands);
      };
      return run_bodies(graph_, node, inputs, body);
    }
    std::vector<Value> values;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      values.push_back(node.inputs[i] == ir::kNoValue ? Value() : Value::of(inputs[i]));
    std::vector<DType> types;
    for (const ValueId id : node.outputs)
      types.push_back(id == ir::kNoValue ? DType::undefined : graph_.value(id).type.dtype);
    if (const plugin::Operator* foreign = plugin::find_operator(node.op))
      return evaluate_plugin(*foreign, node.attrs, values, types);
    return evaluate_objects(node.op, node.attrs, values, types);
  }

  // A plugin that declares no reference is its own: then only the network around it is checked.
  static Result<Objects> evaluate_plugin(const plugin::Operator& op, const Attrs& attrs,
                                         const std::vector<Value>& values, const std::vector<DType>& types) {
    std::vector<TensorPtr> tensors;
    std::vector<const HostTensor*> inputs;
    for (const Value& value : values) {
      TensorPtr tensor;
      if (value.present()) {
        INGOT_ASSIGN_OR_RETURN(tensor, tensor_view(value));
      }
      inputs.push_back(tensor.get());
      tensors.push_back(std::move(tensor));
    }
    INGOT_ASSIGN_OR_RETURN(std::vector<HostTensor> results, plugin::evaluate(op, attrs, inputs, types));
    Objects out;
    for (HostTensor& result : results) out.push_back({true, {share(std::move(result))}});
    return out;
  }

  Status step(const ir::Node& node) {
    INGOT_ASSIGN_OR_RETURN(Objects results, evaluate(node));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      if (id == ir::kNoValue || i >= results.size()) continue;
      const ir::Value& value = graph_.value(id);
      INGOT_RETURN_IF_ERROR(bind_shape(value, results[i]));
      if (revise_ && value.type.is_tensor() && results[i].items.size() == 1)
        results[i].items[0] = revise_(value, std::move(results[i].items[0]));
      values_.insert_or_assign(id, std::move(results[i]));
    }
    // A network's activations do not all fit in memory: drop what nobody needs any more.
    for (const ValueId id : node.inputs)
      if (id != ir::kNoValue && --uses_[id] == 0) values_.erase(id);
    return Status::ok();
  }

  const ir::Graph& graph_;
  const Revise& revise_;
  std::map<ValueId, Object> values_;
  std::map<ValueId, int> uses_;
  SymbolValues symbols_;
};

ObjectForm form_of(const ir::Type& type) {
  ObjectForm form;
  for (const ir::Type* inner = &type; inner != nullptr; inner = inner->element.get()) {
    form.sequence = form.sequence || inner->kind == ir::Type::Kind::sequence;
    form.maps = form.maps || inner->kind == ir::Type::Kind::map;
  }
  return form;
}

}  // namespace

Result<TensorMap> run_graph(const ir::Graph& graph, const TensorMap& inputs, const Revise& revise) {
  const NamedTensors given(inputs.begin(), inputs.end());
  Objects operands;
  for (const ValueId id : graph.inputs()) {
    const ir::Value& value = graph.value(id);
    std::optional<Object> object = find_object(given, value.name, form_of(value.type));
    if (!object && value.type.is_tensor()) return not_found("input '{}' is not given", value.name);
    operands.push_back(object ? std::move(*object) : Object{value.type.kind != ir::Type::Kind::optional, {}});
  }
  INGOT_ASSIGN_OR_RETURN(const Objects results, Interpreter(graph, revise).run(operands));
  NamedTensors outputs;
  for (std::size_t i = 0; i < results.size(); ++i)
    append_tensors(graph.output_names()[i], results[i], form_of(graph.value(graph.outputs()[i]).type), outputs);
  return TensorMap(outputs.begin(), outputs.end());
}

Result<TensorMap> random_inputs(const ir::Graph& graph, const std::map<std::string, std::int64_t, std::less<>>& symbols,
                                std::uint32_t seed, std::int64_t integer_limit) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<std::int64_t> uniform(0, std::max<std::int64_t>(integer_limit - 1, 0));
  TensorMap out;
  for (const ValueId id : graph.inputs()) {
    const ir::Value& value = graph.value(id);
    if (!value.type.is_tensor() || !value.type.shape)
      return unsupported("input '{}' of type {}", value.name, value.type.to_string());
    INGOT_ASSIGN_OR_RETURN(Shape shape, plan::resolve(*value.type.shape, symbols));
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(value.type.dtype, std::move(shape)));
    for (std::int64_t i = 0; i < tensor.elements(); ++i) {
      if (is_float(tensor.dtype())) {
        tensor.set_double(i, normal(random));
      } else {
        tensor.set_int(i, tensor.dtype() == DType::boolean ? 1 : uniform(random));
      }
    }
    out.emplace(value.name, std::move(tensor));
  }
  return out;
}

}  // namespace ingot::verify
