// SPDX-License-Identifier: Apache-2.0
// Runs a tactic on one problem with random operands and compares with the reference evaluator. For tests.
#pragma once

#include <string>
#include <vector>

#include "tactics/tactic.h"

namespace ingot::cpu::testing_tools {

class Case {
 public:
  explicit Case(std::string_view text);
  [[nodiscard]] const Status& status() const { return status_; }
  [[nodiscard]] const Problem& problem() const { return problem_; }
  [[nodiscard]] std::string describe() const;

  // Prepares, loads, configures and launches with 1 and 2 threads, in place where the kernel can, and at another size
  // of the leading dimension; reports differences as test failures.
  void check(const Tactic& tactic, const std::string& config, const DeviceInfo& device) const;

 private:
  struct Data {
    std::vector<Operand> inputs, outputs;
    std::vector<TensorPtr> values;  // of inputs, null where absent
    std::vector<HostTensor> expected;
  };
  Status make_data(Data& data, std::int64_t leading_factor) const;
  void launch(const Tactic& tactic, const Kernel& kernel, const Packed& packed, const Data& data, int threads,
              bool in_place) const;
  void compare(const HostTensor& expected, const std::byte* got, std::size_t output, double tolerance) const;
  [[nodiscard]] double reduction_length() const;

  std::string text_;
  bool special_ = false;
  unsigned seed_ = 0;
  Problem problem_;
  Data data_;
  Status status_;
};

// Counts the allocations of this process while it exists.
class AllocationCount {
 public:
  AllocationCount();
  [[nodiscard]] long taken() const;

 private:
  long start_;
};

}  // namespace ingot::cpu::testing_tools
