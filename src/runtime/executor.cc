// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor.h"

#include <chrono>
#include <cstring>

#include "backends/cuda/nvtx.h"
#include "runtime/control_flow.h"
#include "runtime/object_ops.h"

namespace ingot {

using plan::Storage;

// Hands out memory for outputs whose shape the data decide.
class Executor::RunAllocator final : public OutputAllocator {
 public:
  RunAllocator(Executor& executor, const plan::Step& step) : executor_(executor), step_(step) {}

  Result<void*> allocate(std::size_t output, const Shape& shape) override {
    if (output >= step_.outputs.size() || step_.outputs[output] < 0)
      return internal("output {} does not exist", output);
    INGOT_RETURN_IF_ERROR(executor_.decide_shape(step_.outputs[output], shape));
    return const_cast<void*>(executor_.address_of(step_.outputs[output]));
  }

 private:
  Executor& executor_;
  const plan::Step& step_;
};

Executor::Executor(const Engine& engine, const LoadedProgram& loaded, Allocator& allocator, Parallel& parallel)
    : engine_(engine),
      loaded_(loaded),
      allocator_(&allocator),
      parallel_(&parallel),
      given_shapes_(program().inputs.size()),
      inputs_(program().inputs.size()),
      outputs_(program().outputs.size()),
      uploads_(program().inputs.size()),
      binding_of_(program().tensors.size(), -1),
      tensors_(program().tensors.size()),
      steps_(program().steps.size()),
      arena_(allocator),
      workspace_(allocator) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    binding_of_[static_cast<std::size_t>(program().inputs[i])] = static_cast<std::int32_t>(i);
    if (!input(i).is_object()) given_shapes_[i] = concrete(input(i).shape);
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    // An output that is itself an input or a constant needs no memory of its own.
    const auto id = static_cast<std::size_t>(program().outputs[i]);
    if (program().tensors[id].storage == Storage::output) binding_of_[id] = static_cast<std::int32_t>(i);
  }
  for (std::size_t id = 0; id < tensors_.size(); ++id)
    if (program().tensors[id].is_object() && loaded_.constants[id] != nullptr)
      tensors_[id].object.items = {loaded_.constants[id]};
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    steps_[s].inputs.resize(program().steps[s].inputs.size());
    steps_[s].outputs.resize(program().steps[s].outputs.size());
    steps_[s].bodies.resize(program().steps[s].programs.size());
  }
}

Executor::~Executor() = default;

Status Executor::set_input_shape(std::size_t index, Shape shape) {
  if (index >= inputs_.size()) return invalid_argument("input {} of {}", index, inputs_.size());
  const plan::Tensor& tensor = input(index);
  if (tensor.is_object()) return Status::ok();
  const std::optional<Shape> fixed = concrete(tensor.shape);
  if (fixed && *fixed != shape)
    return invalid_argument("input '{}' has the fixed shape {}, given was {}", tensor.name, to_string(*fixed),
                            to_string(shape));
  if (shape.size() != tensor.shape.size())
    return invalid_argument("input '{}' has shape {} (rank {}), given was {} (rank {})", tensor.name,
                            to_string(tensor.shape), tensor.shape.size(), to_string(shape), shape.size());
  const std::optional<std::int64_t> count = element_count(shape);
  if (!count || !bytes_of(tensor.dtype, *count))
    return invalid_argument("input '{}': impossible shape {}", tensor.name, to_string(shape));
  if (given_shapes_[index] == shape) return Status::ok();
  given_shapes_[index] = std::move(shape);
  shapes_dirty_ = true;
  return Status::ok();
}

Status Executor::bind_input(std::size_t index, const void* data, std::size_t bytes) {
  if (index >= inputs_.size()) return invalid_argument("input {} of {}", index, inputs_.size());
  if (input(index).is_object())
    return invalid_argument("input '{}' is {}: no plain memory", input(index).name, input(index).type);
  // The engine never writes through it: inputs reach kernels as const.
  auto* memory = static_cast<std::byte*>(const_cast<void*>(data));
  if (inputs_[index].data != memory) pointers_dirty_ = true;
  inputs_[index] = {memory, bytes};
  return Status::ok();
}

Status Executor::bind_output(std::size_t output, void* data, std::size_t bytes) {
  if (output >= outputs_.size()) return invalid_argument("output {} of {}", output, outputs_.size());
  if (outputs_[output].data != data) pointers_dirty_ = true;
  outputs_[output] = {static_cast<std::byte*>(data), bytes};
  return Status::ok();
}

Result<Shape> Executor::input_shape(std::size_t index) const {
  if (index >= inputs_.size()) return invalid_argument("input {} of {}", index, inputs_.size());
  if (given_shapes_[index]) return *given_shapes_[index];
  if (input(index).is_object()) return failed_precondition("input '{}' is {}", input(index).name, input(index).type);
  return failed_precondition("input '{}' has shape {}: set its shape first", input(index).name,
                             to_string(input(index).shape));
}

Result<Shape> Executor::output_shape(std::size_t index) {
  if (index >= outputs_.size()) return invalid_argument("output {} of {}", index, outputs_.size());
  INGOT_RETURN_IF_ERROR(prepare());
  const TensorState& state = state_of(program().outputs[index]);
  if (output_tensor(index).is_object() && state.object.items.size() == 1) return state.object.items[0]->shape();
  if (!state.resolved || output_tensor(index).is_object())
    return failed_precondition("the shape of output '{}' depends on the data: run first", output_tensor(index).name);
  return state.shape;
}

std::int32_t Executor::root_of(std::int32_t id) const {
  while (tensor(id).storage == Storage::alias) id = tensor(id).alias_of;
  return id;
}

const void* Executor::address_of(std::int32_t id) const {
  const std::int32_t root = root_of(id);
  const auto index = static_cast<std::size_t>(root);
  switch (tensor(root).storage) {
    case Storage::constant:
      if (stream_ != nullptr) return loaded_.device_constants[index].data();
      return loaded_.constants[index]->bytes().data();
    case Storage::input: return inputs_[static_cast<std::size_t>(binding_of_[index])].data;
    case Storage::output:
      if (const Binding& bound = outputs_[static_cast<std::size_t>(binding_of_[index])]; bound.data != nullptr)
        return bound.data;
      return tensors_[index].own ? tensors_[index].own->data() : nullptr;
    case Storage::activation:
      if (is_placed(tensors_[index])) return arena_.data() + tensors_[index].place;
      return tensors_[index].own ? tensors_[index].own->data() : nullptr;
    case Storage::alias: break;
  }
  return nullptr;
}

void Executor::point_step(std::size_t step) {
  const plan::Step& plan_step = program().steps[step];
  StepState& state = steps_[step];
  for (std::size_t i = 0; i < plan_step.inputs.size(); ++i)
    state.inputs[i] = plan_step.inputs[i] < 0 ? nullptr : address_of(plan_step.inputs[i]);
  for (std::size_t i = 0; i < plan_step.outputs.size(); ++i) {
    const std::int32_t id = plan_step.outputs[i];
    const bool known = id >= 0 && tensors_[static_cast<std::size_t>(id)].resolved;
    state.outputs[i] = known ? const_cast<void*>(address_of(id)) : nullptr;
  }
}

Status Executor::check_bindings() {
  const plan::Program& plan = program();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const TensorState& state = tensors_[static_cast<std::size_t>(plan.inputs[i])];
    if (input(i).is_object() && state.object.present && state.object.items.empty() && !input(i).is_sequence())
      return failed_precondition("input '{}' is not bound", input(i).name);
    if (inputs_[i].data == nullptr && state.bytes != 0)
      return failed_precondition("input '{}' is not bound", input(i).name);
    if (inputs_[i].bytes < static_cast<std::size_t>(state.bytes))
      return invalid_argument("input '{}' of shape {} needs {} bytes, bound were {}", input(i).name,
                              to_string(state.shape), state.bytes, inputs_[i].bytes);
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const TensorState& state = tensors_[static_cast<std::size_t>(plan.outputs[i])];
    if (state.resolved && outputs_[i].data != nullptr && outputs_[i].bytes < static_cast<std::size_t>(state.bytes))
      return invalid_argument("output '{}' of shape {} needs {} bytes, bound were {}", output_tensor(i).name,
                              to_string(state.shape), state.bytes, outputs_[i].bytes);
  }
  return Status::ok();
}

Status Executor::copy_outputs() {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].data == nullptr || output_tensor(i).is_object() || output_tensor(i).storage == Storage::output)
      continue;
    const std::int32_t id = program().outputs[i];
    const auto bytes = static_cast<std::size_t>(tensors_[static_cast<std::size_t>(id)].bytes);
    if (outputs_[i].bytes < bytes)
      return invalid_argument("output '{}' needs {} bytes, bound were {}", output_tensor(i).name, bytes,
                              outputs_[i].bytes);
    if (bytes > 0) INGOT_RETURN_IF_ERROR(copy_in(outputs_[i].data, value_of(id)));
  }
  return Status::ok();
}

Status Executor::launch(std::size_t step) {
  const plan::Step& plan_step = program().steps[step];
  StepState& state = steps_[step];
  if (const RuntimeStep* own = loaded_.runtime_steps[step].get())
    return own->control_flow ? run_control_flow(*own, *this, step) : run_object_step(*own, *this, step);
  RunAllocator allocator(*this, plan_step);
  LaunchArgs args;
  args.inputs = state.inputs;
  args.outputs = state.outputs;
  args.workspace = workspace_.bytes();
  args.state = state.kernel.get();
  args.parallel = parallel_;
  args.allocator = &allocator;
  return loaded_.kernels[step]->launch(args);
}

Status Executor::annotate(Status status, std::size_t step) const {
  const plan::Step& failed = program().steps[step];
  return std::move(status).annotate(fmt::format("step '{}' ({})", failed.name, failed.tactic));
}

Status Executor::run_step(std::size_t step) {
  const cuda::NvtxRange range(program().steps[step].name);
  if (steps_[step].deferred) INGOT_RETURN_IF_ERROR(configure_deferred(step));
  const auto start = profiler_ != nullptr ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
  INGOT_RETURN_IF_ERROR(launch(step));
  if (profiler_ != nullptr && stream_ != nullptr) INGOT_RETURN_IF_ERROR(stream_->synchronize());
  if (profiler_ != nullptr) {
    const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
    profiler_->on_step(step, program().steps[step].name, program().steps[step].tactic, spent.count());
  }
  return program().steps[step].data_dependent ? resume_after(step) : Status::ok();
}

Status Executor::run() {
  INGOT_RETURN_IF_ERROR(settle());
  return launch_steps();
}

Status Executor::settle() {
  INGOT_RETURN_IF_ERROR(prepare());
  for (const std::size_t id : decided_by_data_) tensors_[id].resolved = false;
  if (symbols_grew_) run_symbols_ = symbols_;
  symbols_grew_ = false;
  INGOT_RETURN_IF_ERROR(check_bindings());
  if (pointers_dirty_) {
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (outputs_[i].data == nullptr)
        INGOT_RETURN_IF_ERROR(reserve_own(static_cast<std::size_t>(program().outputs[i])));
    for (std::size_t step = 0; step < steps_.size(); ++step) point_step(step);
    pointers_dirty_ = false;
  }
  return Status::ok();
}

Status Executor::launch_steps() {
  for (std::size_t step = 0; step < steps_.size(); ++step)
    if (Status status = run_step(step); !status.is_ok()) return annotate(std::move(status), step);
  INGOT_RETURN_IF_ERROR(copy_outputs());
  has_run_ = true;
  return Status::ok();
}

std::size_t Executor::memory_bytes() const {
  std::size_t total = arena_.size() + workspace_.size();
  for (const TensorState& state : tensors_) total += state.own ? state.own->size() : 0;
  for (const StepState& step : steps_)
    for (const auto& body : step.bodies) total += body != nullptr ? body->memory_bytes() : 0;
  return total;
}

}  // namespace ingot
