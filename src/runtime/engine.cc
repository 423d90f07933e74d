// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine.h"

#include <cstring>

#include <fmt/ranges.h>

#include "backends/cpu/cpu_backend.h"
#include "backends/cuda/cuda_backend.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "plan/bounds.h"
#include "plan/reader.h"
#include "plan/strings.h"
#include "runtime/control_flow.h"
#include "runtime/plan_plugins.h"
#include "runtime/step_check.h"

namespace ingot {
namespace {

// Features that a fingerprint "cpu a,b,c l2=..." names.
std::vector<std::string> features_of(std::string_view fingerprint) {
  std::vector<std::string> out;
  const std::size_t begin = fingerprint.find(' ');
  if (begin == std::string_view::npos) return out;
  std::string_view list = fingerprint.substr(begin + 1, fingerprint.find(' ', begin + 1) - begin - 1);
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    out.emplace_back(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return out;
}

Result<std::size_t> find_binding(const plan::Plan& plan, const std::vector<std::int32_t>& ids, std::string_view name,
                                 std::string_view what) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string& candidate = plan.tensors[static_cast<std::size_t>(ids[i])].name;
    if (candidate == name) return i;
    names.push_back("'" + candidate + "'");
  }
  return not_found("the engine has no {} '{}'; it has {}", what, name, fmt::join(names, ", "));
}

}  // namespace

Result<std::shared_ptr<const Engine>> Engine::load_file(const std::string& path, const LoadOptions& options) {
  INGOT_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::open(path));
  auto owner = std::make_shared<MappedFile>(std::move(mapped));
  const std::span<const std::byte> bytes = owner->bytes();
  Result<std::shared_ptr<const Engine>> engine = load(owner, bytes, options);
  if (!engine.is_ok()) return std::move(engine).status().annotate(path);
  return engine;
}

Result<std::shared_ptr<const Engine>> Engine::load_bytes(std::span<const std::byte> bytes, const LoadOptions& options) {
  // 64-byte alignment is part of the format's contract; the caller's memory need not have it.
  INGOT_ASSIGN_OR_RETURN(HostTensor copy, HostTensor::create(DType::u8, {static_cast<std::int64_t>(bytes.size())}));
  if (!bytes.empty()) std::memcpy(copy.mutable_bytes().data(), bytes.data(), bytes.size());
  const TensorPtr owner = share(std::move(copy));
  return load(owner, owner->bytes(), options);
}

Result<std::shared_ptr<const Engine>> Engine::load(std::shared_ptr<const void> owner, std::span<const std::byte> bytes,
                                                   const LoadOptions& options) {
  auto engine = std::make_shared<Engine>();
  engine->owner_ = std::move(owner);
  engine->bytes_ = bytes;
  plan::ReadOptions read_options;
  read_options.verify_blobs = options.verify_weights;
  // Hashing is worth a second thread only where the weights are large.
  constexpr std::size_t kWorthThreads = std::size_t{16} << 20;
  ThreadPool pool(options.verify_weights && bytes.size() > kWorthThreads ? 0 : 1);
  read_options.parallel = &pool;
  INGOT_ASSIGN_OR_RETURN(engine->plan_, plan::read(bytes, read_options));
  const Backend* found = &cpu::backend();
  std::optional<cuda::DeviceScope> scope;
  if (engine->plan_.device_kind == "cuda") {
    INGOT_ASSIGN_OR_RETURN(found, cuda::backend(options.cuda_device));
    INGOT_ASSIGN_OR_RETURN(engine->cuda_device_, cuda::Device::get(options.cuda_device));
    scope.emplace(*engine->cuda_device_);
  }
  const Backend& backend = *found;
  INGOT_RETURN_IF_ERROR(engine->check_device(backend.device()));
  INGOT_RETURN_IF_ERROR(require_plugins(engine->plan_, options.allow_embedded_plugins));
  // Sizes may lie within any profile; the builder writes one.
  if (engine->plan_.profiles.size() == 1)
    for (const plan::ProfileRange& range : engine->plan_.profiles.front())
      plan::add_ranges(engine->tensor(range.input).shape, range.min, range.opt, range.max, engine->ranges_);
  for (const plan::Program& body : engine->plan_.programs) {
    INGOT_ASSIGN_OR_RETURN(LoadedProgram loaded, engine->load_program(body, backend));
    engine->bodies_.push_back(std::move(loaded));
  }
  INGOT_ASSIGN_OR_RETURN(engine->main_, engine->load_program(engine->plan_, backend));
  return std::shared_ptr<const Engine>(std::move(engine));
}

Status Engine::check_device(const DeviceInfo& device) const {
  if (plan_.device_kind != device.kind)
    return incompatible("the plan was built for device '{}', this runtime has '{}'", plan_.device_kind, device.kind);
  std::vector<std::string> missing;
  for (const std::string& feature : features_of(plan_.device_fingerprint))
    if (!device.has(feature)) missing.push_back(feature);
  if (!missing.empty())
    return incompatible(
        "the plan was built on '{}' and needs {}, which this processor ('{}') lacks; build it again here",
        plan_.device_name, fmt::join(missing, ", "), device.name);
  return Status::ok();
}

Result<LoadedProgram> Engine::load_program(const plan::Program& program, const Backend& backend) const {
  LoadedProgram out;
  out.program = &program;
  out.constants.resize(program.tensors.size());
  for (std::size_t i = 0; i < program.tensors.size(); ++i) {
    const plan::Tensor& tensor = program.tensors[i];
    if (tensor.storage != plan::Storage::constant) continue;
    const std::span<const std::byte> bytes = plan_.blobs[static_cast<std::size_t>(tensor.blob)];
    HostTensor value;
    if (tensor.dtype == DType::string) {
      INGOT_ASSIGN_OR_RETURN(value, HostTensor::create(tensor.dtype, *concrete(tensor.shape)));
      INGOT_ASSIGN_OR_RETURN(value.strings(), plan::decode_strings(bytes));
    } else {
      INGOT_ASSIGN_OR_RETURN(value, HostTensor::view(tensor.dtype, *concrete(tensor.shape), bytes, owner_));
    }
    if (cuda_device_ != nullptr && tensor.dtype != DType::string) {
      out.device_constants.resize(program.tensors.size());
      INGOT_ASSIGN_OR_RETURN(out.device_constants[i], cuda::DeviceMemory::upload(*cuda_device_, value.bytes()));
    }
    out.constants[i] = share(std::move(value));
  }
  const DeviceInfo device = backend.device();
  for (const plan::Step& step : program.steps) INGOT_RETURN_IF_ERROR(load_step(step, backend, device, out));
  return out;
}

Status Engine::load_step(const plan::Step& step, const Backend& backend, const DeviceInfo& device,
                         LoadedProgram& out) const {
  const bool control_flow = step.tactic == plan::kControlFlow;
  const bool own = control_flow || step.tactic == plan::kObjectStep;
  const Tactic* tactic = own ? nullptr : backend.find(step.tactic);
  if (!own && tactic == nullptr)
    return incompatible("step '{}' needs tactic '{}', which this build does not have", step.name, step.tactic);
  const int version = own ? plan::kRuntimeStepVersion : tactic->version();
  if (version != step.tactic_version)
    return incompatible(
        "step '{}' was built with version {} of tactic '{}', this build has version {}; build the plan again",
        step.name, step.tactic_version, step.tactic, version);
  Result<Problem> problem = Problem::parse(step.problem);
  if (!problem.is_ok()) return corrupt("step '{}': {}", step.name, problem.status().message());
  if (problem->inputs.size() != step.inputs.size() || problem->outputs.size() != step.outputs.size())
    return corrupt("step '{}': its problem has other operands than the step", step.name);
  out.kernels.emplace_back();
  out.runtime_steps.emplace_back();
  if (own) {
    if (control_flow)
      if (Status status = check_control_flow(*problem, step, plan_); !status.is_ok())
        return std::move(status).annotate(fmt::format("step '{}'", step.name));
    out.runtime_steps.back() = std::make_unique<RuntimeStep>(RuntimeStep{std::move(*problem), control_flow});
    return Status::ok();
  }
  for (std::size_t i = 0; i < step.inputs.size(); ++i)
    if (step.inputs[i] >= 0 && problem->inputs[i].constant) {
      const TensorPtr& value = out.constants[static_cast<std::size_t>(step.inputs[i])];
      if (value == nullptr || value->dtype() != problem->inputs[i].dtype || value->shape() != problem->inputs[i].shape)
        return corrupt("step '{}': constant operand {} differs from its problem", step.name, i);
      problem->inputs[i].value = value;
    }
  if (problem->is_plugin()) plan::add_bounds(step.inputs, step.outputs, out.program->tensors, ranges_, *problem);
  INGOT_RETURN_IF_ERROR(check_step(step, *problem, out.program->tensors, *tactic, device));
  std::vector<std::span<const std::byte>> blobs;
  for (const std::int32_t blob : step.blobs) blobs.push_back(plan_.blobs[static_cast<std::size_t>(blob)]);
  Result<std::unique_ptr<Kernel>> kernel = tactic->load(*problem, step.config, blobs);
  if (!kernel.is_ok())
    return std::move(kernel).status().annotate(fmt::format("step '{}' ({})", step.name, step.tactic));
  if (step.data_dependent && !(*kernel)->allocates_outputs())
    return corrupt("step '{}': {} cannot find the shapes of its outputs", step.name, step.tactic);
  out.kernels.back() = std::move(kernel).value();
  return Status::ok();
}

Result<std::size_t> Engine::find_input(std::string_view name) const {
  return find_binding(plan_, plan_.inputs, name, "input");
}
Result<std::size_t> Engine::find_output(std::string_view name) const {
  return find_binding(plan_, plan_.outputs, name, "output");
}

std::size_t Engine::weight_bytes() const {
  std::size_t total = 0;
  for (const auto& blob : plan_.blobs) total += blob.size();
  return total;
}

}  // namespace ingot
