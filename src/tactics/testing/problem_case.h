// SPDX-License-Identifier: Apache-2.0
// A line of tests/suites as a test case of tactics: the problem, random operands, the reference evaluator's results,
// and the comparison with them. For tests of every backend.
#pragma once

#include <string>
#include <vector>

#include "tactics/tactic.h"

namespace ingot::testing_tools {

// The problems of a file of tests/suites; empty lines and comments left out.
std::vector<std::string> suite_lines(const std::string& file);
// "12_Conv": the name of a parameterised test.
std::string suite_test_name(std::size_t index, const std::string& line);

// Operands and results for one set of sizes.
struct CaseData {
  std::vector<Operand> inputs, outputs;
  std::vector<TensorPtr> values;  // of inputs, null where absent
  std::vector<HostTensor> expected;
};

class ProblemCase {
 public:
  // Marks ahead of the problem: "!" puts NaN and infinities among the inputs; "~" says that only the plain tactic of
  // the CPU solves it. Operands follow from the text and from INGOT_TEST_SEED, a number in the environment.
  explicit ProblemCase(std::string_view text);
  [[nodiscard]] const Status& status() const { return status_; }
  [[nodiscard]] const Problem& problem() const { return problem_; }  // constants have values
  [[nodiscard]] bool plain_only() const { return plain_only_; }
  [[nodiscard]] std::string describe() const;

  // With the leading dimension of the operands that share it multiplied.
  [[nodiscard]] Result<CaseData> data(std::int64_t leading_factor = 1) const;

 private:
  std::string text_;
  bool special_ = false, plain_only_ = false;
  unsigned seed_ = 0;
  Problem problem_;
  Status status_;
};

// A kernel as the runtime has it: blobs in aligned memory, without the constants that were packed away.
struct LoadedKernel {
  Packed packed;
  std::vector<HostTensor> blobs;
  std::unique_ptr<Kernel> kernel;

  // Whether an operand is there at run time.
  [[nodiscard]] bool has(const std::vector<Operand>& inputs, std::size_t i) const;
  // Those operands; absent ones in place of the others.
  [[nodiscard]] std::vector<Operand> operands(std::vector<Operand> inputs) const;
};
Result<LoadedKernel> load(const Tactic& tactic, const Problem& problem, const std::string& config,
                          const DeviceInfo& device);

// Errors that pass: a part of the value, and a part of the root mean square of all values.
struct Tolerance {
  double relative = 0, of_rms = 0;
};
// Reports differences as test failures, the first few only. Integers must be equal.
void compare(const HostTensor& expected, const std::byte* got, std::size_t output, const Tolerance& tolerance);

}  // namespace ingot::testing_tools
