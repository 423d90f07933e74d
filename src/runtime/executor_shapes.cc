// SPDX-License-Identifier: Apache-2.0
// What happens when shapes change: symbols, tensor sizes, memory, kernel states.
#include <algorithm>
#include <utility>

#include "plan/memory_plan.h"
#include "plan/symbols.h"
#include "runtime/executor.h"

namespace ingot {

using plan::Storage;

Result<Executor::InputShapes> Executor::input_shapes() const {
  InputShapes shapes;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    shapes.emplace_back(object_shape(program().inputs[i]));
    if (input(i).is_object()) continue;
    INGOT_ASSIGN_OR_RETURN(shapes.back(), input_shape(i));
  }
  return shapes;
}

Status Executor::bind_input_symbols(const InputShapes& shapes) {
  symbols_.clear();
  // Twice: a compound expression may precede the input that binds its symbols.
  for (int pass = 0; pass < 2; ++pass)
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (shapes[i]) INGOT_RETURN_IF_ERROR(plan::bind_symbols(input(i).name, input(i).shape, *shapes[i], symbols_));
  for (const auto& [name, value] : outer_symbols_) symbols_.emplace(name, value);
  return Status::ok();
}

Status Executor::resolve_tensor(std::size_t id, const SymbolValues& symbols) {
  const plan::Tensor& planned = program().tensors[id];
  TensorState& state = tensors_[id];
  // Objects have no shape; the order of the steps says when they are there.
  if (planned.is_object()) {
    state.resolved = true;
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(state.shape, plan::resolve(planned.shape, symbols));
  const std::optional<std::int64_t> count = element_count(state.shape);
  const std::optional<std::int64_t> bytes = count ? bytes_of(planned.dtype, *count) : std::nullopt;
  if (!bytes) return invalid_argument("'{}' would have the impossible shape {}", planned.name, to_string(state.shape));
  state.bytes = *bytes;
  state.resolved = true;
  if (planned.storage == Storage::alias) {
    const TensorState& source = tensors_[static_cast<std::size_t>(planned.alias_of)];
    if (source.resolved && source.bytes != state.bytes)
      return invalid_argument("'{}': {} elements cannot take shape {}", planned.name, to_string(source.shape),
                              to_string(state.shape));
  }
  return Status::ok();
}

bool Executor::step_resolved(std::size_t step) const {
  const plan::Step& plan_step = program().steps[step];
  const auto resolved = [&](std::int32_t id) { return id < 0 || tensors_[static_cast<std::size_t>(id)].resolved; };
  return std::all_of(plan_step.inputs.begin(), plan_step.inputs.end(), resolved) &&
         (plan_step.data_dependent || std::all_of(plan_step.outputs.begin(), plan_step.outputs.end(), resolved));
}

Status Executor::reserve_own(std::size_t id) {
  const plan::Tensor& planned = program().tensors[id];
  TensorState& state = tensors_[id];
  if (planned.is_object()) return Status::ok();
  const std::int32_t binding = binding_of_[id];
  if (planned.storage == Storage::output && outputs_[static_cast<std::size_t>(binding)].data != nullptr) {
    if (outputs_[static_cast<std::size_t>(binding)].bytes < static_cast<std::size_t>(state.bytes))
      return invalid_argument("output '{}' of shape {} needs {} bytes, bound were {}", planned.name,
                              to_string(state.shape), state.bytes, outputs_[static_cast<std::size_t>(binding)].bytes);
    return Status::ok();
  }
  if (planned.storage != Storage::output && (planned.storage != Storage::activation || is_placed(state)))
    return Status::ok();
  if (!state.own) state.own.emplace(*allocator_);
  // At least one byte, so that an empty tensor has an address.
  return reserve(*state.own, static_cast<std::size_t>(std::max<std::int64_t>(state.bytes, 1)));
}

Status Executor::reserve(Buffer& buffer, std::size_t bytes) {
  const std::byte* const before = buffer.data();
  INGOT_RETURN_IF_ERROR(buffer.reserve(bytes));
  if (buffer.data() != before) ++memory_moves_;
  return Status::ok();
}

Status Executor::place_activations() {
  const plan::Program& plan = program();
  std::vector<std::int32_t> last_use(plan.tensors.size(), -1);
  std::vector<std::int32_t> first_use(plan.tensors.size(), -1);
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    for (const auto* ids : {&plan.steps[s].inputs, &plan.steps[s].outputs})
      for (const std::int32_t id : *ids) {
        if (id < 0) continue;
        const auto root = static_cast<std::size_t>(root_of(id));
        if (first_use[root] < 0) first_use[root] = static_cast<std::int32_t>(s);
        last_use[root] = static_cast<std::int32_t>(s);
      }
  }
  std::vector<plan::BufferUse> buffers;
  std::vector<std::size_t> ids;
  for (std::size_t id = 0; id < plan.tensors.size(); ++id) {
    TensorState& state = tensors_[id];
    state.place = -1;
    if (plan.tensors[id].storage != Storage::activation || !state.resolved || first_use[id] < 0) continue;
    if (plan.tensors[id].arena_offset >= 0) continue;
    buffers.push_back({state.bytes, first_use[id], last_use[id]});
    ids.push_back(id);
  }
  // A plan of fixed shapes carries its places; otherwise they are found here, above the fixed part.
  const plan::MemoryPlan placed = plan::plan_memory(buffers);
  const auto fixed = static_cast<std::size_t>(plan.arena_bytes);
  INGOT_RETURN_IF_ERROR(reserve(arena_, fixed + static_cast<std::size_t>(placed.arena_bytes)));
  for (std::size_t i = 0; i < ids.size(); ++i) tensors_[ids[i]].place = plan.arena_bytes + placed.offsets[i];
  for (std::size_t id = 0; id < plan.tensors.size(); ++id)
    if (plan.tensors[id].arena_offset >= 0) tensors_[id].place = plan.tensors[id].arena_offset;
  return Status::ok();
}

Status Executor::configure_step(std::size_t step, const SymbolValues& symbols) {
  const plan::Step& plan_step = program().steps[step];
  if (loaded_.runtime_steps[step] != nullptr) return Status::ok();
  const auto operand = [&](std::int32_t id) {
    Operand out;
    if (id < 0) return out;
    const plan::Tensor& planned = tensor(id);
    out.dtype = planned.dtype;
    out.shape = tensors_[static_cast<std::size_t>(id)].shape;
    out.constant = planned.storage == Storage::constant;
    if (out.constant) out.value = loaded_.constants[static_cast<std::size_t>(id)];
    return out;
  };
  std::vector<Operand> inputs;
  std::vector<Operand> outputs;
  for (const std::int32_t id : plan_step.inputs) inputs.push_back(operand(id));
  for (const std::int32_t id : plan_step.outputs) outputs.push_back(operand(id));
  ConfigureArgs args;
  args.inputs = inputs;
  args.outputs = outputs;
  args.symbols = &symbols;
  args.threads = parallel_->threads();
  INGOT_ASSIGN_OR_RETURN(steps_[step].kernel, loaded_.kernels[step]->configure(args));
  return reserve(workspace_, steps_[step].kernel->workspace_bytes);
}

void Executor::keep_configurations(std::size_t most, std::function<void(std::uint64_t)> on_drop) {
  most_configurations_ = most;
  on_drop_ = std::move(on_drop);
}

void Executor::put_by() {
  if (!std::exchange(is_configured_, false)) return;
  const auto drop = [this](std::uint64_t number) {
    if (on_drop_) on_drop_(number);
  };
  if (most_configurations_ <= 1) return drop(configuration_);
  put_by_.reserve(put_by_.size() + 1);
  Configuration kept;
  kept.tensors.reserve(tensors_.size());
  kept.steps.reserve(steps_.size());
  kept.number = configuration_;
  kept.inputs = std::move(configured_);
  kept.symbols = std::move(symbols_);
  for (TensorState& tensor : tensors_) kept.tensors.push_back(std::move(static_cast<TensorSize&>(tensor)));
  for (StepState& step : steps_) kept.steps.push_back(std::move(static_cast<StepKernel&>(step)));
  kept.decided_by_data = std::move(decided_by_data_);
  kept.needs_host = needs_host_;
  kept.has_run = has_run_;
  put_by_.push_back(std::move(kept));
  if (put_by_.size() < most_configurations_) return;
  drop(put_by_.front().number);
  put_by_.erase(put_by_.begin());
}

bool Executor::take_up(const InputShapes& shapes) {
  const auto found = std::ranges::find(put_by_, shapes, &Configuration::inputs);
  if (found == put_by_.end()) return false;
  Configuration kept = std::move(*found);
  put_by_.erase(found);
  put_by();
  configuration_ = kept.number;
  configured_ = std::move(kept.inputs);
  symbols_ = std::move(kept.symbols);
  for (std::size_t i = 0; i < tensors_.size(); ++i) static_cast<TensorSize&>(tensors_[i]) = std::move(kept.tensors[i]);
  for (std::size_t i = 0; i < steps_.size(); ++i) static_cast<StepKernel&>(steps_[i]) = std::move(kept.steps[i]);
  decided_by_data_ = std::move(kept.decided_by_data);
  for (const std::size_t id : decided_by_data_) tensors_[id].resolved = false;  // the next run decides anew
  needs_host_ = kept.needs_host;
  has_run_ = kept.has_run;
  return true;
}

Status Executor::prepare() {
  if (!shapes_dirty_) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(InputShapes shapes, input_shapes());
  const bool keeps = most_configurations_ > 1;
  if (!keeps || ((!is_configured_ || configured_ != shapes) && !take_up(shapes))) {
    put_by();
    INGOT_RETURN_IF_ERROR(bind_input_symbols(shapes));
    configuration_ = ++configurations_;
    has_run_ = false;
    INGOT_RETURN_IF_ERROR(configure());
    configured_ = std::move(shapes);
  }
  is_configured_ = true;
  shapes_dirty_ = false;
  pointers_dirty_ = true;
  symbols_grew_ = true;
  return Status::ok();
}

Status Executor::configure() {
  const plan::Program& plan = program();
  decided_by_data_.clear();
  for (std::size_t id = 0; id < plan.tensors.size(); ++id) {
    tensors_[id].resolved = false;
    Status status = resolve_tensor(id, symbols_);
    // An unbound symbol is one that the data will decide; anything else is the caller's shapes.
    if (!status.is_ok() && status.code() != StatusCode::kFailedPrecondition) return status;
    if (!tensors_[id].resolved) decided_by_data_.push_back(id);
  }
  INGOT_RETURN_IF_ERROR(place_activations());
  needs_host_ = false;
  for (std::size_t step = 0; step < steps_.size(); ++step) {
    steps_[step].deferred = !step_resolved(step);
    needs_host_ = needs_host_ || steps_[step].deferred || program().steps[step].data_dependent ||
                  loaded_.runtime_steps[step] != nullptr || loaded_.kernels[step]->synchronizes();
    if (steps_[step].deferred) continue;
    if (Status status = configure_step(step, symbols_); !status.is_ok()) return annotate(std::move(status), step);
  }
  return Status::ok();
}

Status Executor::configure_deferred(std::size_t step) {
  if (!step_resolved(step)) return corrupt("no earlier step decides the shapes that it needs");
  INGOT_RETURN_IF_ERROR(configure_step(step, run_symbols_));
  for (const std::int32_t id : program().steps[step].outputs)
    if (id >= 0 && tensors_[static_cast<std::size_t>(id)].resolved)
      INGOT_RETURN_IF_ERROR(reserve_own(static_cast<std::size_t>(id)));
  point_step(step);
  return Status::ok();
}

Status Executor::resume_after(std::size_t step) {
  const std::size_t known = run_symbols_.size();
  for (const std::int32_t id : program().steps[step].outputs)
    if (id >= 0) {
      const std::optional<Shape> shape = tensor(id).is_object() ? object_shape(id) : state_of(id).shape;
      if (shape) INGOT_RETURN_IF_ERROR(plan::bind_symbols(tensor(id).name, tensor(id).shape, *shape, run_symbols_));
    }
  if (run_symbols_.size() == known) return Status::ok();
  symbols_grew_ = true;
  for (const std::size_t id : decided_by_data_) {
    if (tensors_[id].resolved) continue;
    Status status = resolve_tensor(id, run_symbols_);
    if (!status.is_ok() && status.code() != StatusCode::kFailedPrecondition) return status;
  }
  return Status::ok();
}

}  // namespace ingot
