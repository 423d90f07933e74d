// SPDX-License-Identifier: Apache-2.0
#include "runtime/context.h"

#include <chrono>
#include <cstring>

#include "base/thread_pool.h"

namespace ingot {

using plan::Storage;

// Hands out memory for outputs whose shape the data decide.
class Context::RunAllocator final : public OutputAllocator {
 public:
  RunAllocator(Context& context, const plan::Step& step) : context_(context), step_(step) {}

  Result<void*> allocate(std::size_t output, const Shape& shape) override {
    if (output >= step_.outputs.size() || step_.outputs[output] < 0)
      return internal("output {} does not exist", output);
    const auto id = static_cast<std::size_t>(step_.outputs[output]);
    const plan::Tensor& tensor = context_.engine_->plan().tensors[id];
    const std::optional<std::int64_t> count = element_count(shape);
    const std::optional<std::int64_t> bytes = count ? bytes_of(tensor.dtype, *count) : std::nullopt;
    if (!bytes) return internal("'{}': impossible shape {}", tensor.name, to_string(shape));
    TensorState& state = context_.tensors_[id];
    state.shape = shape;
    state.bytes = *bytes;
    state.resolved = true;
    INGOT_RETURN_IF_ERROR(context_.reserve_own(id));
    return const_cast<void*>(context_.address_of(step_.outputs[output]));
  }

 private:
  Context& context_;
  const plan::Step& step_;
};

Result<std::unique_ptr<Context>> Context::create(std::shared_ptr<const Engine> engine, const ContextOptions& options) {
  if (engine == nullptr) return invalid_argument("a context needs an engine");
  return std::unique_ptr<Context>(new Context(std::move(engine), options));
}

Context::Context(std::shared_ptr<const Engine> engine, const ContextOptions& options)
    : engine_(std::move(engine)),
      allocator_(options.allocator != nullptr ? options.allocator : &default_allocator()),
      parallel_(options.parallel),
      given_shapes_(engine_->input_count()),
      inputs_(engine_->input_count()),
      outputs_(engine_->output_count()),
      binding_of_(engine_->plan().tensors.size(), -1),
      tensors_(engine_->plan().tensors.size()),
      steps_(engine_->plan().steps.size()),
      arena_(*allocator_),
      workspace_(*allocator_) {
  if (parallel_ == nullptr) {
    own_pool_ = std::make_unique<ThreadPool>(options.threads);
    parallel_ = own_pool_.get();
  }
  const plan::Plan& plan = engine_->plan();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    binding_of_[static_cast<std::size_t>(plan.inputs[i])] = static_cast<std::int32_t>(i);
    given_shapes_[i] = concrete(engine_->input(i).shape);
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    // An output that is itself an input or a constant needs no memory of its own.
    const auto id = static_cast<std::size_t>(plan.outputs[i]);
    if (plan.tensors[id].storage == Storage::output) binding_of_[id] = static_cast<std::int32_t>(i);
  }
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    steps_[s].inputs.resize(plan.steps[s].inputs.size());
    steps_[s].outputs.resize(plan.steps[s].outputs.size());
  }
}

Context::~Context() = default;

Status Context::set_input_shape(std::size_t input, Shape shape) {
  if (input >= inputs_.size()) return invalid_argument("input {} of {}", input, inputs_.size());
  const plan::Tensor& tensor = engine_->input(input);
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
  if (given_shapes_[input] == shape) return Status::ok();
  given_shapes_[input] = std::move(shape);
  shapes_dirty_ = true;
  return Status::ok();
}

Status Context::bind_input(std::size_t input, const void* data, std::size_t bytes) {
  if (input >= inputs_.size()) return invalid_argument("input {} of {}", input, inputs_.size());
  // The engine never writes through it: inputs reach kernels as const.
  auto* memory = static_cast<std::byte*>(const_cast<void*>(data));
  if (inputs_[input].data != memory) pointers_dirty_ = true;
  inputs_[input] = {memory, bytes};
  return Status::ok();
}

Status Context::bind_output(std::size_t output, void* data, std::size_t bytes) {
  if (output >= outputs_.size()) return invalid_argument("output {} of {}", output, outputs_.size());
  if (outputs_[output].data != data) pointers_dirty_ = true;
  outputs_[output] = {static_cast<std::byte*>(data), bytes};
  return Status::ok();
}

Result<Shape> Context::input_shape(std::size_t input) const {
  if (input >= inputs_.size()) return invalid_argument("input {} of {}", input, inputs_.size());
  if (given_shapes_[input]) return *given_shapes_[input];
  return failed_precondition("input '{}' has shape {}: set its shape first", engine_->input(input).name,
                             to_string(engine_->input(input).shape));
}

Result<Shape> Context::output_shape(std::size_t output) {
  if (output >= outputs_.size()) return invalid_argument("output {} of {}", output, outputs_.size());
  INGOT_RETURN_IF_ERROR(prepare());
  const TensorState& state = tensors_[static_cast<std::size_t>(engine_->plan().outputs[output])];
  if (!state.resolved)
    return failed_precondition("the shape of output '{}' depends on the data: run first", engine_->output(output).name);
  return state.shape;
}

std::int32_t Context::root_of(std::int32_t id) const {
  while (engine_->tensor(id).storage == Storage::alias) id = engine_->tensor(id).alias_of;
  return id;
}

const void* Context::address_of(std::int32_t id) const {
  const std::int32_t root = root_of(id);
  const auto index = static_cast<std::size_t>(root);
  const plan::Tensor& tensor = engine_->tensor(root);
  switch (tensor.storage) {
    case Storage::constant: return engine_->constant(root)->bytes().data();
    case Storage::input: return inputs_[static_cast<std::size_t>(binding_of_[index])].data;
    case Storage::output:
      if (const Binding& bound = outputs_[static_cast<std::size_t>(binding_of_[index])]; bound.data != nullptr)
        return bound.data;
      return tensors_[index].own ? tensors_[index].own->data() : nullptr;
    case Storage::activation: return tensors_[index].own ? tensors_[index].own->data() : tensors_[index].data;
    case Storage::alias: break;
  }
  return nullptr;
}

const void* Context::output_data(std::size_t output) const {
  return output < outputs_.size() ? address_of(engine_->plan().outputs[output]) : nullptr;
}

void Context::point_step(std::size_t step) {
  const plan::Step& plan_step = engine_->plan().steps[step];
  StepState& state = steps_[step];
  for (std::size_t i = 0; i < plan_step.inputs.size(); ++i)
    state.inputs[i] = plan_step.inputs[i] < 0 ? nullptr : address_of(plan_step.inputs[i]);
  for (std::size_t i = 0; i < plan_step.outputs.size(); ++i) {
    const std::int32_t id = plan_step.outputs[i];
    const bool known = id >= 0 && tensors_[static_cast<std::size_t>(id)].resolved;
    state.outputs[i] = known ? const_cast<void*>(address_of(id)) : nullptr;
  }
}

Status Context::check_bindings() {
  const plan::Plan& plan = engine_->plan();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const TensorState& state = tensors_[static_cast<std::size_t>(plan.inputs[i])];
    if (inputs_[i].data == nullptr && state.bytes != 0)
      return failed_precondition("input '{}' is not bound", engine_->input(i).name);
    if (inputs_[i].bytes < static_cast<std::size_t>(state.bytes))
      return invalid_argument("input '{}' of shape {} needs {} bytes, bound were {}", engine_->input(i).name,
                              to_string(state.shape), state.bytes, inputs_[i].bytes);
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const TensorState& state = tensors_[static_cast<std::size_t>(plan.outputs[i])];
    if (state.resolved && outputs_[i].data != nullptr && outputs_[i].bytes < static_cast<std::size_t>(state.bytes))
      return invalid_argument("output '{}' of shape {} needs {} bytes, bound were {}", engine_->output(i).name,
                              to_string(state.shape), state.bytes, outputs_[i].bytes);
  }
  return Status::ok();
}

Status Context::copy_outputs() {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].data == nullptr || engine_->output(i).storage == Storage::output) continue;
    const std::int32_t id = engine_->plan().outputs[i];
    const auto bytes = static_cast<std::size_t>(tensors_[static_cast<std::size_t>(id)].bytes);
    if (outputs_[i].bytes < bytes)
      return invalid_argument("output '{}' needs {} bytes, bound were {}", engine_->output(i).name, bytes,
                              outputs_[i].bytes);
    if (bytes > 0) std::memcpy(outputs_[i].data, address_of(id), bytes);
  }
  return Status::ok();
}

Status Context::launch(std::size_t step) {
  const plan::Step& plan_step = engine_->plan().steps[step];
  StepState& state = steps_[step];
  RunAllocator allocator(*this, plan_step);
  LaunchArgs args;
  args.inputs = state.inputs;
  args.outputs = state.outputs;
  args.workspace = workspace_.bytes();
  args.state = state.kernel.get();
  args.parallel = parallel_;
  args.allocator = &allocator;
  return engine_->kernel(step).launch(args);
}

Status Context::run() {
  INGOT_RETURN_IF_ERROR(prepare());
  for (const std::size_t id : decided_by_data_) tensors_[id].resolved = false;
  INGOT_RETURN_IF_ERROR(check_bindings());
  const plan::Plan& plan = engine_->plan();
  if (pointers_dirty_) {
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (outputs_[i].data == nullptr) INGOT_RETURN_IF_ERROR(reserve_own(static_cast<std::size_t>(plan.outputs[i])));
    for (std::size_t step = 0; step < steps_.size(); ++step) point_step(step);
    pointers_dirty_ = false;
  }
  bool symbols_fresh = false;
  for (std::size_t step = 0; step < steps_.size(); ++step) {
    if (steps_[step].deferred)
      if (Status status = configure_deferred(step); !status.is_ok())
        return std::move(status).annotate(
            fmt::format("step '{}' ({})", plan.steps[step].name, plan.steps[step].tactic));
    const auto start =
        profiler_ != nullptr ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
    if (Status status = launch(step); !status.is_ok())
      return std::move(status).annotate(fmt::format("step '{}' ({})", plan.steps[step].name, plan.steps[step].tactic));
    if (profiler_ != nullptr) {
      const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
      profiler_->on_step(step, plan.steps[step].name, plan.steps[step].tactic, spent.count());
    }
    if (plan.steps[step].data_dependent) {
      if (!symbols_fresh) run_symbols_ = symbols_;
      symbols_fresh = true;
      INGOT_RETURN_IF_ERROR(resume_after(step));
    }
  }
  return copy_outputs();
}

Result<HostTensor> Context::snapshot(std::int32_t tensor) const {
  const TensorState& state = tensors_[static_cast<std::size_t>(tensor)];
  const void* data = address_of(tensor);
  if (!state.resolved || data == nullptr)
    return failed_precondition("'{}' has not been computed", engine_->tensor(tensor).name);
  INGOT_ASSIGN_OR_RETURN(HostTensor copy, HostTensor::create(engine_->tensor(tensor).dtype, state.shape));
  if (state.bytes != 0) std::memcpy(copy.mutable_bytes().data(), data, static_cast<std::size_t>(state.bytes));
  return copy;
}

std::size_t Context::memory_bytes() const {
  std::size_t total = arena_.size() + workspace_.size();
  for (const TensorState& tensor : tensors_) total += tensor.own ? tensor.own->size() : 0;
  return total;
}

}  // namespace ingot
