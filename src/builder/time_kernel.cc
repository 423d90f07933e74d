// SPDX-License-Identifier: Apache-2.0
#include "builder/time_kernel.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <random>

namespace ingot::builder {
namespace {

// Runs until both are reached: enough launches for a minimum, enough time to pass a scheduler's hiccup.
constexpr int kMinLaunches = 3;
constexpr int kMaxLaunches = 50;
constexpr double kMicroseconds = 8000;

Result<HostTensor> random_tensor(const Operand& operand, std::mt19937& random) {
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(operand.dtype, operand.shape));
  std::uniform_real_distribution<float> uniform(-1, 1);
  if (operand.dtype == DType::f32) {
    auto* values = tensor.mutable_data<float>();
    for (std::int64_t i = 0; i < tensor.elements(); ++i) values[i] = uniform(random);
  } else if (is_float(operand.dtype)) {
    for (std::int64_t i = 0; i < tensor.elements(); ++i) tensor.set_double(i, static_cast<double>(uniform(random)));
  }
  return tensor;  // integers stay zero: always valid as indices
}

// In a network the weights come from memory: all the other layers ran since their last use. Where they stay in the
// cache, tactics that blow them up (a Winograd transform does so fourfold) look better than they are.
void evict([[maybe_unused]] std::span<const std::byte> bytes) {
#if defined(__x86_64__)
  constexpr std::size_t kCacheLine = 64;
  for (std::size_t at = 0; at < bytes.size(); at += kCacheLine) __builtin_ia32_clflush(bytes.data() + at);
  __builtin_ia32_mfence();
#endif
}

class HeapOutputs final : public OutputAllocator {
 public:
  explicit HeapOutputs(const Problem& problem) : problem_(problem) {}
  Result<void*> allocate(std::size_t output, const Shape& shape) override {
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(problem_.outputs[output].dtype, shape));
    tensors_.push_back(std::move(tensor));
    return static_cast<void*>(tensors_.back().mutable_bytes().data());
  }

 private:
  const Problem& problem_;
  std::vector<HostTensor> tensors_;
};

}  // namespace

Result<double> time_kernel(const Problem& problem, const Tactic& tactic, const std::string& config,
                           const DeviceInfo& device, Parallel& parallel, std::size_t workspace_limit) {
  INGOT_ASSIGN_OR_RETURN(const Packed packed, tactic.prepare(problem, config, device));
  // Kernels may rely on 64-byte alignment, as in a plan.
  std::vector<HostTensor> blob_memory;
  std::vector<std::span<const std::byte>> blobs;
  for (const auto& blob : packed.blobs) {
    INGOT_ASSIGN_OR_RETURN(HostTensor memory, HostTensor::create(DType::u8, {static_cast<std::int64_t>(blob.size())}));
    std::copy(blob.begin(), blob.end(), memory.mutable_bytes().begin());
    blob_memory.push_back(std::move(memory));
    blobs.push_back(blob_memory.back().bytes());
  }
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel, tactic.load(problem, config, blobs));

  std::mt19937 random(1);
  SymbolValues symbols;
  ConfigureArgs configure;
  configure.inputs = problem.inputs;
  configure.outputs = problem.outputs;
  configure.symbols = &symbols;
  configure.threads = parallel.threads();
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<KernelState> state, kernel->configure(configure));
  if (state->workspace_bytes > workspace_limit)
    return resource_exhausted("needs {} bytes of workspace, allowed are {}", state->workspace_bytes, workspace_limit);

  std::vector<HostTensor> memory;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (const Operand& operand : problem.inputs) {
    if (!operand.present()) {
      inputs.push_back(nullptr);
    } else if (operand.constant && operand.value != nullptr) {
      inputs.push_back(operand.value->bytes().data());
    } else {
      INGOT_ASSIGN_OR_RETURN(HostTensor tensor, random_tensor(operand, random));
      memory.push_back(std::move(tensor));
      inputs.push_back(memory.back().bytes().data());
    }
  }
  for (const Operand& operand : problem.outputs) {
    if (!operand.present()) {
      outputs.push_back(nullptr);
      continue;
    }
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(operand.dtype, operand.shape));
    memory.push_back(std::move(tensor));
    outputs.push_back(memory.back().mutable_bytes().data());
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor workspace,
                         HostTensor::create(DType::u8, {static_cast<std::int64_t>(state->workspace_bytes)}));
  HeapOutputs allocator(problem);
  LaunchArgs args;
  args.inputs = inputs;
  args.outputs = outputs;
  args.workspace = workspace.mutable_bytes();
  args.state = state.get();
  args.parallel = &parallel;
  args.allocator = &allocator;

  double best = std::numeric_limits<double>::infinity();
  double total = 0;
  for (int launch = 0; launch < kMaxLaunches && (launch < kMinLaunches || total < kMicroseconds); ++launch) {
    for (const auto& blob : blobs) evict(blob);
    const auto start = std::chrono::steady_clock::now();
    INGOT_RETURN_IF_ERROR(kernel->launch(args));
    const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, spent.count());
    total += spent.count();
  }
  return best;
}

}  // namespace ingot::builder
