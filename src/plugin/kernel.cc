// SPDX-License-Identifier: Apache-2.0
#include "plugin/kernel.h"

#include <algorithm>
#include <cstring>

#include "plugin/guard.h"
#include "plugin/guarded_call.h"
#include "plugin/infer.h"
#include "plugin/instance.h"

namespace ingot::plugin {
namespace {

constexpr std::size_t kAlignment = 256;
constexpr std::size_t kNotStaged = SIZE_MAX;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

struct State final : KernelState {
  State(const Instance& instance_ref, std::vector<Operand> inputs_in, std::vector<Operand> outputs_in,
        const Combination& combination, const Target& target)
      : instance(instance_ref),
        inputs(std::move(inputs_in)),
        outputs(std::move(outputs_in)),
        operands(instance.values(), inputs, outputs, &combination, target.device()) {
    operands.api().device_index = target.ordinal();
  }
  ~State() override {
    const ingot_plugin_operator& api = instance.op().api;
    if (handle != nullptr && api.release != nullptr) api.release(api.user, instance.get(), handle);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const Instance& instance;
  std::vector<Operand> inputs, outputs;
  Operands operands;
  void* handle = nullptr;
  std::size_t own_workspace = 0;                           // the plugin's; the staged operands lie behind it
  std::vector<std::size_t> staged_inputs, staged_outputs;  // offsets in the workspace; kNotStaged
  std::vector<std::shared_ptr<void>> constants;            // converted once; null: none
  std::unique_ptr<Loan> loan;
  bool checked = false;
};

// What `host` points to during a launch.
struct LaunchHost {
  const LaunchArgs* args = nullptr;
  State* state = nullptr;
  Status error;
};

void* allocate_output(void* host, std::size_t output, const std::int64_t* dims, std::int32_t rank) {
  auto& launch = *static_cast<LaunchHost*>(host);
  const Shape shape(dims, dims + std::max(rank, 0));
  if (output >= launch.state->outputs.size()) return nullptr;
  if (void* fixed = launch.args->outputs[output]; fixed != nullptr && launch.state->outputs[output].shape == shape)
    return fixed;
  if (launch.args->allocator == nullptr) return nullptr;
  Result<void*> memory = launch.args->allocator->allocate(output, shape);
  if (memory.is_ok()) return *memory;
  launch.error = memory.status();
  return nullptr;
}

void parallel_for(void* host, std::int64_t count, void (*task)(void*, std::int64_t, std::int32_t), void* user) {
  auto& launch = *static_cast<LaunchHost*>(host);
  if (launch.args->parallel == nullptr) {
    for (std::int64_t i = 0; i < count; ++i) task(user, i, 0);
    return;
  }
  launch.args->parallel->run(count, [&](std::int64_t i, int thread) { task(user, i, thread); });
}

// Longer integer constants are data, not sizes.
constexpr std::int64_t kMaxValues = 64;

class PluginKernel final : public Kernel {
 public:
  PluginKernel(std::unique_ptr<Instance> instance, const Problem& problem, KernelOptions options,
               std::vector<bool> decided_by_data, std::shared_ptr<const Target> target)
      : target_(std::move(target)),
        instance_(std::move(instance)),
        attrs_(problem.attrs),
        input_bounds_(bounds_in(problem.inputs)),
        output_bounds_(bounds_in(problem.outputs)),
        options_(std::move(options)),
        decided_by_data_(std::move(decided_by_data)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    INGOT_ASSIGN_OR_RETURN(std::vector<Operand> outputs, checked_outputs(args));
    std::vector<Operand> inputs(args.inputs.begin(), args.inputs.end());
    for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i].bounds = input_bounds_[i];
    for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i].bounds = output_bounds_[i];
    auto state =
        std::make_unique<State>(*instance_, std::move(inputs), std::move(outputs), options_.combination, *target_);
    state->checked = checking();
    INGOT_ASSIGN_OR_RETURN(state->loan, target_->lend());
    ingot_plugin_operands& operands = state->operands.api();
    operands.tactic = options_.tactic;
    operands.cuda = state->loan != nullptr ? state->loan->api() : nullptr;
    const ingot_plugin_operator& api = op().api;
    if (api.configure != nullptr && !options_.reference) {
      std::size_t workspace = 0;
      INGOT_RETURN_IF_ERROR(call_guarded(op(), "configure", [&](ingot_plugin_error* error) {
        return api.configure(api.user, instance_->get(), &operands, &state->handle, &workspace, error);
      }));
      state->own_workspace = workspace;
    }
    INGOT_RETURN_IF_ERROR(place_staged(*state));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    auto& state = static_cast<State&>(*args.state);
    auto* const base = reinterpret_cast<std::byte*>(
        (reinterpret_cast<std::uintptr_t>(args.workspace.data()) + kAlignment - 1) / kAlignment * kAlignment);
    for (std::size_t i = 0; i < state.inputs.size(); ++i) INGOT_RETURN_IF_ERROR(point_input(state, args, base, i));
    for (std::size_t i = 0; i < state.outputs.size(); ++i) {
      ingot_plugin_tensor& tensor = state.operands.outputs()[i];
      const std::size_t offset = state.staged_outputs[i];
      tensor.data = decided_by_data_[i] ? nullptr : offset != kNotStaged ? base + offset : args.outputs[i];
    }
    if (op().has_flag(INGOT_PLUGIN_MUST_ALIAS)) INGOT_RETURN_IF_ERROR(share_memory(state));
    if (!state.checked)
      INGOT_RETURN_IF_ERROR(run(state, args, base, false));
    else if (target_->device() == INGOT_PLUGIN_CPU)
      INGOT_RETURN_IF_ERROR(run_checked(state, args));
    else
      INGOT_RETURN_IF_ERROR(run_and_wait(state, args, base));
    for (std::size_t i = 0; i < state.outputs.size(); ++i)
      if (state.staged_outputs[i] != kNotStaged && args.outputs[i] != nullptr)
        INGOT_RETURN_IF_ERROR(target_->from_format(base + state.staged_outputs[i], options_.combination.outputs[i],
                                                   state.outputs[i].shape, state.outputs[i].dtype, args.outputs[i]));
    return Status::ok();
  }

  [[nodiscard]] bool allocates_outputs() const override { return true; }
  [[nodiscard]] bool synchronizes() const override {
    return target_->device() == INGOT_PLUGIN_CUDA &&
           (op().has_flag(INGOT_PLUGIN_SYNCHRONIZES) || checking() ||
            std::ranges::any_of(decided_by_data_, [](bool by_data) { return by_data; }));
  }

  [[nodiscard]] int in_place_input() const override {
    if (op().api.alias == nullptr || options_.combination.converts || options_.reference || decided_by_data_.empty() ||
        decided_by_data_[0])
      return -1;
    return op().api.alias(op().api.user, instance_->get(), 0);
  }

 private:
  using Bounds = std::vector<std::shared_ptr<const SizeBounds>>;

  static Bounds bounds_in(const std::vector<Operand>& operands) {
    Bounds out;
    for (const Operand& operand : operands) out.push_back(operand.bounds);
    return out;
  }
  [[nodiscard]] const Operator& op() const { return instance_->op(); }

  // The shape rule, asked again with the sizes of this run, must say what it said of the symbols. Where the data decide
  // a size, the output has -1 there.
  Result<std::vector<Operand>> checked_outputs(const ConfigureArgs& args) const {
    std::vector<Operand> outputs(args.outputs.begin(), args.outputs.end());
    const auto inferred = infer_numbers(op(), attrs_, args.inputs, args.outputs.size());
    if (!inferred.is_ok()) return outputs;  // it needs values that only the run has
    for (std::size_t i = 0; i < args.outputs.size(); ++i) {
      if (decided_by_data_[i]) {
        outputs[i].shape.clear();
        for (const Dim& dim : (*inferred)[i].shape) outputs[i].shape.push_back(dim.is_constant() ? dim.value() : -1);
        continue;
      }
      const auto shape = concrete((*inferred)[i].shape);
      if (!args.outputs[i].present() || !shape || *shape == args.outputs[i].shape) continue;
      return invalid_argument(
          "{}: wrong shape rule: output {} is {} by the rule over symbols, {} by the rule over the sizes themselves",
          op().describe(), i, to_string(args.outputs[i].shape), to_string(*shape));
    }
    return outputs;
  }

  Status place_staged(State& state) const {
    std::size_t end = aligned(state.own_workspace);
    const auto place = [&](const Format& format, const Shape& shape) -> Result<std::size_t> {
      const auto bytes = bytes_of(format, shape);
      if (!bytes) return resource_exhausted("{}: an operand of impossible size", op().describe());
      const std::size_t at = end;
      end += aligned(static_cast<std::size_t>(*bytes));
      return at;
    };
    state.constants.resize(state.inputs.size());
    for (std::size_t i = 0; i < state.inputs.size(); ++i) {
      const Operand& operand = state.inputs[i];
      const Format& format = options_.combination.inputs[i];
      state.staged_inputs.push_back(kNotStaged);
      if (!operand.present() || format.is_linear(operand.dtype)) continue;
      if (operand.value != nullptr) {
        std::vector<std::byte> converted(static_cast<std::size_t>(bytes_of(format, operand.shape).value_or(0)));
        to_format(operand.value->bytes().data(), operand.dtype, operand.shape, format, converted.data());
        INGOT_ASSIGN_OR_RETURN(state.constants[i], target_->keep(converted));
        continue;
      }
      INGOT_ASSIGN_OR_RETURN(state.staged_inputs.back(), place(format, operand.shape));
    }
    for (std::size_t i = 0; i < state.outputs.size(); ++i) {
      const Operand& operand = state.outputs[i];
      state.staged_outputs.push_back(kNotStaged);
      if (!operand.present() || options_.combination.outputs[i].is_linear(operand.dtype) || decided_by_data_[i])
        continue;
      INGOT_ASSIGN_OR_RETURN(state.staged_outputs.back(), place(options_.combination.outputs[i], operand.shape));
    }
    state.workspace_bytes = end == 0 ? 0 : end + kAlignment;  // the engine aligns to less
    return Status::ok();
  }

  Status point_input(State& state, const LaunchArgs& args, std::byte* base, std::size_t i) const {
    ingot_plugin_tensor& tensor = state.operands.inputs()[i];
    const Operand& operand = state.inputs[i];
    tensor.data = const_cast<void*>(args.inputs[i]);
    if (state.constants[i] != nullptr) tensor.data = state.constants[i].get();
    if (state.staged_inputs[i] == kNotStaged) return Status::ok();
    tensor.data = base + state.staged_inputs[i];
    return target_->to_format(args.inputs[i], operand.dtype, operand.shape, options_.combination.inputs[i],
                              tensor.data);
  }

  // An output that must be an input's memory starts as a copy of it, so the caller's input stays as it is.
  Status share_memory(State& state) const {
    for (std::size_t i = 0; i < state.outputs.size(); ++i) {
      const std::int32_t input = op().api.alias != nullptr ? op().api.alias(op().api.user, instance_->get(), i) : -1;
      if (input < 0 || static_cast<std::size_t>(input) >= state.inputs.size()) continue;
      ingot_plugin_tensor& from = state.operands.inputs()[static_cast<std::size_t>(input)];
      const ingot_plugin_tensor& to = state.operands.outputs()[i];
      const Format& format = options_.combination.outputs[i];
      if (from.data == nullptr || to.data == nullptr || from.data == to.data) continue;
      const auto bytes = static_cast<std::size_t>(bytes_of(format, state.outputs[i].shape).value_or(0));
      INGOT_RETURN_IF_ERROR(target_->copy(to.data, from.data, bytes));
      from.data = to.data;
    }
    return Status::ok();
  }

  Status run(State& state, const LaunchArgs& args, std::byte* workspace, bool guarded) const {
    LaunchHost host{&args, &state, {}};
    ingot_plugin_launch api{};
    api.size = sizeof(api);
    api.inputs = state.operands.inputs().data();
    api.input_count = state.inputs.size();
    api.outputs = state.operands.outputs().data();
    api.output_count = state.outputs.size();
    api.device = target_->device();
    api.device_index = target_->ordinal();
    api.stream = target_->stream();
    if (state.loan != nullptr) {
      INGOT_RETURN_IF_ERROR(state.loan->bind(api.stream));
      api.cuda = state.loan->api();
    }
    api.workspace = state.own_workspace > 0 ? workspace : nullptr;
    api.workspace_size = state.own_workspace;
    api.host = &host;
    api.allocate_output = allocate_output;
    api.threads = args.parallel != nullptr ? args.parallel->threads() : 1;
    api.parallel = parallel_for;
    const ingot_plugin_operator& functions = op().api;
    const auto body = [&](ingot_plugin_error* error) {
      return options_.reference ? functions.reference(functions.user, instance_->get(), &api, error)
                                : functions.launch(functions.user, instance_->get(), state.handle, &api, error);
    };
    Status status = guarded ? call_guarded(op(), "launch", body) : call(op(), "launch", body);
    return host.error.is_ok() ? status : host.error;
  }

  // What goes wrong on a device shows later, unless somebody waits for it.
  Status run_and_wait(State& state, const LaunchArgs& args, std::byte* base) const {
    INGOT_RETURN_IF_ERROR(run(state, args, base, true));
    Status status = target_->finish();
    return status.is_ok() ? status : std::move(status).annotate(op().describe());
  }

  Status run_checked(State& state, const LaunchArgs& args) const {
    std::vector<GuardedBuffer> outputs;
    std::vector<void*> real;
    outputs.reserve(state.outputs.size());
    for (std::size_t i = 0; i < state.outputs.size(); ++i) {
      ingot_plugin_tensor& tensor = state.operands.outputs()[i];
      const auto bytes = bytes_of(options_.combination.outputs[i], state.outputs[i].shape).value_or(0);
      outputs.emplace_back(tensor.data != nullptr ? static_cast<std::size_t>(bytes) : 0);
      real.push_back(tensor.data);
      if (tensor.data == nullptr) {
        // An empty output has no memory; a write beyond it shall be caught like any other.
        if (tensor.dtype != 0 && !decided_by_data_[i] && bytes == 0) tensor.data = outputs[i].data();
        continue;
      }
      std::memcpy(outputs[i].data(), tensor.data, outputs[i].size());
      for (ingot_plugin_tensor& input : state.operands.inputs())
        if (input.data == tensor.data) input.data = outputs[i].data();
      tensor.data = outputs[i].data();
    }
    std::vector<std::vector<std::byte>> before;
    for (std::size_t i = 0; i < state.inputs.size(); ++i) before.push_back(bytes_of_input(state, i));
    GuardedBuffer workspace(state.own_workspace);
    INGOT_RETURN_IF_ERROR(run(state, args, workspace.data(), true));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (const std::string damage = outputs[i].damage(); !damage.empty())
        return invalid_argument("{}: it wrote outside of output {} of shape {}: {}", op().describe(), i,
                                to_string(state.outputs[i].shape), damage);
      if (real[i] != nullptr) std::memcpy(real[i], outputs[i].data(), outputs[i].size());
    }
    if (const std::string damage = workspace.damage(); !damage.empty())
      return invalid_argument("{}: it wrote outside of its workspace of {} bytes: {}", op().describe(),
                              state.own_workspace, damage);
    for (std::size_t i = 0; i < before.size(); ++i)
      if (!op().has_flag(INGOT_PLUGIN_MUST_ALIAS) && before[i] != bytes_of_input(state, i))
        return invalid_argument("{}: it wrote into its input {}", op().describe(), i);
    return Status::ok();
  }

  std::vector<std::byte> bytes_of_input(State& state, std::size_t i) const {
    const auto* data = static_cast<const std::byte*>(state.operands.inputs()[i].data);
    if (data == nullptr) return {};
    const auto bytes = bytes_of(options_.combination.inputs[i], state.inputs[i].shape).value_or(0);
    return {data, data + bytes};
  }

  std::shared_ptr<const Target> target_;
  std::unique_ptr<Instance> instance_;
  Attrs attrs_;
  Bounds input_bounds_, output_bounds_;
  KernelOptions options_;
  std::vector<bool> decided_by_data_;
};

}  // namespace

Result<std::vector<InferOutput>> infer_numbers(const Operator& op, const Attrs& attrs, std::span<const Operand> inputs,
                                               std::size_t outputs) {
  std::vector<InferInput> known;
  for (const Operand& operand : inputs) {
    InferInput& input = known.emplace_back();
    input.present = operand.present();
    input.dtype = operand.dtype;
    input.shape = symbolic(operand.shape);
    const HostTensor* value = operand.value.get();
    if (value == nullptr || value->rank() > 1 || value->elements() > kMaxValues || is_float(value->dtype())) continue;
    input.value.emplace();
    for (std::int64_t i = 0; i < value->elements(); ++i) input.value->emplace_back(value->as_int(i));
  }
  int unknown = 0;
  return infer(op, attrs, known, outputs, [&] { return Dim::symbol(fmt::format("data.{}", unknown++)); });
}

Result<std::unique_ptr<Kernel>> make_kernel(const Operator& op, const Problem& problem, KernelOptions options,
                                            std::shared_ptr<const Target> target) {
  if (target == nullptr) target = std::shared_ptr<const Target>(std::shared_ptr<void>(), &host_target());
  if (options.reference && op.api.reference == nullptr) return unsupported("{} declares no reference", op.describe());
  if (options.combination.inputs.size() != problem.inputs.size() ||
      options.combination.outputs.size() != problem.outputs.size())
    return invalid_argument("{}: formats for {} inputs and {} outputs, the problem has {} and {}", op.describe(),
                            options.combination.inputs.size(), options.combination.outputs.size(),
                            problem.inputs.size(), problem.outputs.size());
  std::vector<bool> decided_by_data(problem.outputs.size(), false);
  // It may fail for want of values that only the run has; then nothing is known of the outputs here.
  if (const auto inferred = infer_numbers(op, problem.attrs, problem.inputs, problem.outputs.size());
      inferred.is_ok()) {
    for (std::size_t i = 0; i < problem.outputs.size(); ++i) {
      if (problem.outputs[i].present() && (*inferred)[i].dtype != problem.outputs[i].dtype)
        return incompatible("{}: output {} is {} by its shape rule, the engine was built with {}", op.describe(), i,
                            to_string((*inferred)[i].dtype), to_string(problem.outputs[i].dtype));
      decided_by_data[i] = !concrete((*inferred)[i].shape);
      if (decided_by_data[i] && !options.combination.outputs[i].is_linear(problem.outputs[i].dtype))
        return unsupported("{}: output {}, whose size the data decide, must be {} and linear", op.describe(), i,
                           to_string(problem.outputs[i].dtype));
    }
  }
  INGOT_ASSIGN_OR_RETURN(std::unique_ptr<Instance> instance,
                         Instance::create(op, problem, &options.combination, target->device()));
  return std::unique_ptr<Kernel>(std::make_unique<PluginKernel>(std::move(instance), problem, std::move(options),
                                                                std::move(decided_by_data), std::move(target)));
}

}  // namespace ingot::plugin
