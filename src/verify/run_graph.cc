// SPDX-License-Identifier: Apache-2.0
#include "verify/run_graph.h"

#include <algorithm>
#include <random>

#include "plan/symbols.h"
#include "reference/evaluate.h"

namespace ingot::verify {
namespace {

using ir::ValueId;

class Interpreter {
 public:
  Interpreter(const ir::Graph& graph, const std::function<void(const std::string&, const HostTensor&)>& observe)
      : graph_(graph), observe_(observe) {}

  Result<TensorMap> run(const TensorMap& inputs) {
    for (const ValueId id : graph_.inputs()) {
      const ir::Value& value = graph_.value(id);
      const auto given = inputs.find(value.name);
      if (given == inputs.end()) return not_found("input '{}' is not given", value.name);
      if (given->second.dtype() != value.type.dtype)
        return invalid_argument("input '{}' is {}, given was {}", value.name, to_string(value.type.dtype),
                                to_string(given->second.dtype()));
      if (value.type.shape)
        INGOT_RETURN_IF_ERROR(plan::bind_symbols(value.name, *value.type.shape, given->second.shape(), symbols_));
      values_.emplace(id, given->second);
    }
    count_uses();
    for (const ir::NodeId id : graph_.nodes())
      if (Status status = step(graph_.node(id)); !status.is_ok())
        return std::move(status).annotate(fmt::format("node '{}' ({})", graph_.node(id).name, graph_.node(id).op));
    TensorMap outputs;
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i)
      outputs.emplace(graph_.output_names()[i], *find(graph_.outputs()[i]));
    return outputs;
  }

 private:
  void count_uses() {
    for (const ir::NodeId id : graph_.nodes())
      for (const ValueId input : graph_.node(id).inputs) ++uses_[input];
    for (const ValueId id : graph_.outputs()) ++uses_[id];
  }

  const HostTensor* find(ValueId id) const {
    if (id == ir::kNoValue) return nullptr;
    if (const HostTensor* constant = graph_.constant(id)) return constant;
    const auto found = values_.find(id);
    return found == values_.end() ? nullptr : &found->second;
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

  Status step(const ir::Node& node) {
    std::vector<HostTensor> results;
    if (node.op == "DimTensor") {
      INGOT_ASSIGN_OR_RETURN(HostTensor tensor, dim_tensor(node));
      results.push_back(std::move(tensor));
    } else {
      std::vector<const HostTensor*> inputs;
      std::vector<DType> types;
      for (const ValueId id : node.inputs) inputs.push_back(find(id));
      for (const ValueId id : node.outputs)
        types.push_back(id == ir::kNoValue ? DType::undefined : graph_.value(id).type.dtype);
      INGOT_ASSIGN_OR_RETURN(results, reference::evaluate({node.op, &node.attrs, inputs, node.outputs.size(), types}));
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      if (id == ir::kNoValue || i >= results.size()) continue;
      const ir::Value& value = graph_.value(id);
      if (value.type.shape)
        INGOT_RETURN_IF_ERROR(plan::bind_symbols(value.name, *value.type.shape, results[i].shape(), symbols_));
      if (observe_) observe_(value.name, results[i]);
      values_.insert_or_assign(id, std::move(results[i]));
    }
    // A network's activations do not all fit in memory: drop what nobody needs any more.
    for (const ValueId id : node.inputs)
      if (id != ir::kNoValue && --uses_[id] == 0) values_.erase(id);
    return Status::ok();
  }

  const ir::Graph& graph_;
  const std::function<void(const std::string&, const HostTensor&)>& observe_;
  std::map<ValueId, HostTensor> values_;
  std::map<ValueId, int> uses_;
  SymbolValues symbols_;
};

}  // namespace

Result<TensorMap> run_graph(const ir::Graph& graph, const TensorMap& inputs,
                            const std::function<void(const std::string&, const HostTensor&)>& observe) {
  return Interpreter(graph, observe).run(inputs);
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
