// SPDX-License-Identifier: Apache-2.0
// cuda.cpu_fallback: any operator on the host, by the reference evaluator, with copies there and back. Taken only where
// the caller allows it.
#include "backends/cuda/tactics.h"
#include "reference/evaluate.h"

namespace ingot::cuda {
namespace {

struct FallbackState final : KernelState {
  std::vector<Operand> inputs, outputs;
};

class FallbackKernel final : public Kernel {
 public:
  FallbackKernel(const Device& device, const Problem& problem) : device_(device), problem_(problem) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<FallbackState>();
    state->inputs.assign(args.inputs.begin(), args.inputs.end());
    state->outputs.assign(args.outputs.begin(), args.outputs.end());
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const FallbackState&>(*args.state);
    std::vector<HostTensor> copies(state.inputs.size());
    std::vector<const HostTensor*> operands(state.inputs.size(), nullptr);
    for (std::size_t i = 0; i < state.inputs.size(); ++i) {
      const Operand& operand = state.inputs[i];
      if (!operand.present()) continue;
      INGOT_ASSIGN_OR_RETURN(copies[i], HostTensor::create(operand.dtype, operand.shape));
      INGOT_RETURN_IF_ERROR(
          copy_to_host(device_, copies[i].mutable_bytes().data(), args.inputs[i], copies[i].bytes().size()));
      operands[i] = &copies[i];
    }
    std::vector<DType> types;
    for (const Operand& output : problem_.outputs) types.push_back(output.dtype);
    reference::Call call;
    call.op = problem_.kind;
    call.attrs = &problem_.attrs;
    call.inputs = operands;
    call.output_count = types.size();
    call.output_types = types;
    INGOT_ASSIGN_OR_RETURN(const std::vector<HostTensor> results, reference::evaluate(call));
    for (std::size_t i = 0; i < results.size() && i < args.outputs.size(); ++i)
      INGOT_RETURN_IF_ERROR(store(args, state.outputs[i], i, results[i]));
    return Status::ok();
  }

  [[nodiscard]] bool allocates_outputs() const override { return true; }
  [[nodiscard]] bool synchronizes() const override { return true; }

 private:
  Status store(const LaunchArgs& args, const Operand& expected, std::size_t i, const HostTensor& result) const {
    void* to = args.outputs[i];
    if (to == nullptr) {
      if (!expected.present() || args.allocator == nullptr) return Status::ok();
      INGOT_ASSIGN_OR_RETURN(to, args.allocator->allocate(i, result.shape()));
    } else if (result.shape() != expected.shape || result.dtype() != expected.dtype) {
      return internal("output {}: computed {}{}, planned {}{}", i, to_string(result.dtype()), to_string(result.shape()),
                      to_string(expected.dtype), to_string(expected.shape));
    }
    return copy_to_device(device_, to, result.bytes().data(), result.bytes().size());
  }

  const Device& device_;
  Problem problem_;
};

class FallbackTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return kFallback; }
  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    if (!reference::supports(problem.kind)) return Support::no(Refusal::kKind);
    for (const auto* list : {&problem.inputs, &problem.outputs})
      for (const Operand& operand : *list)
        if (operand.dtype == DType::string) return Support::no(Refusal::kDType, "strings");
    return Support::yes();
  }
  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string&,
                                       std::span<const std::span<const std::byte>>) const override {
    INGOT_ASSIGN_OR_RETURN(const Device* device, Device::current());
    return std::unique_ptr<Kernel>(std::make_unique<FallbackKernel>(*device, problem));
  }
  [[nodiscard]] bool is_plain() const override { return true; }
};

}  // namespace

const Tactic& fallback_tactic() {
  static const FallbackTactic tactic;
  return tactic;
}

}  // namespace ingot::cuda
