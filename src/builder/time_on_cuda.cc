// SPDX-License-Identifier: Apache-2.0
#include "builder/time_on_cuda.h"

#include <algorithm>
#include <limits>
#include <map>
#include <random>

#include "backends/cuda/device.h"

namespace ingot::builder {
namespace {

constexpr int kLaunchesPerGraph = 10;
constexpr int kReplays = 4;

// Random values repeat after some thousand elements: enough to keep the arithmetic honest.
Result<HostTensor> random_tensor(const Operand& operand, std::mt19937& random) {
  constexpr std::int64_t kDistinct = 4099;
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(operand.dtype, operand.shape));
  if (!is_float(operand.dtype)) return tensor;  // integers stay zero: always valid as indices
  std::normal_distribution<double> normal;
  for (std::int64_t i = 0; i < std::min(kDistinct, tensor.elements()); ++i) tensor.set_double(i, normal(random));
  const std::span<std::byte> bytes = tensor.mutable_bytes();
  const auto period = static_cast<std::size_t>(kDistinct * bits_of(operand.dtype) / 8);
  for (std::size_t i = period; i < bytes.size(); ++i) bytes[i] = bytes[i - period];
  return tensor;
}

class DeviceOutputs final : public OutputAllocator {
 public:
  DeviceOutputs(const cuda::Device& device, const Problem& problem) : device_(device), problem_(problem) {}
  Result<void*> allocate(std::size_t output, const Shape& shape) override {
    const auto bytes = bytes_of(problem_.outputs[output].dtype, element_count(shape).value_or(0)).value_or(0);
    INGOT_ASSIGN_OR_RETURN(memory_[output], cuda::DeviceMemory::allocate(
                                                device_, static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1))));
    return memory_[output].data();
  }

 private:
  const cuda::Device& device_;
  const Problem& problem_;
  std::map<std::size_t, cuda::DeviceMemory> memory_;
};

}  // namespace

Result<double> time_on_cuda(const Problem& problem, const Tactic& tactic, const std::string& config,
                            const DeviceInfo& info, std::size_t workspace_limit) {
  INGOT_ASSIGN_OR_RETURN(cuda::Device * device, cuda::Device::current());
  INGOT_ASSIGN_OR_RETURN(const Packed packed, tactic.prepare(problem, config, info));
  std::vector<std::span<const std::byte>> blobs;
  for (const auto& blob : packed.blobs) blobs.emplace_back(blob);
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel, tactic.load(problem, config, blobs));
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<cuda::Stream> stream, cuda::Stream::create(*device));
  const cuda::DeviceScope scope(*device, stream->handle());
  const SymbolValues symbols;
  ConfigureArgs configure;
  configure.inputs = problem.inputs;
  configure.outputs = problem.outputs;
  configure.symbols = &symbols;
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<KernelState> state, kernel->configure(configure));
  if (state->workspace_bytes > workspace_limit)
    return resource_exhausted("needs {} bytes of workspace, allowed are {}", state->workspace_bytes, workspace_limit);

  std::mt19937 random(1);
  std::vector<cuda::DeviceMemory> memory;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (std::size_t i = 0; i < problem.inputs.size(); ++i) {
    const Operand& operand = problem.inputs[i];
    const bool kept = std::find(packed.keep_inputs.begin(), packed.keep_inputs.end(), i) != packed.keep_inputs.end();
    inputs.push_back(nullptr);
    if (!operand.present() || (operand.constant && !kept)) continue;
    HostTensor values;
    if (operand.value == nullptr) {
      INGOT_ASSIGN_OR_RETURN(values, random_tensor(operand, random));
    }
    INGOT_ASSIGN_OR_RETURN(
        cuda::DeviceMemory on_device,
        cuda::DeviceMemory::upload(*device, operand.value != nullptr ? operand.value->bytes() : values.bytes()));
    inputs.back() = on_device.data();
    memory.push_back(std::move(on_device));
  }
  for (const Operand& operand : problem.outputs) {
    outputs.push_back(nullptr);
    if (!operand.present()) continue;
    const std::int64_t count = element_count(operand.shape).value_or(0);
    INGOT_ASSIGN_OR_RETURN(
        cuda::DeviceMemory on_device,
        cuda::DeviceMemory::allocate(*device, static_cast<std::size_t>(bytes_of(operand.dtype, count).value_or(0))));
    outputs.back() = on_device.data();
    memory.push_back(std::move(on_device));
  }
  INGOT_ASSIGN_OR_RETURN(const cuda::DeviceMemory workspace,
                         cuda::DeviceMemory::allocate(*device, state->workspace_bytes));
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<cuda::Stopwatch> watch, cuda::Stopwatch::create(*device));
  DeviceOutputs allocator(*device, problem);
  LaunchArgs args;
  args.inputs = inputs;
  args.outputs = outputs;
  args.workspace = {static_cast<std::byte*>(workspace.data()), state->workspace_bytes};
  args.state = state.get();
  args.allocator = &allocator;
  INGOT_RETURN_IF_ERROR(kernel->launch(args));
  INGOT_RETURN_IF_ERROR(stream->synchronize());
  const auto launch_all = [&]() -> Status {
    for (int i = 0; i < kLaunchesPerGraph; ++i) INGOT_RETURN_IF_ERROR(kernel->launch(args));
    return Status::ok();
  };
  std::unique_ptr<cuda::CapturedGraph> graph;
  if (!kernel->synchronizes()) {
    INGOT_ASSIGN_OR_RETURN(graph, cuda::CapturedGraph::capture(*device, *stream, launch_all));
  }
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kReplays; ++i) {
    INGOT_RETURN_IF_ERROR(watch->start(*stream));
    INGOT_RETURN_IF_ERROR(graph != nullptr ? graph->launch(stream->handle()) : launch_all());
    INGOT_RETURN_IF_ERROR(watch->stop(*stream));
    INGOT_ASSIGN_OR_RETURN(const double microseconds, watch->microseconds());
    best = std::min(best, microseconds / kLaunchesPerGraph);
  }
  return best;
}

}  // namespace ingot::builder
