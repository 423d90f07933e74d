// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/cuda_tactic.h"

#include <algorithm>

#include "backends/cuda/compiler.h"
#include "backends/cuda/dynamic_run.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

// A value or two that live across a kernel cost nothing; more means that a loop goes through memory.
constexpr int kSpillLimit = 16;

struct CudaState final : KernelState {
  std::vector<BoundLaunch> launches;
  DeviceMemory data;
  std::vector<Operand> inputs, outputs;  // of a kernel that plans in every run
};

bool any_elements(std::span<const Operand> operands) {
  return std::any_of(operands.begin(), operands.end(), [](const Operand& o) { return elements_of(o) != 0; });
}

class CudaKernel final : public Kernel {
 public:
  CudaKernel(const Device& device, const Family& family, Problem problem, std::string config,
             std::vector<std::shared_ptr<const Module>> modules, std::vector<DeviceMemory> weights)
      : device_(device),
        family_(family),
        problem_(std::move(problem)),
        config_(std::move(config)),
        modules_(std::move(modules)),
        weights_(std::move(weights)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<CudaState>();
    if (synchronizes()) {
      state->inputs.assign(args.inputs.begin(), args.inputs.end());
      state->outputs.assign(args.outputs.begin(), args.outputs.end());
      return std::unique_ptr<KernelState>(std::move(state));
    }
    // Nothing to write: no kernel sees an empty output.
    if (!any_elements(args.outputs)) return std::unique_ptr<KernelState>(std::move(state));
    INGOT_ASSIGN_OR_RETURN(LaunchPlan plan, family_.plan({problem_, config_, args.inputs, args.outputs,
                                                          device_.multiprocessors(), args.symbols}));
    state->workspace_bytes = plan.workspace_bytes;
    if (!plan.data.empty()) {
      INGOT_ASSIGN_OR_RETURN(state->data, DeviceMemory::upload(device_, plan.data));
    }
    INGOT_ASSIGN_OR_RETURN(state->launches, bind_launches(std::move(plan.launches), modules_));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    auto& state = static_cast<CudaState&>(*args.state);
    if (synchronizes()) {
      DynamicRun run(device_, {problem_, config_, state.inputs, state.outputs, device_.multiprocessors(), nullptr},
                     modules_, weights_, args);
      return run.run(family_);
    }
    const LaunchPlaces places{args.inputs, args.outputs, weights_, args.workspace.data(), state.data.data()};
    return enqueue(device_, state.launches, places);
  }

  [[nodiscard]] bool synchronizes() const override {
    if (family_.run_of != nullptr && family_.run_of(problem_) != nullptr) return true;
    if (family_.host_inputs == nullptr) return false;
    const std::vector<std::size_t> needed = family_.host_inputs(problem_);
    return std::any_of(needed.begin(), needed.end(),
                       [&](std::size_t i) { return problem_.has_input(i) && !problem_.inputs[i].constant; });
  }
  [[nodiscard]] bool allocates_outputs() const override { return synchronizes(); }

  [[nodiscard]] int in_place_input() const override {
    return family_.in_place == nullptr ? -1 : family_.in_place(problem_);
  }

 private:
  const Device& device_;
  const Family& family_;
  Problem problem_;
  std::string config_;
  std::vector<std::shared_ptr<const Module>> modules_;
  std::vector<DeviceMemory> weights_;
};

}  // namespace

PlannedLaunch& PlannedLaunch::cover(std::int64_t units, std::int64_t limit) {
  block = {256, 1, 1};
  grid = {static_cast<unsigned>(std::min<std::int64_t>((units + 255) / 256, limit)), 1, 1};
  return *this;
}

Result<std::string> arch_of(const DeviceInfo& device) {
  for (const std::string& feature : device.features)
    if (feature.starts_with("sm_")) return feature;
  return invalid_argument("device '{}' states no architecture", device.name);
}

std::int64_t elements_of(const Operand& operand) { return element_count(operand.shape).value_or(0); }

Support CudaTactic::supports(const Problem& problem, const DeviceInfo& device) const {
  if (std::find(family_.kinds.begin(), family_.kinds.end(), problem.kind) == family_.kinds.end())
    return Support::no(Refusal::kKind);
  if (!family_.arch.empty() && !device.has(family_.arch)) return Support::no(Refusal::kIsa, std::string(family_.arch));
  // Kernels count units in 32 bits.
  for (const auto* list : {&problem.inputs, &problem.outputs})
    for (const Operand& operand : *list)
      if (operand.present() && elements_of(operand) > std::int64_t{0x7fffffff})
        return Support::no(Refusal::kShape, "more than 2^31 elements");
  Support support = family_.supports(problem);
  if (!support.ok() || family_.host_inputs == nullptr) return support;
  // A general family: only for what no other one takes, except that it alone can read operands in a run.
  for (const std::size_t i : family_.host_inputs(problem))
    if (problem.has_input(i) && !problem.inputs[i].constant) return support;
  for (const Tactic* tactic : tactic_table()) {
    const auto* other = dynamic_cast<const CudaTactic*>(tactic);
    if (other == nullptr || other->family_.host_inputs != nullptr) continue;
    if (other->supports(problem, device).ok()) return Support::no(Refusal::kNotWorthIt, std::string(other->id()));
  }
  return support;
}

std::vector<std::string> CudaTactic::configs(const Problem& problem, const DeviceInfo&) const {
  return family_.configs == nullptr ? std::vector<std::string>{""} : family_.configs(problem);
}

Result<std::vector<std::vector<std::byte>>> CudaTactic::compile(const Problem& problem, const std::string& config,
                                                                const DeviceInfo& device) const {
  INGOT_ASSIGN_OR_RETURN(const std::string arch, arch_of(device));
  INGOT_ASSIGN_OR_RETURN(const std::vector<std::string> sources, family_.sources(problem, config));
  std::vector<std::vector<std::byte>> cubins;
  for (const std::string& source : sources) {
    INGOT_ASSIGN_OR_RETURN(Compiled compiled, cuda::compile(std::string(family_.id), source, arch));
    if (compiled.spill_bytes > kSpillLimit && !config.empty())
      return resource_exhausted("{} '{}' spills {} bytes of registers", family_.id, config, compiled.spill_bytes);
    cubins.push_back(std::move(compiled.cubin));
  }
  return cubins;
}

Result<Packed> CudaTactic::prepare(const Problem& problem, const std::string& config, const DeviceInfo& device) const {
  INGOT_ASSIGN_OR_RETURN(std::vector<std::vector<std::byte>> cubins, compile(problem, config, device));
  Packed packed;
  if (family_.pack_for != nullptr) {
    INGOT_ASSIGN_OR_RETURN(packed, family_.pack_for(problem, config));
  } else if (family_.pack != nullptr) {
    INGOT_ASSIGN_OR_RETURN(packed, family_.pack(problem));
  } else {
    INGOT_ASSIGN_OR_RETURN(packed, Tactic::prepare(problem, config, device));
  }
  std::vector<std::vector<std::byte>> blobs;
  blobs.push_back({static_cast<std::byte>(cubins.size())});
  for (auto& cubin : cubins) blobs.push_back(std::move(cubin));
  for (auto& blob : packed.blobs) blobs.push_back(std::move(blob));
  packed.blobs = std::move(blobs);
  return packed;
}

Result<std::unique_ptr<Kernel>> CudaTactic::load(const Problem& problem, const std::string& config,
                                                 std::span<const std::span<const std::byte>> blobs) const {
  if (blobs.empty() || blobs[0].size() != 1) return corrupt("{}: the packed data have no head", family_.id);
  const auto count = static_cast<std::size_t>(blobs[0][0]);
  if (count + 1 > blobs.size()) return corrupt("{}: {} modules in {} blobs", family_.id, count, blobs.size());
  INGOT_ASSIGN_OR_RETURN(Device * device, Device::current());
  std::vector<std::shared_ptr<const Module>> modules;
  for (std::size_t i = 1; i <= count; ++i) {
    if (blobs[i].empty()) return corrupt("{}: an empty module", family_.id);
    INGOT_ASSIGN_OR_RETURN(std::shared_ptr<const Module> loaded, Module::load(*device, blobs[i]));
    modules.push_back(std::move(loaded));
  }
  std::vector<DeviceMemory> weights;
  for (std::size_t i = count + 1; i < blobs.size(); ++i) {
    INGOT_ASSIGN_OR_RETURN(DeviceMemory memory, DeviceMemory::upload(*device, blobs[i]));
    weights.push_back(std::move(memory));
  }
  return std::unique_ptr<Kernel>(
      std::make_unique<CudaKernel>(*device, family_, problem, config, std::move(modules), std::move(weights)));
}

}  // namespace ingot::cuda
