// SPDX-License-Identifier: Apache-2.0
#include "runtime/control_flow.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "plan/symbols.h"
#include "runtime/executor.h"
#include "runtime/object_ops.h"

namespace ingot {
namespace {

// How a step's operands divide: the fixed ones of Loop, states, scan inputs, captures; outputs: states, then scans.
struct Layout {
  std::size_t fixed = 0, states = 0, scan_inputs = 0, captures = 0, scan_outputs = 0;
};

Result<Layout> layout_of(const Problem& problem) {
  Layout layout;
  const std::size_t inputs = problem.inputs.size();
  const bool loop = problem.kind == "Loop";
  const std::int64_t captures = problem.attrs.get_int("captures", 0);
  const std::int64_t scans = loop ? 0 : problem.attrs.get_int("num_scan_inputs", 0);
  layout.fixed = loop ? 2 : 0;
  if (captures < 0 || scans < (loop ? 0 : 1) || captures > static_cast<std::int64_t>(inputs) ||
      scans > static_cast<std::int64_t>(inputs) || layout.fixed + static_cast<std::size_t>(captures + scans) > inputs)
    return corrupt("{} with {} operands, {} captures and {} scan inputs", problem.kind, inputs, captures, scans);
  layout.captures = static_cast<std::size_t>(captures);
  layout.scan_inputs = static_cast<std::size_t>(scans);
  layout.states = inputs - layout.fixed - layout.captures - layout.scan_inputs;
  if (layout.states > problem.outputs.size()) return corrupt("{} carries more values than it yields", problem.kind);
  layout.scan_outputs = problem.outputs.size() - layout.states;
  return layout;
}

Status run_body(Executor& body, const Executor& outer, const std::vector<Value>& inputs) {
  body.set_outer_symbols(outer.symbols());
  for (std::size_t i = 0; i < inputs.size(); ++i) INGOT_RETURN_IF_ERROR(body.bind_value(i, inputs[i]));
  return body.run();
}

Result<bool> condition(const Value& value) {
  INGOT_ASSIGN_OR_RETURN(const TensorPtr tensor, tensor_view(value));
  if (tensor->dtype() != DType::boolean || tensor->elements() != 1)
    return invalid_argument("the condition is {}{}, not one boolean", to_string(tensor->dtype()),
                            to_string(tensor->shape()));
  return tensor->as_int(0) != 0;
}

// What the iterations yield, one after the other.
class Stack {
 public:
  explicit Stack(Allocator& allocator) : memory_(allocator) {}

  Status append(const Value& value) {
    INGOT_ASSIGN_OR_RETURN(const TensorPtr tensor, tensor_view(value));
    if (count_ == 0) {
      dtype_ = tensor->dtype();
      element_ = tensor->shape();
    }
    if (tensor->shape() != element_ || tensor->dtype() != dtype_)
      return invalid_argument("iteration {} yields {}, the first one {}", count_, to_string(tensor->shape()),
                              to_string(element_));
    ++count_;
    strings_.insert(strings_.end(), tensor->strings().begin(), tensor->strings().end());
    if (dtype_ == DType::string) return Status::ok();
    if (bits_of(dtype_) < 8) return unsupported("scan outputs of {}", to_string(dtype_));
    const std::span<const std::byte> bytes = tensor->bytes();
    if (used_ + bytes.size() > memory_.size())
      INGOT_RETURN_IF_ERROR(memory_.reserve(std::max(used_ + bytes.size(), 2 * memory_.size()), used_));
    if (!bytes.empty()) std::memcpy(memory_.data() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
    return Status::ok();
  }

  // A view; `empty` is what an element would have been where there was none.
  [[nodiscard]] Result<TensorPtr> tensor(const HostTensor& empty) const {
    Shape shape = count_ == 0 ? empty.shape() : element_;
    shape.insert(shape.begin(), count_);
    const DType dtype = count_ == 0 ? empty.dtype() : dtype_;
    if (dtype == DType::string) {
      INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(dtype, std::move(shape)));
      out.strings() = strings_;
      return share(std::move(out));
    }
    INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::view(dtype, std::move(shape), {memory_.data(), used_}, nullptr));
    return share(std::move(out));
  }

 private:
  Buffer memory_;
  std::size_t used_ = 0;
  std::vector<std::string> strings_;
  DType dtype_ = DType::undefined;
  Shape element_;
  std::int64_t count_ = 0;
};

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
  Iteration(Executor& outer, std::size_t step, const Layout& layout)
      : outer_(outer), planned_(outer.loaded().program->steps[step]), layout_(layout), body_(outer.body(step, 0)) {
    for (std::size_t i = 0; i < layout.states; ++i) {
      states_.emplace_back(outer.allocator()).value = outer.value_of(planned_.inputs[layout.fixed + i]);
    }
    for (std::size_t i = 0; i < layout.scan_outputs; ++i) stacks_.emplace_back(outer.allocator());
    for (std::size_t i = 0; i < layout.captures; ++i)
      captures_.push_back(outer.value_of(planned_.inputs[planned_.inputs.size() - layout.captures + i]));
  }

  [[nodiscard]] Executor& body() { return body_; }

  // `before` and `between` are the operands on either side of the states; the body's outputs from `first` on are
  // states.
  Status run(const std::vector<Value>& before, const std::vector<Value>& between, std::size_t first) {
    std::vector<Value> inputs = before;
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
  Result<TensorPtr> scan_output(std::size_t i, std::size_t first) {
    INGOT_ASSIGN_OR_RETURN(const HostTensor empty, empty_element(body_, outer_, first + i));
    return stacks_[i].tensor(empty);
  }
  Status set_scan_output(std::size_t i, const TensorPtr& tensor) {
    const Object strings{true, {tensor}};
    return outer_.set_value(planned_.outputs[layout_.states + i],
                            tensor->dtype() == DType::string ? Value::of(strings) : Value::of(*tensor));
  }

 private:
  Executor& outer_;
  const plan::Step& planned_;
  const Layout& layout_;
  Executor& body_;
  std::vector<Carried> states_;
  std::vector<Stack> stacks_;
  std::vector<Value> captures_;
};

Status run_if(const Problem&, Executor& outer, std::size_t step) {
  const plan::Step& planned = outer.loaded().program->steps[step];
  INGOT_ASSIGN_OR_RETURN(const bool taken, condition(outer.value_of(planned.inputs[0])));
  Executor& branch = outer.body(step, taken ? 0 : 1);
  std::vector<Value> inputs;
  for (std::size_t i = 1; i < planned.inputs.size(); ++i) inputs.push_back(outer.value_of(planned.inputs[i]));
  INGOT_RETURN_IF_ERROR(run_body(branch, outer, inputs));
  for (std::size_t i = 0; i < planned.outputs.size(); ++i)
    INGOT_RETURN_IF_ERROR(outer.set_value(planned.outputs[i], branch.output(i)));
  return Status::ok();
}

Status run_loop(const Problem& problem, Executor& outer, std::size_t step) {
  const plan::Step& planned = outer.loaded().program->steps[step];
  INGOT_ASSIGN_OR_RETURN(const Layout layout, layout_of(problem));
  std::int64_t trips = std::numeric_limits<std::int64_t>::max();
  if (planned.inputs[0] >= 0) {
    INGOT_ASSIGN_OR_RETURN(const TensorPtr count, tensor_view(outer.value_of(planned.inputs[0])));
    if (count->elements() != 1) return invalid_argument("the trip count has shape {}", to_string(count->shape()));
    trips = count->as_int(0);
  }
  bool go_on = true;
  if (planned.inputs[1] >= 0) {
    INGOT_ASSIGN_OR_RETURN(go_on, condition(outer.value_of(planned.inputs[1])));
  }
  Iteration iteration(outer, step, layout);
  for (std::int64_t i = 0; i < trips && go_on; ++i) {
    std::vector<Value> fixed = {{DType::i64, {}, &i, sizeof(i), nullptr},
                                {DType::boolean, {}, &go_on, sizeof(go_on), nullptr}};
    // A body may declare these as vectors of one element.
    const plan::Program& body = *iteration.body().loaded().program;
    for (std::size_t k = 0; k < fixed.size(); ++k)
      fixed[k].shape = Shape(body.tensors[static_cast<std::size_t>(body.inputs[k])].shape.size(), 1);
    INGOT_RETURN_IF_ERROR(iteration.run(fixed, {}, 1));
    INGOT_ASSIGN_OR_RETURN(go_on, condition(iteration.body().output(0)));
  }
  INGOT_RETURN_IF_ERROR(iteration.finish_states());
  for (std::size_t i = 0; i < layout.scan_outputs; ++i) {
    INGOT_ASSIGN_OR_RETURN(const TensorPtr stacked, iteration.scan_output(i, 1 + layout.states));
    INGOT_RETURN_IF_ERROR(iteration.set_scan_output(i, stacked));
  }
  return Status::ok();
}

std::int64_t entry(const Problem& problem, std::string_view name, std::size_t i) {
  const Ints list = problem.attrs.get_ints(name, {});
  return i < list.size() ? list[i] : 0;
}

// A scan input with the scanned axis in front, in the order of the iterations.
Result<TensorPtr> scan_input(const Problem& problem, const Value& value, std::size_t i) {
  INGOT_ASSIGN_OR_RETURN(TensorPtr tensor, tensor_view(value));
  const std::int64_t rank = tensor->rank();
  std::int64_t axis = entry(problem, "scan_input_axes", i);
  if (axis < -rank || axis >= rank) return invalid_argument("scan input {} of rank {} has no axis {}", i, rank, axis);
  if (axis < 0) axis += rank;
  if (axis != 0) {
    Ints perm{axis};
    for (std::int64_t k = 0; k < rank; ++k)
      if (k != axis) perm.push_back(k);
    Attrs attrs;
    attrs.set("perm", std::move(perm));
    INGOT_ASSIGN_OR_RETURN(tensor, evaluate_one("Transpose", attrs, {tensor.get()}));
  }
  return tensor;
}

// The slice of one iteration.
Result<HostTensor> slice(const HostTensor& tensor, std::int64_t index) {
  Shape shape(tensor.shape().begin() + 1, tensor.shape().end());
  if (tensor.dtype() == DType::string) {
    INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(DType::string, shape));
    const auto begin = tensor.strings().begin() + static_cast<std::ptrdiff_t>(index * out.elements());
    out.strings().assign(begin, begin + static_cast<std::ptrdiff_t>(out.elements()));
    return out;
  }
  if (bits_of(tensor.dtype()) < 8) return unsupported("scan inputs of {}", to_string(tensor.dtype()));
  const std::size_t bytes = tensor.bytes().size() / static_cast<std::size_t>(tensor.shape()[0]);
  return HostTensor::view(tensor.dtype(), std::move(shape),
                          tensor.bytes().subspan(static_cast<std::size_t>(index) * bytes, bytes), nullptr);
}

// From iterations in front, in their order, to the axis and direction that are asked for.
Result<TensorPtr> scan_output(const Problem& problem, TensorPtr tensor, std::size_t i) {
  if (entry(problem, "scan_output_directions", i) == 1 && tensor->shape()[0] > 1) {
    const HostTensor starts = HostTensor::of_ints({{-1}});
    const HostTensor ends = HostTensor::of_ints({{std::numeric_limits<std::int64_t>::min()}});
    const HostTensor axes = HostTensor::of_ints({{0}});
    INGOT_ASSIGN_OR_RETURN(tensor, evaluate_one("Slice", {}, {tensor.get(), &starts, &ends, &axes, &starts}));
  }
  const std::int64_t rank = tensor->rank();
  std::int64_t axis = entry(problem, "scan_output_axes", i);
  if (axis < -rank || axis >= rank) return invalid_argument("scan output {} of rank {} has no axis {}", i, rank, axis);
  if (axis < 0) axis += rank;
  if (axis == 0) return tensor;
  Ints perm;
  for (std::int64_t k = 1; k < rank; ++k) perm.push_back(k);
  perm.insert(perm.begin() + axis, 0);
  Attrs attrs;
  attrs.set("perm", std::move(perm));
  return evaluate_one("Transpose", attrs, {tensor.get()});
}

Status run_scan(const Problem& problem, Executor& outer, std::size_t step) {
  const plan::Step& planned = outer.loaded().program->steps[step];
  INGOT_ASSIGN_OR_RETURN(const Layout layout, layout_of(problem));
  std::vector<TensorPtr> scanned;
  for (std::size_t i = 0; i < layout.scan_inputs; ++i) {
    INGOT_ASSIGN_OR_RETURN(TensorPtr tensor, scan_input(problem, outer.value_of(planned.inputs[layout.states + i]), i));
    if (!scanned.empty() && tensor->shape()[0] != scanned[0]->shape()[0])
      return invalid_argument("the scan inputs have {} and {} slices", scanned[0]->shape()[0], tensor->shape()[0]);
    scanned.push_back(std::move(tensor));
  }
  Iteration iteration(outer, step, layout);
  const std::int64_t trips = scanned[0]->shape()[0];
  for (std::int64_t t = 0; t < trips; ++t) {
    std::vector<HostTensor> slices;
    for (std::size_t i = 0; i < scanned.size(); ++i) {
      const bool backwards = entry(problem, "scan_input_directions", i) == 1;
      INGOT_ASSIGN_OR_RETURN(HostTensor part, slice(*scanned[i], backwards ? trips - 1 - t : t));
      slices.push_back(std::move(part));
    }
    std::vector<Object> objects;  // strings reach the body as objects
    std::vector<Value> values;
    objects.reserve(slices.size());
    for (const HostTensor& part : slices) {
      if (part.dtype() == DType::string) objects.push_back({true, {share(part)}});
      values.push_back(part.dtype() == DType::string ? Value::of(objects.back()) : Value::of(part));
    }
    INGOT_RETURN_IF_ERROR(iteration.run({}, values, 0));
  }
  INGOT_RETURN_IF_ERROR(iteration.finish_states());
  for (std::size_t i = 0; i < layout.scan_outputs; ++i) {
    INGOT_ASSIGN_OR_RETURN(const TensorPtr stacked, iteration.scan_output(i, layout.states));
    INGOT_ASSIGN_OR_RETURN(const TensorPtr turned, scan_output(problem, stacked, i));
    INGOT_RETURN_IF_ERROR(iteration.set_scan_output(i, turned));
  }
  return Status::ok();
}

}  // namespace

Status check_control_flow(const Problem& problem, const plan::Step& step, const plan::Plan& plan) {
  const auto expect = [&](std::size_t bodies, std::size_t inputs, std::size_t outputs) {
    if (step.programs.size() != bodies) return corrupt("{} with {} bodies", problem.kind, step.programs.size());
    for (const std::int32_t id : step.programs) {
      const plan::Program& body = plan.programs[static_cast<std::size_t>(id)];
      if (body.inputs.size() != inputs || body.outputs.size() != outputs)
        return corrupt("a body of {} takes {} and yields {} values instead of {} and {}", problem.kind,
                       body.inputs.size(), body.outputs.size(), inputs, outputs);
    }
    return Status::ok();
  };
  if (problem.kind == "If") {
    if (step.inputs.empty()) return corrupt("If without a condition");
    return expect(2, step.inputs.size() - 1, step.outputs.size());
  }
  if (problem.kind != "Loop" && problem.kind != "Scan") return corrupt("'{}' is no control flow", problem.kind);
  INGOT_RETURN_IF_ERROR(layout_of(problem).status());
  return expect(1, step.inputs.size(), step.outputs.size() + (problem.kind == "Loop" ? 1 : 0));
}

Status run_control_flow(const RuntimeStep& step, Executor& executor, std::size_t index) {
  if (step.problem.kind == "If") return run_if(step.problem, executor, index);
  return step.problem.kind == "Loop" ? run_loop(step.problem, executor, index)
                                     : run_scan(step.problem, executor, index);
}

}  // namespace ingot
