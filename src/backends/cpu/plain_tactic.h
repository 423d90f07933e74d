// SPDX-License-Identifier: Apache-2.0
// PlainKernel and PlainTactic: any operator by the reference evaluator, for memory that the host can read or, in a
// derived class, for a device's, which is copied. Launches allocate.
#pragma once

#include "tactics/tactic.h"

namespace ingot::cpu {

class PlainKernel : public Kernel {
 public:
  explicit PlainKernel(const Problem& problem);

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const final;
  Status launch(const LaunchArgs& args) const final;
  [[nodiscard]] bool allocates_outputs() const final { return true; }

 protected:
  // The operand that lies at `from`, in host memory: here a view of it.
  [[nodiscard]] virtual Result<HostTensor> read(const Operand& operand, const void* from) const;
  // A result's bytes to the memory of its output.
  virtual Status write(void* to, std::span<const std::byte> bytes) const;

 private:
  Status store(const LaunchArgs& args, const Operand& expected, std::size_t i, const HostTensor& result) const;

  std::string kind_;
  Attrs attrs_;
  std::vector<DType> output_types_;
};

// Supports whatever the reference evaluator knows, strings excepted: these are the runtime's own.
class PlainTactic : public Tactic {
 public:
  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo& device) const final;
  [[nodiscard]] bool is_plain() const final { return true; }
};

}  // namespace ingot::cpu
