// SPDX-License-Identifier: Apache-2.0
#include "runtime/control_flow.h"

#include <algorithm>
#include <limits>

#include "plan/symbols.h"
#include "runtime/executor.h"
#include "runtime/scan_values.h"

namespace ingot {
namespace {

using Values = std::vector<Value>;

const plan::Step& planned_step(const Executor& executor, std::size_t step) {
  return executor.loaded().program->steps[step];
}

Values values_of(const Executor& executor, const std::vector<std::int32_t>& ids, std::size_t first) {
  Values values;
  for (std::size_t i = first; i < ids.size(); ++i) values.push_back(executor.value_of(ids[i]));
  return values;
}

Status run_body(Executor& body, const Executor& outer, const Values& inputs) {
  if (outer.is_cancelled()) return cancelled("the run was cancelled");
  body.set_outer_symbols(outer.symbols());
  for (std::size_t i = 0; i < inputs.size(); ++i) INGOT_RETURN_IF_ERROR(body.bind_value(i, inputs[i]));
  return body.run();
}

// What a body would yield: where it never ran, the sizes that are not known count as none.
Result<HostTensor> empty_element(const Executor& body, const Executor& outer, std::size_t output) {
  const plan::Program& program = *body.loaded().program;
  const plan::Tensor& planned = program.tensors[static_cast<std::size_t>(program.outputs[output])];
  Shape shape;
  for (const Dim& dim : planned.shape) {
    const Result<std::int64_t> size = dim.evaluate(outer.symbols());
    shape.push_back(size.is_ok() ? std::max<std::int64_t>(*size, 0) : 0);
  }
  return HostTensor::create(planned.dtype, std::move(shape));
}

// The states from one iteration to the next, and what the iterations leave behind.
class Iteration {
 public:
  Iteration(Executor& outer, std::size_t step, const LoopOperands& operands)
      : outer_(outer), planned_(planned_step(outer, step)), operands_(operands), body_(outer.body(step, 0)) {
    for (std::size_t i = 0; i < operands.states; ++i)
      states_.emplace_back(outer.allocator()).value = outer.value_of(planned_.inputs[operands.fixed + i]);
    for (std::size_t i = 0; i < operands.scan_outputs; ++i) stacks_.emplace_back(outer.allocator());
    captures_ = values_of(outer, planned_.inputs, planned_.inputs.size() - operands.captures);
  }

  [[nodiscard]] Executor& body() { return body_; }

  // `before` and `between` are the operands on either side of the states; the body's outputs from `first` on are
  // states.
  Status run(const Values& before, const Values& between, std::size_t first) {
    Values inputs = before;
    for (const Carried& state : states_) inputs.push_back(state.value);
    inputs.insert(inputs.end(), between.begin(), between.end());
    inputs.insert(inputs.end(), captures_.begin(), captures_.end());
    INGOT_RETURN_IF_ERROR(run_body(body_, outer_, inputs));
    for (std::size_t i = 0; i < stacks_.size(); ++i)
      INGOT_RETURN_IF_ERROR(stacks_[i].append(body_.output(first + states_.size() + i)));
    for (std::size_t i = 0; i < states_.size(); ++i) INGOT_RETURN_IF_ERROR(body_.take_output(first + i, states_[i]));
    return Status::ok();
  }

  Status finish_states() {
    for (std::size_t i = 0; i < states_.size(); ++i)
      INGOT_RETURN_IF_ERROR(outer_.set_value(planned_.outputs[i], states_[i].value));
    return Status::ok();
  }
  // `first`: the body's output that scan output 0 stacks.
  Result<Stacked> stacked(std::size_t i, std::size_t first) {
    INGOT_ASSIGN_OR_RETURN(const HostTensor empty, empty_element(body_, outer_, first + i));
    return stacks_[i].value(empty);
  }
  Status set_scan_output(std::size_t i, const Value& value) {
    return outer_.set_value(planned_.outputs[operands_.states + i], value);
  }

 private:
  Executor& outer_;
  const plan::Step& planned_;
  const LoopOperands& operands_;
  Executor& body_;
  std::vector<Carried> states_;
  std::vector<Stack> stacks_;
  Values captures_;
};

Status run_if(const Problem&, Executor& outer, std::size_t step) {
  const plan::Step& planned = planned_step(outer, step);
  INGOT_ASSIGN_OR_RETURN(const bool taken, condition_of(outer.value_of(planned.inputs[0])));
  Executor& branch = outer.body(step, taken ? 0 : 1);
  INGOT_RETURN_IF_ERROR(run_body(branch, outer, values_of(outer, planned.inputs, 1)));
  for (std::size_t i = 0; i < planned.outputs.size(); ++i)
    INGOT_RETURN_IF_ERROR(outer.set_value(planned.outputs[i], branch.output(i)));
  return Status::ok();
}

Status run_loop(const Problem& problem, Executor& outer, std::size_t step) {
  const plan::Step& planned = planned_step(outer, step);
  INGOT_ASSIGN_OR_RETURN(const LoopOperands operands,
                         divide_operands("Loop", problem.attrs, planned.inputs.size(), planned.outputs.size()));
  std::int64_t trips = std::numeric_limits<std::int64_t>::max();
  if (planned.inputs[0] >= 0) {
    INGOT_ASSIGN_OR_RETURN(const TensorPtr count, tensor_view(outer.value_of(planned.inputs[0])));
    if (count->elements() != 1) return invalid_argument("the trip count has shape {}", to_string(count->shape()));
    trips = count->as_int(0);
  }
  bool go_on = true;
  if (planned.inputs[1] >= 0) {
    INGOT_ASSIGN_OR_RETURN(go_on, condition_of(outer.value_of(planned.inputs[1])));
  }
  Iteration iteration(outer, step, operands);
  const plan::Program& body = *iteration.body().loaded().program;
  for (std::int64_t i = 0; i < trips && go_on; ++i) {
    Values fixed = {{DType::i64, {}, &i, sizeof(i), nullptr, false, nullptr},
                    {DType::boolean, {}, &go_on, sizeof(go_on), nullptr, false, nullptr}};
    // A body may declare these as vectors of one element.
    for (std::size_t k = 0; k < fixed.size(); ++k)
      fixed[k].shape = Shape(body.tensors[static_cast<std::size_t>(body.inputs[k])].shape.size(), 1);
    Status status = iteration.run(fixed, {}, 1);
    if (!status.is_ok()) return std::move(status).annotate(fmt::format("iteration {}", i));
    INGOT_ASSIGN_OR_RETURN(go_on, condition_of(iteration.body().output(0)));
  }
  INGOT_RETURN_IF_ERROR(iteration.finish_states());
  for (std::size_t i = 0; i < operands.scan_outputs; ++i) {
    INGOT_ASSIGN_OR_RETURN(const Stacked stacked, iteration.stacked(i, 1 + operands.states));
    INGOT_RETURN_IF_ERROR(iteration.set_scan_output(i, stacked.view()));
  }
  return Status::ok();
}

Status run_scan(const Problem& problem, Executor& outer, std::size_t step) {
  const plan::Step& planned = planned_step(outer, step);
  INGOT_ASSIGN_OR_RETURN(const LoopOperands operands,
                         divide_operands("Scan", problem.attrs, planned.inputs.size(), planned.outputs.size()));
  std::vector<TensorPtr> scanned;
  for (std::size_t i = 0; i < operands.scan_inputs; ++i) {
    const Value value = outer.value_of(planned.inputs[operands.states + i]);
    INGOT_ASSIGN_OR_RETURN(TensorPtr tensor, scan_input(problem.attrs, value, i));
    if (!scanned.empty() && tensor->shape()[0] != scanned[0]->shape()[0])
      return invalid_argument("the scan inputs have {} and {} slices", scanned[0]->shape()[0], tensor->shape()[0]);
    scanned.push_back(std::move(tensor));
  }
  Iteration iteration(outer, step, operands);
  const std::int64_t trips = scanned[0]->shape()[0];
  for (std::int64_t t = 0; t < trips; ++t) {
    std::vector<Object> slices(scanned.size());
    Values values;
    for (std::size_t i = 0; i < scanned.size(); ++i) {
      INGOT_ASSIGN_OR_RETURN(HostTensor part, scan_slice(*scanned[i], scan_index(problem.attrs, i, t, trips)));
      slices[i].items = {share(std::move(part))};
      const HostTensor& slice = *slices[i].items[0];
      values.push_back(slice.dtype() == DType::string ? Value::of(slices[i]) : Value::of(slice));
    }
    Status status = iteration.run({}, values, 0);
    if (!status.is_ok()) return std::move(status).annotate(fmt::format("iteration {}", t));
  }
  INGOT_RETURN_IF_ERROR(iteration.finish_states());
  for (std::size_t i = 0; i < operands.scan_outputs; ++i) {
    INGOT_ASSIGN_OR_RETURN(const Stacked stacked, iteration.stacked(i, operands.states));
    if (!is_turned(problem.attrs, i)) {
      INGOT_RETURN_IF_ERROR(iteration.set_scan_output(i, stacked.view()));
      continue;
    }
    INGOT_ASSIGN_OR_RETURN(const TensorPtr whole, tensor_view(stacked.view()));
    INGOT_ASSIGN_OR_RETURN(const TensorPtr turned, scan_output(problem.attrs, whole, i));
    const Object strings{true, {turned}};
    INGOT_RETURN_IF_ERROR(
        iteration.set_scan_output(i, turned->dtype() == DType::string ? Value::of(strings) : Value::of(*turned)));
  }
  return Status::ok();
}

// The body takes one element of each sequence; other operands reach it as they are.
Status run_sequence_map(const Problem&, Executor& outer, std::size_t step) {
  const plan::Step& planned = planned_step(outer, step);
  const Values operands = values_of(outer, planned.inputs, 0);
  const auto is_sequence = [&](std::size_t i) {
    return planned.inputs[i] >= 0 &&
           outer.loaded().program->tensors[static_cast<std::size_t>(planned.inputs[i])].is_sequence();
  };
  if (!is_sequence(0) || operands[0].object == nullptr) return invalid_argument("input 0 is no sequence");
  const std::size_t trips = operands[0].object->items.size();
  Executor& body = outer.body(step, 0);
  std::vector<Object> results(planned.outputs.size());
  for (std::size_t t = 0; t < trips; ++t) {
    std::vector<Object> elements(operands.size());
    Values inputs = operands;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (!is_sequence(i)) continue;
      const std::vector<TensorPtr>& items = operands[i].object->items;
      if (items.size() != trips)
        return invalid_argument("input {} has {} elements, the first sequence {}", i, items.size(), trips);
      elements[i].items = {items[t]};
      inputs[i] = Value::of(elements[i]);
    }
    Status status = run_body(body, outer, inputs);
    if (!status.is_ok()) return std::move(status).annotate(fmt::format("element {}", t));
    for (std::size_t i = 0; i < results.size(); ++i) {
      INGOT_ASSIGN_OR_RETURN(TensorPtr element, tensor_copy(body.output(i)));
      results[i].items.push_back(std::move(element));
    }
  }
  for (std::size_t i = 0; i < results.size(); ++i)
    INGOT_RETURN_IF_ERROR(outer.set_value(planned.outputs[i], Value::of(results[i])));
  return Status::ok();
}

struct Row {
  std::string_view op;
  std::size_t bodies;
  std::size_t outer_inputs, body_outputs;  // which the other side does not have
  Status (*run)(const Problem& problem, Executor& outer, std::size_t step);
};
constexpr Row kRows[] = {
    {"If", 2, 1, 0, run_if},
    {"Loop", 1, 0, 1, run_loop},
    {"Scan", 1, 0, 0, run_scan},
    {"SequenceMap", 1, 0, 0, run_sequence_map},
};

const Row* find_row(std::string_view op) {
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.op == op; });
  return row == std::end(kRows) ? nullptr : row;
}

}  // namespace

Status check_control_flow(const Problem& problem, const plan::Step& step, const plan::Plan& plan) {
  const Row* row = find_row(problem.kind);
  if (row == nullptr) return corrupt("'{}' is no control flow", problem.kind);
  if (step.inputs.size() < row->outer_inputs || step.inputs.empty()) return corrupt("{} without inputs", problem.kind);
  if (step.programs.size() != row->bodies) return corrupt("{} with {} bodies", problem.kind, step.programs.size());
  const std::size_t inputs = step.inputs.size() - row->outer_inputs;
  const std::size_t outputs = step.outputs.size() + row->body_outputs;
  for (const std::int32_t id : step.programs) {
    const plan::Program& body = plan.programs[static_cast<std::size_t>(id)];
    if (body.inputs.size() != inputs || body.outputs.size() != outputs)
      return corrupt("a body of {} takes {} and yields {} values instead of {} and {}", problem.kind,
                     body.inputs.size(), body.outputs.size(), inputs, outputs);
  }
  if (problem.kind != "Loop" && problem.kind != "Scan") return Status::ok();
  return divide_operands(problem.kind, problem.attrs, step.inputs.size(), step.outputs.size()).status();
}

Status run_control_flow(const RuntimeStep& step, Executor& executor, std::size_t index) {
  return find_row(step.problem.kind)->run(step.problem, executor, index);
}

}  // namespace ingot
