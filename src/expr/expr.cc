// SPDX-License-Identifier: Apache-2.0
#include "expr/expr.h"

#include <algorithm>
#include <bit>

#include "expr/expr_scalar.h"

namespace ingot {
namespace {

struct OpRow {
  std::string_view name;
  int arity;
  char cls;
};

constexpr OpRow kOps[] = {
#define X(name, arity, cls) {#name, arity, cls},
#include "expr/expr_ops.inc"
#undef X
    {"const", 0, 'k'},
    {"cast", 1, 'x'},
};

const OpRow& row_of(ExprOp op) { return kOps[static_cast<std::size_t>(op)]; }

bool is_scalar_type(DType type) {
  const char kind = kind_of(type);
  return kind == 'f' || kind == 'i' || kind == 'u' || kind == 'b';
}

}  // namespace

int arity_of(ExprOp op) { return row_of(op).arity; }
char class_of(ExprOp op) { return row_of(op).cls; }
std::string_view to_string(ExprOp op) { return row_of(op).name; }

char domain_of(ExprOp op) {
  switch (op) {
    case ExprOp::k_bit_and:
    case ExprOp::k_bit_or:
    case ExprOp::k_bit_xor:
    case ExprOp::k_bit_not:
    case ExprOp::k_shift_left:
    case ExprOp::k_shift_right: return 'i';
    case ExprOp::k_add:
    case ExprOp::k_sub:
    case ExprOp::k_mul:
    case ExprOp::k_div:
    case ExprOp::k_mod:
    case ExprOp::k_fmod:
    case ExprOp::k_pow:
    case ExprOp::k_min:
    case ExprOp::k_max:
    case ExprOp::k_prelu:
    case ExprOp::k_neg:
    case ExprOp::k_abs:
    case ExprOp::k_sign:
    case ExprOp::k_fma:
    case ExprOp::k_clamp: return 'n';
    default: break;
  }
  const char cls = class_of(op);
  return cls == 'a' || cls == 't' ? 'f' : '*';
}

bool operator==(const ExprInstr& a, const ExprInstr& b) {
  return a.op == b.op && a.type == b.type && std::equal(a.args, a.args + 3, b.args) && a.imm_int == b.imm_int &&
         std::bit_cast<std::uint64_t>(a.imm) == std::bit_cast<std::uint64_t>(b.imm);
}

ExprArg Expr::append(const ExprInstr& instr) {
  instrs_.push_back(instr);
  return static_cast<ExprArg>(instrs_.size()) - 1;
}

ExprArg Expr::add(ExprOp op, DType type, std::span<const ExprArg> args) {
  INGOT_CHECK(static_cast<int>(args.size()) == arity_of(op), "{} takes {} operands", ingot::to_string(op),
              arity_of(op));
  ExprInstr instr;
  instr.op = op;
  instr.type = type;
  std::copy(args.begin(), args.end(), instr.args);
  return append(instr);
}

ExprArg Expr::add_const(DType type, double value) {
  return append(constant_instr(type, convert_scalar(DType::f64, type, {value, 0})));
}

ExprArg Expr::add_const_int(DType type, std::int64_t value) {
  return append(constant_instr(type, convert_scalar(DType::i64, type, {0, value})));
}

int Expr::add_input(DType type) {
  input_types_.push_back(type);
  return static_cast<int>(input_types_.size()) - 1;
}

DType Expr::type_of(ExprArg arg) const {
  return arg < 0 ? input_types_.at(static_cast<std::size_t>(-arg - 1)) : instrs_.at(static_cast<std::size_t>(arg)).type;
}

DType Expr::result_type() const {
  if (!instrs_.empty()) return instrs_.back().type;
  return input_types_.empty() ? DType::undefined : input_types_.front();
}

Status Expr::validate() const {
  if (instrs_.empty() && input_types_.empty())
    return invalid_argument("an expression needs an input or an instruction");
  if (instrs_.size() > kMaxInstrs || input_types_.size() > kMaxInstrs)
    return invalid_argument("an expression of more than {} instructions or inputs", kMaxInstrs);
  for (const DType type : input_types_)
    if (!is_scalar_type(type)) return invalid_argument("an expression has an input of type {}", ingot::to_string(type));
  for (std::size_t i = 0; i < instrs_.size(); ++i) {
    const ExprInstr& instr = instrs_[i];
    const auto broken = [&](std::string_view what) {
      return invalid_argument("expression: t{} = {}: {}", i, ingot::to_string(instr.op), what);
    };
    if (instr.op > ExprOp::kCast) return invalid_argument("expression: t{} has no known operation", i);
    if (!is_scalar_type(instr.type)) return broken("its type is not a number or boolean");
    DType types[3] = {};
    const int arity = arity_of(instr.op);
    for (int k = 0; k < arity; ++k) {
      const ExprArg arg = instr.args[k];
      if (arg >= static_cast<ExprArg>(i) || arg < -static_cast<ExprArg>(input_types_.size()))
        return broken(fmt::format("operand {} does not exist before it", k));
      types[k] = type_of(arg);
    }
    const auto all_are = [&](DType type, int from) {
      return std::all_of(types + from, types + arity, [=](DType t) { return t == type; });
    };
    switch (class_of(instr.op)) {
      case 'a':
        if (!all_are(instr.type, 0)) return broken("operands and result must have one type");
        break;
      case 'c':
        if (instr.type != DType::boolean || !all_are(types[0], 0))
          return broken("operands must have one type, the result is boolean");
        break;
      case 'l':
        if (instr.type != DType::boolean || !all_are(DType::boolean, 0))
          return broken("operands and result must be boolean");
        break;
      case 't':
        if (instr.type != DType::boolean) return broken("the result is boolean");
        break;
      case 's':
        if (types[0] != DType::boolean || !all_are(instr.type, 1))
          return broken("it takes a boolean and two operands of its type");
        break;
      default: break;
    }
    const char domain = domain_of(instr.op);
    const DType operand = arity > 0 ? types[0] : instr.type;
    if ((domain == 'f' && !is_float(operand)) || (domain == 'i' && !is_integer(operand)) ||
        (domain == 'n' && operand == DType::boolean))
      return broken(fmt::format("not defined for {}", ingot::to_string(operand)));
  }
  return Status::ok();
}

Expr Expr::compose(int input, const Expr& producer) const {
  INGOT_CHECK(input >= 0 && static_cast<std::size_t>(input) < input_types_.size(), "no input {}", input);
  Expr out;
  const auto place = static_cast<std::size_t>(input);
  const auto added = static_cast<int>(producer.input_types_.size());
  out.input_types_.assign(input_types_.begin(), input_types_.begin() + input);
  out.input_types_.insert(out.input_types_.end(), producer.input_types_.begin(), producer.input_types_.end());
  out.input_types_.insert(out.input_types_.end(), input_types_.begin() + input + 1, input_types_.end());
  if (is_identity() && place != 0) return out;  // the result is x0, whatever the producer computes

  for (ExprInstr instr : producer.instrs_) {
    for (int k = 0; k < arity_of(instr.op); ++k)
      if (instr.args[k] < 0) instr.args[k] -= input;
    out.instrs_.push_back(instr);
  }
  const auto base = static_cast<ExprArg>(producer.instrs_.size());
  const ExprArg produced = producer.instrs_.empty() ? expr_input(input) : base - 1;
  for (ExprInstr instr : instrs_) {
    for (int k = 0; k < arity_of(instr.op); ++k) {
      ExprArg& arg = instr.args[k];
      if (arg >= 0) {
        arg += base;
      } else if (arg == expr_input(input)) {
        arg = produced;
      } else if (arg < expr_input(input)) {
        arg -= added - 1;
      }
    }
    out.instrs_.push_back(instr);
  }
  return out;
}

}  // namespace ingot
