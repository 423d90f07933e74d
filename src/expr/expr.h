// SPDX-License-Identifier: Apache-2.0
// Expr: one pointwise expression program, the only form of elementwise work in the engine.
//
// A program has `input_types().size()` inputs x0, x1, ... and a list of instructions t0, t1, ... each of which yields
// one typed scalar per element; the last instruction (or an input, when there is none) is the result. Alone it is the
// attribute "expr" of a Pointwise node, whose operands broadcast as in ONNX. Attached to a convolution, matrix product,
// reduction or normalisation it is that step's epilogue: x0 is then the step's own result and x1... are extra operands
// that broadcast to it.
//
// Text form, the contract for plans, problems and caches:
//   (x0:f32, x1:f32) { t0 = add(x0, x1); t1 = const<f32>(0.5); t2 = mul(t0, t1) }      cast<i64>(x0) converts.
// A program is immutable after build; instructions refer only backwards, so it cannot loop.
//
// Semantics: each instruction rounds to its type (f16 and bf16 too); hardsigmoid and hardswish are ONNX's with
// alpha = 1/6, beta = 1/2; gelu is the erf form, gelu_tanh the tanh approximation; clamp(x, lo, hi) = min(max(x, lo),
// hi); prelu(x, slope); fma(a, b, c) = a * b + c; round is to nearest even; min and max return NaN if either is NaN.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/dtype.h"

namespace ingot {

enum class ExprOp : std::uint8_t {
#define X(name, arity, cls) k_##name,
#include "expr/expr_ops.inc"
#undef X
  kConst,  // imm
  kCast,   // 1 operand, to the instruction's type
};

int arity_of(ExprOp op);    // operands; 0 for kConst, 1 for kCast
char class_of(ExprOp op);   // as in expr_ops.inc; 'k' for kConst, 'x' for kCast
char domain_of(ExprOp op);  // operands: 'f' floating, 'i' integer, 'n' either of these, '*' boolean as well
std::string_view to_string(ExprOp op);

// An operand: >= 0 is instruction t<n>, < 0 is input x<-n-1>.
using ExprArg = std::int32_t;
constexpr ExprArg expr_input(int index) { return -index - 1; }

struct ExprInstr {
  ExprOp op = ExprOp::kConst;
  DType type = DType::undefined;  // of the result
  ExprArg args[3] = {0, 0, 0};
  double imm = 0;                                                  // kConst: value of a floating or boolean constant
  std::int64_t imm_int = 0;                                        // kConst: value of an integer constant
  friend bool operator==(const ExprInstr& a, const ExprInstr& b);  // imm by bit pattern
};

class Expr {
 public:
  Expr() = default;
  explicit Expr(std::vector<DType> input_types) : input_types_(std::move(input_types)) {}
  static Result<Expr> parse(std::string_view text);

  // Appends an instruction and returns its operand number. The types must fit (validate() tells); the caller is
  // trusted. Constants are rounded to their type.
  ExprArg add(ExprOp op, DType type, std::span<const ExprArg> args);
  ExprArg add_const(DType type, double value);
  ExprArg add_const_int(DType type, std::int64_t value);
  ExprArg append(const ExprInstr& instr);
  int add_input(DType type);

  [[nodiscard]] const std::vector<DType>& input_types() const { return input_types_; }
  [[nodiscard]] const std::vector<ExprInstr>& instrs() const { return instrs_; }
  [[nodiscard]] DType result_type() const;
  [[nodiscard]] DType type_of(ExprArg arg) const;
  // True for a program that returns x0 unchanged.
  [[nodiscard]] bool is_identity() const { return instrs_.empty() && !input_types_.empty(); }
  [[nodiscard]] std::string to_string() const;
  // Checks arity, operand order and types; what parse() and the plan loader call.
  [[nodiscard]] Status validate() const;

  // The program that first runs `producer` and then this one with input `input` replaced by the producer's result.
  // The inputs of the result: this program's inputs without `input`, in place the producer's inputs (in order).
  [[nodiscard]] Expr compose(int input, const Expr& producer) const;
  // Removes instructions that the result does not need, merges equal ones and equal inputs are NOT merged (operands are
  // the caller's); folds constants that all operands know.
  [[nodiscard]] Expr simplified() const;

  // Evaluates one element in double (integers exactly): the oracle. inputs[i] is a value of input type i.
  struct Scalar {
    double f = 0;
    std::int64_t i = 0;  // integers and booleans
  };
  [[nodiscard]] Scalar evaluate(std::span<const Scalar> inputs) const;

  friend bool operator==(const Expr&, const Expr&) = default;

 private:
  static constexpr std::size_t kMaxInstrs = 1 << 16;

  std::vector<DType> input_types_;
  std::vector<ExprInstr> instrs_;
};

}  // namespace ingot
