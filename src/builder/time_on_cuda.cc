// SPDX-License-Identifier: Apache-2.0
#include "builder/time_on_cuda.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <random>

namespace ingot::builder {
namespace {

constexpr int kLaunchesPerGraph = 10;
constexpr int kReplays = 4;

// Held by the process that measures on a GPU. Without it (no folder for temporary files) everybody measures at once.
class Turn {
 public:
  explicit Turn(const cuda::Device& device) {
    std::error_code failed;
    const std::filesystem::path folder = std::filesystem::temp_directory_path(failed);
    if (!failed)
      file_ = ::open((folder / ("ingot-gpu-" + device.bus() + ".lock")).c_str(),
                     O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (file_ >= 0) ::flock(file_, LOCK_EX);
  }
  ~Turn() {
    if (file_ >= 0) ::close(file_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  int file_ = -1;
};

// Random values that repeat after some thousand elements: enough to keep the arithmetic honest. Integers are zero:
// always valid as indices.
Result<cuda::DeviceMemory> random_operand(const cuda::Device& device, const cuda::Stream& stream,
                                          const Operand& operand) {
  constexpr std::int64_t kDistinct = 4096;
  const std::int64_t count = element_count(operand.shape).value_or(0);
  const auto bytes = static_cast<std::size_t>(bytes_of(operand.dtype, count).value_or(0));
  INGOT_ASSIGN_OR_RETURN(cuda::DeviceMemory memory, cuda::DeviceMemory::allocate(device, bytes));
  if (!is_float(operand.dtype)) {
    INGOT_RETURN_IF_ERROR(stream.set_bytes(memory.data(), 0, bytes));
    return memory;
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor values, HostTensor::create(operand.dtype, {std::min(kDistinct, count)}));
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (std::int64_t i = 0; i < values.elements(); ++i) values.set_double(i, normal(random));
  INGOT_RETURN_IF_ERROR(stream.copy_to_device(memory.data(), values.bytes().data(), values.bytes().size()));
  INGOT_RETURN_IF_ERROR(stream.synchronize());  // the values live only here
  auto* const begin = static_cast<std::byte*>(memory.data());
  for (std::size_t done = values.bytes().size(); done < bytes; done *= 2)
    INGOT_RETURN_IF_ERROR(stream.copy_on_device(begin + done, begin, std::min(done, bytes - done)));
  return memory;
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

CudaTimer::CudaTimer(const Problem& problem, const DeviceInfo& info, std::size_t workspace_limit)
    : problem_(problem), info_(info), workspace_limit_(workspace_limit) {}

Status CudaTimer::start() {
  if (device_ != nullptr) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(cuda::Device * device, cuda::Device::current());
  INGOT_ASSIGN_OR_RETURN(stream_, cuda::Stream::create(*device));
  inputs_.resize(problem_.inputs.size());
  outputs_.resize(problem_.outputs.size());
  device_ = device;
  return Status::ok();
}

Result<void*> CudaTimer::input(std::size_t index) {
  std::optional<cuda::DeviceMemory>& memory = inputs_[index];
  const Operand& operand = problem_.inputs[index];
  if (!memory && operand.value != nullptr) {
    INGOT_ASSIGN_OR_RETURN(memory, cuda::DeviceMemory::upload(*device_, operand.value->bytes()));
  } else if (!memory) {
    INGOT_ASSIGN_OR_RETURN(memory, random_operand(*device_, *stream_, operand));
  }
  return memory->data();
}

Result<void*> CudaTimer::output(std::size_t index) {
  std::optional<cuda::DeviceMemory>& memory = outputs_[index];
  const Operand& operand = problem_.outputs[index];
  const auto bytes = bytes_of(operand.dtype, element_count(operand.shape).value_or(0)).value_or(0);
  if (!memory) {
    INGOT_ASSIGN_OR_RETURN(memory, cuda::DeviceMemory::allocate(*device_, static_cast<std::size_t>(bytes)));
  }
  return memory->data();
}

Result<double> CudaTimer::time(const Tactic& tactic, const std::string& config) {
  INGOT_RETURN_IF_ERROR(start());
  INGOT_ASSIGN_OR_RETURN(const Packed packed, tactic.prepare(problem_, config, info_));
  std::vector<std::span<const std::byte>> blobs;
  for (const auto& blob : packed.blobs) blobs.emplace_back(blob);
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel, tactic.load(problem_, config, blobs));
  const cuda::DeviceScope scope(*device_, stream_->handle());
  const SymbolValues symbols;
  ConfigureArgs configure;
  configure.inputs = problem_.inputs;
  configure.outputs = problem_.outputs;
  configure.symbols = &symbols;
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<KernelState> state, kernel->configure(configure));
  if (state->workspace_bytes > workspace_limit_)
    return resource_exhausted("needs {} bytes of workspace, allowed are {}", state->workspace_bytes, workspace_limit_);

  std::vector<const void*> inputs(problem_.inputs.size(), nullptr);
  std::vector<void*> outputs(problem_.outputs.size(), nullptr);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Operand& operand = problem_.inputs[i];
    const bool kept = std::find(packed.keep_inputs.begin(), packed.keep_inputs.end(), i) != packed.keep_inputs.end();
    if (!operand.present() || (operand.constant && !kept)) continue;
    INGOT_ASSIGN_OR_RETURN(inputs[i], input(i));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!problem_.outputs[i].present()) continue;
    INGOT_ASSIGN_OR_RETURN(outputs[i], output(i));
  }
  INGOT_ASSIGN_OR_RETURN(const cuda::DeviceMemory workspace,
                         cuda::DeviceMemory::allocate(*device_, state->workspace_bytes));
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<cuda::Stopwatch> watch, cuda::Stopwatch::create(*device_));
  DeviceOutputs allocator(*device_, problem_);
  LaunchArgs args;
  args.inputs = inputs;
  args.outputs = outputs;
  args.workspace = {static_cast<std::byte*>(workspace.data()), state->workspace_bytes};
  args.state = state.get();
  args.allocator = &allocator;
  INGOT_RETURN_IF_ERROR(kernel->launch(args));
  INGOT_RETURN_IF_ERROR(stream_->synchronize());
  const auto launch_all = [&]() -> Status {
    for (int i = 0; i < kLaunchesPerGraph; ++i) INGOT_RETURN_IF_ERROR(kernel->launch(args));
    return Status::ok();
  };
  std::unique_ptr<cuda::CapturedGraph> graph;
  if (!kernel->synchronizes()) {
    INGOT_ASSIGN_OR_RETURN(graph, cuda::CapturedGraph::capture(*device_, *stream_, launch_all));
  }
  const Turn turn(*device_);
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kReplays; ++i) {
    INGOT_RETURN_IF_ERROR(watch->start(*stream_));
    INGOT_RETURN_IF_ERROR(graph != nullptr ? graph->launch(stream_->handle()) : launch_all());
    INGOT_RETURN_IF_ERROR(watch->stop(*stream_));
    INGOT_ASSIGN_OR_RETURN(const double microseconds, watch->microseconds());
    best = std::min(best, microseconds / kLaunchesPerGraph);
  }
  return best;
}

}  // namespace ingot::builder
