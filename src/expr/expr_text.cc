// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <unordered_map>

#include "base/text.h"
#include "base/text_scanner.h"
#include "expr/expr.h"
#include "tensor/tensor_text.h"

namespace ingot {
namespace {

std::string arg_text(ExprArg arg) { return arg < 0 ? fmt::format("x{}", -arg - 1) : fmt::format("t{}", arg); }

std::string constant_text(const ExprInstr& instr) {
  if (instr.type == DType::boolean) return instr.imm != 0 ? "true" : "false";
  if (instr.type == DType::u64) return fmt::format("{}", static_cast<std::uint64_t>(instr.imm_int));
  if (is_integer(instr.type)) return fmt::format("{}", instr.imm_int);
  return instr.type == DType::f64 ? float_text(instr.imm) : float_text(static_cast<float>(instr.imm));
}

const std::unordered_map<std::string_view, ExprOp>& ops_by_name() {
  static const auto* table = [] {
    auto* made = new std::unordered_map<std::string_view, ExprOp>;
    for (int i = 0; i <= static_cast<int>(ExprOp::kCast); ++i)
      made->emplace(to_string(static_cast<ExprOp>(i)), static_cast<ExprOp>(i));
    return made;
  }();
  return *table;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : scanner_(text) {}

  Result<Expr> parse() {
    INGOT_RETURN_IF_ERROR(scanner_.expect('('));
    while (!scanner_.take(')')) {
      const std::size_t count = expr_.input_types().size();
      if (count != 0) INGOT_RETURN_IF_ERROR(scanner_.expect(','));
      if (!scanner_.take_word(fmt::format("x{}", count))) return scanner_.error(fmt::format("expected x{}", count));
      INGOT_RETURN_IF_ERROR(scanner_.expect(':'));
      INGOT_ASSIGN_OR_RETURN(const DType type, parse_dtype(scanner_));
      expr_.add_input(type);
    }
    INGOT_RETURN_IF_ERROR(scanner_.expect('{'));
    while (!scanner_.take('}')) {
      if (!expr_.instrs().empty()) {
        INGOT_RETURN_IF_ERROR(scanner_.expect(';'));
        if (scanner_.take('}')) break;
      }
      INGOT_RETURN_IF_ERROR(parse_instr());
    }
    if (!scanner_.at_end()) return scanner_.error("expected the end of the expression");
    INGOT_RETURN_IF_ERROR(expr_.validate());
    return std::move(expr_);
  }

 private:
  Status parse_instr() {
    const std::size_t index = expr_.instrs().size();
    if (!scanner_.take_word(fmt::format("t{}", index))) return scanner_.error(fmt::format("expected t{}", index));
    INGOT_RETURN_IF_ERROR(scanner_.expect('='));
    const std::string_view name = scanner_.word();
    const auto found = ops_by_name().find(name);
    if (found == ops_by_name().end()) {
      std::vector<std::string_view> names;
      for (const auto& [known, op] : ops_by_name()) names.push_back(known);
      return scanner_.error(fmt::format("unknown operation '{}'{}", name, suggestion(name, names)));
    }
    const ExprOp op = found->second;
    DType type = DType::undefined;
    if (op == ExprOp::kConst || op == ExprOp::kCast) {
      INGOT_RETURN_IF_ERROR(scanner_.expect('<'));
      INGOT_ASSIGN_OR_RETURN(type, parse_dtype(scanner_));
      INGOT_RETURN_IF_ERROR(scanner_.expect('>'));
    }
    INGOT_RETURN_IF_ERROR(scanner_.expect('('));
    if (op == ExprOp::kConst) {
      INGOT_RETURN_IF_ERROR(parse_constant(type));
      return scanner_.expect(')');
    }
    ExprArg args[3] = {};
    for (int k = 0; k < arity_of(op); ++k) {
      if (k != 0) INGOT_RETURN_IF_ERROR(scanner_.expect(','));
      INGOT_ASSIGN_OR_RETURN(args[k], parse_arg());
    }
    INGOT_RETURN_IF_ERROR(scanner_.expect(')'));
    if (type == DType::undefined) type = result_type(op, args);
    expr_.add(op, type, std::span<const ExprArg>(args, static_cast<std::size_t>(arity_of(op))));
    return Status::ok();
  }

  Status parse_constant(DType type) {
    if (type == DType::boolean) {
      const bool value = scanner_.take_word("true");
      if (!value && !scanner_.take_word("false")) return scanner_.error("expected true or false");
      expr_.add_const(type, value ? 1 : 0);
    } else if (is_integer(type)) {
      INGOT_ASSIGN_OR_RETURN(const std::int64_t value, scanner_.integer());
      expr_.add_const_int(type, value);
    } else if (is_float(type)) {
      INGOT_ASSIGN_OR_RETURN(const double value, scanner_.real());
      expr_.add_const(type, value);
    } else {
      return scanner_.error(fmt::format("no constants of type {}", to_string(type)));
    }
    return Status::ok();
  }

  Result<ExprArg> parse_arg() {
    TextScanner ahead = scanner_;
    const std::string_view word = ahead.word();
    const bool input = word.starts_with('x');
    std::int32_t number = -1;
    if (input || word.starts_with('t')) {
      const auto [stop, code] = std::from_chars(word.data() + 1, word.data() + word.size(), number);
      if (code != std::errc() || stop != word.data() + word.size()) number = -1;
    }
    const std::size_t limit = input ? expr_.input_types().size() : expr_.instrs().size();
    if (number < 0 || static_cast<std::size_t>(number) >= limit)
      return scanner_.error("expected an input x<n> or an earlier instruction t<n>");
    scanner_ = ahead;
    return input ? expr_input(number) : number;
  }

  [[nodiscard]] DType result_type(ExprOp op, const ExprArg* args) const {
    switch (class_of(op)) {
      case 'a': return expr_.type_of(args[0]);
      case 's': return expr_.type_of(args[1]);
      default: return DType::boolean;
    }
  }

  TextScanner scanner_;
  Expr expr_;
};

}  // namespace

std::string Expr::to_string() const {
  std::string out = "(";
  for (std::size_t i = 0; i < input_types_.size(); ++i)
    out += fmt::format("{}x{}:{}", i == 0 ? "" : ", ", i, ingot::to_string(input_types_[i]));
  out += ") {";
  for (std::size_t i = 0; i < instrs_.size(); ++i) {
    const ExprInstr& instr = instrs_[i];
    out += fmt::format("{} t{} = {}", i == 0 ? "" : ";", i, ingot::to_string(instr.op));
    if (instr.op == ExprOp::kConst || instr.op == ExprOp::kCast)
      out += fmt::format("<{}>", ingot::to_string(instr.type));
    out += '(';
    if (instr.op == ExprOp::kConst) out += constant_text(instr);
    for (int k = 0; k < arity_of(instr.op); ++k) out += (k == 0 ? "" : ", ") + arg_text(instr.args[k]);
    out += ')';
  }
  return out + " }";
}

Result<Expr> Expr::parse(std::string_view text) { return Parser(text).parse(); }

}  // namespace ingot
