// SPDX-License-Identifier: Apache-2.0
// EpilogueForm: the epilogue of a problem as what kernels take: their built-in residual and clamp where the expression
// is that, otherwise a row program.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "backends/cpu/kernels/epilogue.h"
#include "backends/cpu/kernels/expr_vector.h"
#include "backends/cpu/kernels/row_program.h"
#include "tactics/tactic.h"

namespace ingot::cpu {

class EpilogueForm {
 public:
  // Of an operator with f32 results. Fails when the epilogue cannot be evaluated here.
  static Result<EpilogueForm> make(const Problem& problem);
  // The same for another expression over x0 and the problem's epilogue operands.
  static Result<EpilogueForm> make(const Problem& problem, const Expr& expr);

  // Whether the epilogue's operands broadcast to the output; bind() and bind_rows() rely on it.
  [[nodiscard]] Status check(std::string_view kind, std::span<const Operand> inputs, const Shape& out) const;

  // What holds for one set of shapes. Belongs to the KernelState; refers to the form.
  struct Bound {
    std::optional<RowProgram> rows;
    int residual = -1, bias = -1, row_bias = -1;  // input indices
    std::int64_t residual_stride = 0;
    float clamp_min = -std::numeric_limits<float>::infinity();
    float clamp_max = std::numeric_limits<float>::infinity();
  };
  // bias_taken: the operator itself uses the bias of the kernel.
  [[nodiscard]] Bound bind(std::span<const Operand> inputs, const Shape& out, bool bias_taken) const;

  // For operators without built-in steps: everything as a row program.
  [[nodiscard]] std::optional<RowProgram> bind_rows(std::span<const Operand> inputs, const Shape& out) const;
  // Applies it to elements [begin, end) of a finished output with that many columns.
  void apply_rows(const std::optional<RowProgram>& rows, std::span<const void* const> inputs, float* out,
                  std::int64_t columns, std::int64_t begin, std::int64_t end) const;

  // Completes `epilogue` for a launch; `call` must live as long as it.
  void apply(const Bound& bound, std::span<const void* const> inputs, RowProgram::Call& call, Epilogue& epilogue) const;

  [[nodiscard]] bool is_identity() const { return identity_; }
  // A clamp with at most one operand added: what libraries fuse too.
  [[nodiscard]] bool is_simple() const { return simple_; }
  [[nodiscard]] int added_input() const { return added_; }
  [[nodiscard]] float clamp_min() const { return clamp_min_; }
  [[nodiscard]] float clamp_max() const { return clamp_max_; }

 private:
  bool recognise(const Expr& expr);
  bool recognise_step(const Expr& expr, const ExprInstr& instr, ExprArg current);

  std::size_t first_ = 0;  // index of the first epilogue input
  bool identity_ = true, simple_ = true;
  int added_ = -1;  // input index of the added operand
  float clamp_min_ = -std::numeric_limits<float>::infinity();
  float clamp_max_ = std::numeric_limits<float>::infinity();
  std::unique_ptr<const VectorProgram> program_;  // null for the identity
};

}  // namespace ingot::cpu
