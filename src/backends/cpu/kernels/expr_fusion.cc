// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/expr_fusion.h"

#include <limits>
#include <utility>

namespace ingot::cpu {
namespace {

std::size_t input_of(ExprArg arg) { return static_cast<std::size_t>(-arg - 1); }

}  // namespace

int arity_of_instr(const ExprInstr& instr) {
  switch (instr.op) {
    case ExprOp::kConst: return 0;
    case ExprOp::kCast: return 1;
#define X(name, arity, cls) \
  case ExprOp::k_##name:    \
    return arity;
#include "expr/expr_ops.inc"
#undef X
  }
  return 0;
}

ExprFusion::ExprFusion(const Expr& expr)
    : expr_(expr),
      uses_(expr.instrs().size(), 0),
      fused_(expr.instrs().size()),
      inner_(expr.instrs().size(), false),
      reads_bytes_(expr.input_types().size(), true) {
  for (std::size_t i = 0; i < reads_bytes_.size(); ++i) reads_bytes_[i] = is_byte(expr.input_types()[i]);
  if (expr.instrs().empty()) {
    reads_bytes_.assign(reads_bytes_.size(), false);
    return;
  }
  for (const ExprInstr& instr : expr.instrs())
    for (int k = 0; k < arity_of_instr(instr); ++k)
      if (instr.args[k] >= 0) ++uses_[static_cast<std::size_t>(instr.args[k])];
  ++uses_.back();
  // An input is read as bytes if all that uses it widens it to f32.
  for (const ExprInstr& instr : expr.instrs())
    for (int k = 0; k < arity_of_instr(instr); ++k)
      if (instr.args[k] < 0 && !(instr.op == ExprOp::kCast && instr.type == DType::f32))
        reads_bytes_[input_of(instr.args[k])] = false;
  for (std::size_t i = 0; i < expr.instrs().size(); ++i) fuse_dequantization(i);
  fuse_quantization();
}

const ExprInstr* ExprFusion::instr(ExprArg arg) const {
  return arg < 0 ? nullptr : &expr_.instrs()[static_cast<std::size_t>(arg)];
}

const ExprInstr* ExprFusion::only(ExprArg arg, ExprOp op) const {
  const ExprInstr* found = instr(arg);
  const bool fits =
      found != nullptr && found->op == op && found->type == DType::f32 && uses_[static_cast<std::size_t>(arg)] == 1;
  return fits ? found : nullptr;
}

bool ExprFusion::is_widening(ExprArg arg) const {
  const ExprInstr* cast = instr(arg);
  return cast != nullptr && cast->op == ExprOp::kCast && cast->type == DType::f32 && cast->args[0] < 0 &&
         reads_bytes_[input_of(cast->args[0])];
}

// cast<f32>(byte), and (cast<f32>(byte) - a) * b.
void ExprFusion::fuse_dequantization(std::size_t i) {
  const ExprInstr& root = expr_.instrs()[i];
  if (is_widening(static_cast<ExprArg>(i))) {
    fused_[i].op = find_quantize_ops(expr_.input_types()[input_of(root.args[0])]).widen;
    fused_[i].args = {root.args[0]};
    return;
  }
  if (root.op != ExprOp::k_mul || root.type != DType::f32) return;
  for (const int k : {0, 1}) {
    const ExprInstr* sub = only(root.args[k], ExprOp::k_sub);
    if (sub == nullptr || !is_widening(sub->args[0]) || only(sub->args[0], ExprOp::kCast) == nullptr) continue;
    const ExprArg input = instr(sub->args[0])->args[0];
    for (const ExprArg inside : {root.args[k], sub->args[0]}) {
      inner_[static_cast<std::size_t>(inside)] = true;
      fused_[static_cast<std::size_t>(inside)] = {};
    }
    fused_[i].op = find_quantize_ops(expr_.input_types()[input_of(input)]).dequantize;
    fused_[i].args = {input, sub->args[1], root.args[1 - k]};
    return;
  }
}

// cast<byte>(clamp(round(x / s) + z, low, high)) at the end, also without the quotient or the sum.
void ExprFusion::fuse_quantization() {
  const ExprInstr& root = expr_.instrs().back();
  if (root.op != ExprOp::kCast || !is_byte(root.type)) return;
  const ExprInstr* clamp = only(root.args[0], ExprOp::k_clamp);
  if (clamp == nullptr) return;
  const bool is_signed = root.type == DType::i8;
  const auto bound = [&](ExprArg arg) {
    const ExprInstr* constant = instr(arg);
    return constant != nullptr && constant->op == ExprOp::kConst ? constant->imm
                                                                 : std::numeric_limits<double>::quiet_NaN();
  };
  if (!(bound(clamp->args[1]) >= (is_signed ? -128 : 0) && bound(clamp->args[2]) <= (is_signed ? 127 : 255) &&
        bound(clamp->args[1]) <= bound(clamp->args[2])))
    return;
  FusedInstrs fused;
  fused.stores = true;
  std::vector<ExprArg> inside{root.args[0]};
  ExprArg rounded = clamp->args[0];
  ExprArg zero = 0;
  fused.adds_zero = true;
  if (const ExprInstr* add = only(rounded, ExprOp::k_add); add != nullptr) {
    const int k = only(add->args[0], ExprOp::k_round) != nullptr ? 0 : 1;
    inside.push_back(rounded);
    rounded = add->args[k];
    zero = add->args[1 - k];
    fused.adds_zero = false;
  }
  const ExprInstr* round = only(rounded, ExprOp::k_round);
  if (round == nullptr) return;
  inside.push_back(rounded);
  const QuantizeOps ops = find_quantize_ops(root.type);
  fused.op = ops.quantize;
  ExprArg x = round->args[0], divisor = 0;
  if (const ExprInstr* div = only(x, ExprOp::k_div); div != nullptr) {
    inside.push_back(x);
    x = div->args[0];
    divisor = div->args[1];
    fused.op = ops.divide_and_quantize;
  }
  fused.args = {x};
  if (!fused.adds_zero) fused.args.push_back(zero);
  fused.args.push_back(clamp->args[1]);
  fused.args.push_back(clamp->args[2]);
  if (fused.op == ops.divide_and_quantize) fused.args.push_back(divisor);
  for (const ExprArg i : inside) inner_[static_cast<std::size_t>(i)] = true;
  fused_.back() = std::move(fused);
}

}  // namespace ingot::cpu
