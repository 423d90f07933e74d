// SPDX-License-Identifier: Apache-2.0
// What an integer product keeps per column, as a blob of the plan: sums and zero points of its weights, a bias, and the
// stages of its epilogue.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "backends/cpu/kernels/expr_vector.h"
#include "backends/cpu/kernels/int8_conv.h"
#include "backends/cpu/requantise_form.h"
#include "tactics/tactic.h"

namespace ingot::cpu {

class Int8Parameters {
 public:
  // form: none when a program does the epilogue. sums: int8_padded_columns(columns) of them. wide_weights: they are
  // packed as more than bytes.
  static std::vector<std::byte> write(std::int64_t columns, std::span<const std::int32_t> sums,
                                      std::span<const std::int32_t> zeros, bool wide_weights,
                                      const std::optional<RequantiseForm>& form);
  // Checks the blob against the problem. It must outlive the result.
  static Result<Int8Parameters> read(const Problem& problem, std::int64_t columns, std::span<const std::byte> blob);

  [[nodiscard]] bool needs_program() const { return needs_program_; }
  [[nodiscard]] bool wide_weights() const { return wide_weights_; }
  [[nodiscard]] const std::int32_t* sums() const { return sums_; }
  [[nodiscard]] const std::int32_t* zeros() const { return zeros_; }  // null: all 0
  [[nodiscard]] const std::int32_t* bias() const { return bias_; }    // null: none
  // Their residuals are set for each launch: stage i adds input residual_input(i), if that is not negative.
  [[nodiscard]] std::span<const Int8Stage> stages() const { return stages_; }
  [[nodiscard]] int residual_input(std::size_t stage) const { return residuals_[stage]; }

 private:
  bool needs_program_ = false, wide_weights_ = false;
  const std::int32_t* sums_ = nullptr;
  const std::int32_t* zeros_ = nullptr;
  const std::int32_t* bias_ = nullptr;
  std::vector<Int8Stage> stages_;
  std::vector<int> residuals_;
};

// The epilogue over i32 sums; null when there is none.
Result<std::unique_ptr<const VectorProgram>> int8_program(const Problem& problem);

}  // namespace ingot::cpu
