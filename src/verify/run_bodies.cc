// SPDX-License-Identifier: Apache-2.0
#include "verify/run_bodies.h"

#include <algorithm>
#include <limits>

#include "runtime/scan_values.h"

namespace ingot::verify {
namespace {

using ir::kNoValue;

Object object_of(HostTensor tensor) { return {true, {share(std::move(tensor))}}; }

Result<const ir::Graph*> body_of(const ir::Node& node, std::string_view name) {
  for (const auto& [attribute, body] : node.subgraphs)
    if (attribute == name) return body.get();
  return internal("{} without {}", node.op, name);
}

// What an element of a scan output would be: its shape as far as it is fixed.
Result<HostTensor> empty_element(const ir::Graph& body, std::size_t output) {
  const ir::Type& type = body.value(body.outputs()[output]).type;
  Shape shape;
  if (type.shape)
    for (const Dim& dim : *type.shape) shape.push_back(dim.constant().value_or(0));
  return HostTensor::create(type.dtype, std::move(shape));
}

// The states and scan outputs of Loop and Scan.
class Iteration {
 public:
  Iteration(const ir::Graph& body, const LoopOperands& operands, const Objects& inputs, std::size_t first_output)
      : body_(body), first_output_(first_output) {
    const auto states = inputs.begin() + static_cast<std::ptrdiff_t>(operands.fixed);
    states_.assign(states, states + static_cast<std::ptrdiff_t>(operands.states));
    captures_.assign(inputs.end() - static_cast<std::ptrdiff_t>(operands.captures), inputs.end());
    for (std::size_t i = 0; i < operands.scan_outputs; ++i) stacks_.emplace_back(default_allocator());
  }

  // All that the body yields.
  Result<Objects> step(const Objects& before, const Objects& between, RunBody run) {
    Objects inputs = before;
    inputs.insert(inputs.end(), states_.begin(), states_.end());
    inputs.insert(inputs.end(), between.begin(), between.end());
    inputs.insert(inputs.end(), captures_.begin(), captures_.end());
    INGOT_ASSIGN_OR_RETURN(Objects outputs, run(body_, inputs));
    for (std::size_t i = 0; i < states_.size(); ++i) states_[i] = outputs[first_output_ + i];
    for (std::size_t i = 0; i < stacks_.size(); ++i)
      INGOT_RETURN_IF_ERROR(stacks_[i].append(Value::of(outputs[first_output_ + states_.size() + i])));
    return outputs;
  }

  Result<Objects> finish(const Attrs& attrs) {
    Objects out = states_;
    for (std::size_t i = 0; i < stacks_.size(); ++i) {
      INGOT_ASSIGN_OR_RETURN(const HostTensor empty, empty_element(body_, first_output_ + states_.size() + i));
      INGOT_ASSIGN_OR_RETURN(const Stacked values, stacks_[i].value(empty));
      INGOT_ASSIGN_OR_RETURN(const TensorPtr stacked, tensor_view(values.view()));
      INGOT_ASSIGN_OR_RETURN(const TensorPtr turned, scan_output(attrs, stacked, i));
      Object strings{true, {turned}};
      if (turned->dtype() != DType::string) {
        INGOT_ASSIGN_OR_RETURN(strings, object_copy(Value::of(*turned)));
      }
      out.push_back(std::move(strings));
    }
    return out;
  }

 private:
  const ir::Graph& body_;
  std::size_t first_output_;
  Objects states_, captures_;
  std::vector<Stack> stacks_;
};

Result<Objects> run_if(const ir::Node& node, const Objects& inputs, RunBody run) {
  INGOT_ASSIGN_OR_RETURN(const bool taken, condition_of(Value::of(inputs[0])));
  INGOT_ASSIGN_OR_RETURN(const ir::Graph* branch, body_of(node, taken ? "then_branch" : "else_branch"));
  return run(*branch, Objects(inputs.begin() + 1, inputs.end()));
}

Result<Objects> run_loop(const ir::Node& node, const Objects& inputs, RunBody run) {
  INGOT_ASSIGN_OR_RETURN(const ir::Graph* body, body_of(node, "body"));
  INGOT_ASSIGN_OR_RETURN(const LoopOperands operands,
                         divide_operands(node.op, node.attrs, inputs.size(), node.outputs.size()));
  std::int64_t trips = std::numeric_limits<std::int64_t>::max();
  if (node.inputs[0] != kNoValue) {
    INGOT_ASSIGN_OR_RETURN(const TensorPtr count, tensor_view(Value::of(inputs[0])));
    trips = count->as_int(0);
  }
  bool go_on = true;
  if (node.inputs[1] != kNoValue) {
    INGOT_ASSIGN_OR_RETURN(go_on, condition_of(Value::of(inputs[1])));
  }
  Iteration iteration(*body, operands, inputs, 1);
  // A body may declare these as vectors of one element.
  const auto scalar = [&](std::size_t input, DType dtype, std::int64_t value) -> Result<Object> {
    const int rank = std::max(body->value(body->inputs()[input]).type.rank(), 0);
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, Shape(static_cast<std::size_t>(rank), 1)));
    tensor.set_int(0, value);
    return object_of(std::move(tensor));
  };
  for (std::int64_t i = 0; i < trips && go_on; ++i) {
    INGOT_ASSIGN_OR_RETURN(Object index, scalar(0, DType::i64, i));
    INGOT_ASSIGN_OR_RETURN(Object condition, scalar(1, DType::boolean, 1));
    INGOT_ASSIGN_OR_RETURN(const Objects outputs, iteration.step({std::move(index), std::move(condition)}, {}, run));
    INGOT_ASSIGN_OR_RETURN(go_on, condition_of(Value::of(outputs[0])));
  }
  return iteration.finish(node.attrs);
}

Result<Objects> run_scan(const ir::Node& node, const Objects& inputs, RunBody run) {
  INGOT_ASSIGN_OR_RETURN(const ir::Graph* body, body_of(node, "body"));
  INGOT_ASSIGN_OR_RETURN(const LoopOperands operands,
                         divide_operands(node.op, node.attrs, inputs.size(), node.outputs.size()));
  std::vector<TensorPtr> scanned;
  for (std::size_t i = 0; i < operands.scan_inputs; ++i) {
    INGOT_ASSIGN_OR_RETURN(TensorPtr tensor, scan_input(node.attrs, Value::of(inputs[operands.states + i]), i));
    if (!scanned.empty() && tensor->shape()[0] != scanned[0]->shape()[0])
      return invalid_argument("the scan inputs have {} and {} slices", scanned[0]->shape()[0], tensor->shape()[0]);
    scanned.push_back(std::move(tensor));
  }
  Iteration iteration(*body, operands, inputs, 0);
  const std::int64_t trips = scanned[0]->shape()[0];
  for (std::int64_t t = 0; t < trips; ++t) {
    Objects slices;
    for (std::size_t i = 0; i < scanned.size(); ++i) {
      INGOT_ASSIGN_OR_RETURN(const HostTensor part, scan_slice(*scanned[i], scan_index(node.attrs, i, t, trips)));
      Object slice{true, {share(part)}};
      if (part.dtype() != DType::string) {
        INGOT_ASSIGN_OR_RETURN(slice, object_copy(Value::of(part)));
      }
      slices.push_back(std::move(slice));
    }
    INGOT_RETURN_IF_ERROR(iteration.step({}, slices, run).status());
  }
  return iteration.finish(node.attrs);
}

Result<Objects> run_sequence_map(const ir::Graph& graph, const ir::Node& node, const Objects& inputs, RunBody run) {
  INGOT_ASSIGN_OR_RETURN(const ir::Graph* body, body_of(node, "body"));
  Objects results(node.outputs.size());
  const std::size_t trips = inputs[0].items.size();
  for (std::size_t t = 0; t < trips; ++t) {
    Objects elements = inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (graph.value(node.inputs[i]).type.kind != ir::Type::Kind::sequence) continue;
      if (inputs[i].items.size() != trips)
        return invalid_argument("input {} has {} elements, the first sequence {}", i, inputs[i].items.size(), trips);
      elements[i].items = {inputs[i].items[t]};
    }
    INGOT_ASSIGN_OR_RETURN(const Objects outputs, run(*body, elements));
    for (std::size_t i = 0; i < results.size(); ++i) results[i].items.push_back(outputs[i].items.at(0));
  }
  return results;
}

}  // namespace

Result<Objects> run_bodies(const ir::Graph& graph, const ir::Node& node, const Objects& inputs, RunBody run) {
  if (node.op == "If") return run_if(node, inputs, run);
  if (node.op == "Loop") return run_loop(node, inputs, run);
  if (node.op == "Scan") return run_scan(node, inputs, run);
  if (node.op == "SequenceMap") return run_sequence_map(graph, node, inputs, run);
  return unsupported("operator {} with bodies", node.op);
}

}  // namespace ingot::verify
