// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <bit>
#include <map>
#include <optional>
#include <tuple>

#include "expr/expr.h"
#include "expr/expr_scalar.h"

namespace ingot {
namespace {

using Key = std::tuple<ExprOp, DType, std::array<ExprArg, 3>, std::uint64_t, std::int64_t>;

bool is_commutative(ExprOp op) {
  switch (op) {
    case ExprOp::k_add:
    case ExprOp::k_mul:
    case ExprOp::k_bit_and:
    case ExprOp::k_bit_or:
    case ExprOp::k_bit_xor:
    case ExprOp::k_equal:
    case ExprOp::k_and:
    case ExprOp::k_or:
    case ExprOp::k_xor: return true;
    default: return false;  // min and max: which zero, and which NaN, depends on the order
  }
}

Key key_of(const ExprInstr& instr) {
  std::array<ExprArg, 3> args = {instr.args[0], instr.args[1], instr.args[2]};
  if (is_commutative(instr.op) && args[1] < args[0]) std::swap(args[0], args[1]);
  return {instr.op, instr.type, args, std::bit_cast<std::uint64_t>(instr.imm), instr.imm_int};
}

class Simplifier {
 public:
  explicit Simplifier(const Expr& source) : source_(source), out_(source.input_types()) {}

  // The program and where its result is.
  std::pair<Expr, ExprArg> run() {
    ExprArg result = expr_input(0);
    for (const ExprInstr& original : source_.instrs()) {
      ExprInstr instr = original;
      for (int k = 0; k < arity_of(instr.op); ++k)
        if (instr.args[k] >= 0) instr.args[k] = moved_[static_cast<std::size_t>(instr.args[k])];
      const bool last = moved_.size() + 1 == source_.instrs().size();
      const std::optional<ExprArg> same = same_as_operand(instr);
      // A program cannot return an input other than x0 without an instruction.
      result = same && (!last || *same >= expr_input(0)) ? *same : emit(instr);
      moved_.push_back(result);
    }
    return {std::move(out_), result};
  }

 private:
  [[nodiscard]] const ExprInstr* constant(ExprArg arg) const {
    if (arg < 0 || out_.instrs()[static_cast<std::size_t>(arg)].op != ExprOp::kConst) return nullptr;
    return &out_.instrs()[static_cast<std::size_t>(arg)];
  }

  [[nodiscard]] bool is_one(ExprArg arg) const {
    const ExprInstr* instr = constant(arg);
    return instr != nullptr && (is_integer(instr->type) ? instr->imm_int == 1 : instr->imm == 1);
  }

  // Only identities that hold for every value, NaN and -0 included.
  [[nodiscard]] std::optional<ExprArg> same_as_operand(const ExprInstr& instr) const {
    const ExprArg a = instr.args[0], b = instr.args[1], c = instr.args[2];
    switch (instr.op) {
      case ExprOp::kCast: return out_.type_of(a) == instr.type ? std::optional(a) : std::nullopt;
      case ExprOp::k_mul:
        if (is_one(a)) return b;
        [[fallthrough]];
      case ExprOp::k_div: return is_one(b) ? std::optional(a) : std::nullopt;
      case ExprOp::k_select:
        if (b == c) return b;
        if (const ExprInstr* condition = constant(a)) return condition->imm != 0 ? b : c;
        return std::nullopt;
      default: return std::nullopt;
    }
  }

  ExprArg emit(ExprInstr instr) {
    const int arity = arity_of(instr.op);
    Expr::Scalar args[3];
    bool known = arity > 0;
    for (int k = 0; k < arity && known; ++k) {
      const ExprInstr* operand = constant(instr.args[k]);
      known = operand != nullptr;
      if (known) args[k] = constant_scalar(*operand);
    }
    if (known) instr = constant_instr(instr.type, evaluate_instr(instr, out_.type_of(instr.args[0]), args));
    const auto [place, fresh] = known_.emplace(key_of(instr), static_cast<ExprArg>(out_.instrs().size()));
    if (fresh) out_.append(instr);
    return place->second;
  }

  const Expr& source_;
  Expr out_;
  std::vector<ExprArg> moved_;
  std::map<Key, ExprArg> known_;
};

}  // namespace

Expr Expr::simplified() const {
  if (instrs_.empty()) return *this;
  const auto [all, result] = Simplifier(*this).run();
  Expr out(input_types_);
  if (result < 0) return out;
  std::vector<bool> needed(all.instrs_.size());
  needed[static_cast<std::size_t>(result)] = true;
  for (std::size_t i = all.instrs_.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (int k = 0; k < arity_of(all.instrs_[i].op); ++k)
      if (all.instrs_[i].args[k] >= 0) needed[static_cast<std::size_t>(all.instrs_[i].args[k])] = true;
  }
  std::vector<ExprArg> moved(all.instrs_.size());
  for (std::size_t i = 0; i < all.instrs_.size(); ++i) {
    if (!needed[i]) continue;
    ExprInstr instr = all.instrs_[i];
    for (int k = 0; k < arity_of(instr.op); ++k)
      if (instr.args[k] >= 0) instr.args[k] = moved[static_cast<std::size_t>(instr.args[k])];
    moved[i] = static_cast<ExprArg>(out.instrs_.size());
    out.instrs_.push_back(instr);
  }
  return out;
}

}  // namespace ingot
