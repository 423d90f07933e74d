// SPDX-License-Identifier: Apache-2.0
// Instructions of an expression that one block operation does together, with the same results: bytes that become
// numbers on their way from memory, and the rounding to bytes at the end.
#pragma once

#include <vector>

#include "backends/cpu/kernels/vector_ops.h"

namespace ingot::cpu {

// Operands of an instruction. (Of src/expr this folder uses headers alone.)
int arity_of_instr(const ExprInstr& instr);

struct FusedInstrs {
  BlockOp op = nullptr;
  std::vector<ExprArg> args;
  bool adds_zero = false;  // behind the first argument stands the constant 0
  bool stores = false;     // writes bytes as they are in memory
};

class ExprFusion {
 public:
  explicit ExprFusion(const Expr& expr);

  // What stands in place of instruction i; nullptr where it stands for itself.
  [[nodiscard]] const FusedInstrs* at(std::size_t i) const { return fused_[i].op != nullptr ? &fused_[i] : nullptr; }
  // Part of a later one.
  [[nodiscard]] bool is_inner(std::size_t i) const { return inner_[i]; }
  // Whether only such operations read input i: as bytes.
  [[nodiscard]] bool reads_bytes(std::size_t input) const { return reads_bytes_[input]; }

 private:
  [[nodiscard]] const ExprInstr* instr(ExprArg arg) const;
  // The instruction of that operation and f32 results that `arg` is, if nothing else uses it.
  [[nodiscard]] const ExprInstr* only(ExprArg arg, ExprOp op) const;
  [[nodiscard]] bool is_widening(ExprArg arg) const;
  void fuse_dequantization(std::size_t i);
  void fuse_quantization();

  const Expr& expr_;
  std::vector<int> uses_;
  std::vector<FusedInstrs> fused_;
  std::vector<bool> inner_, reads_bytes_;
};

}  // namespace ingot::cpu
