// SPDX-License-Identifier: Apache-2.0
// cuda.cpu_fallback: any operator on the host, by the reference evaluator, with copies there and back.
#include "backends/cpu/plain_tactic.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

class FallbackKernel final : public cpu::PlainKernel {
 public:
  FallbackKernel(const Device& device, const Problem& problem) : PlainKernel(problem), device_(device) {}

  [[nodiscard]] bool synchronizes() const override { return true; }

 private:
  [[nodiscard]] Result<HostTensor> read(const Operand& operand, const void* from) const override {
    INGOT_ASSIGN_OR_RETURN(HostTensor copy, HostTensor::create(operand.dtype, operand.shape));
    INGOT_RETURN_IF_ERROR(copy_to_host(device_, copy.mutable_bytes().data(), from, copy.bytes().size()));
    return copy;
  }
  Status write(void* to, std::span<const std::byte> bytes) const override {
    return copy_to_device(device_, to, bytes.data(), bytes.size());
  }

  const Device& device_;
};

class FallbackTactic final : public cpu::PlainTactic {
 public:
  [[nodiscard]] std::string_view id() const override { return kFallback; }
  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string&,
                                       std::span<const std::span<const std::byte>>) const override {
    INGOT_ASSIGN_OR_RETURN(const Device* device, Device::current());
    return std::unique_ptr<Kernel>(std::make_unique<FallbackKernel>(*device, problem));
  }
  [[nodiscard]] bool leaves_device() const override { return true; }
};

}  // namespace

const Tactic& fallback_tactic() {
  static const FallbackTactic tactic;
  return tactic;
}

}  // namespace ingot::cuda
