// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/source.h"

#include <bit>
#include <cmath>
#include <set>

#include "backends/cuda/compiler.h"
#include "backends/cuda/kernels/params.h"
#include "backends/cuda/narrow.h"

namespace ingot::cuda {
namespace {

std::string operand(ExprArg arg) { return arg < 0 ? fmt::format("x{}", -arg - 1) : fmt::format("t{}", arg); }

std::string constant(const ExprInstr& instr) {
  if (instr.type == DType::boolean) return instr.imm != 0 || instr.imm_int != 0 ? "true" : "false";
  if (instr.type == DType::f64)
    return fmt::format("__longlong_as_double(0x{:x}LL)", std::bit_cast<std::uint64_t>(instr.imm));
  if (is_float(instr.type))
    return fmt::format("__uint_as_float(0x{:x}u)", std::bit_cast<std::uint32_t>(static_cast<float>(instr.imm)));
  return fmt::format("static_cast<{}>(0x{:x}ULL)", cuda_type(instr.type), static_cast<std::uint64_t>(instr.imm_int));
}

// Types that kernels hold no elements of, but whose rounding expressions know.
bool is_narrow(DType type) { return cuda_type(type).empty() && loadable(type); }

// Values of 16 bits are computed in float: what a function makes of them is rounded to their type.
std::string round_half(DType type, std::string value) {
  if (type == DType::f16) return fmt::format("round_f16({})", value);
  if (type == DType::bf16) return fmt::format("round_bf16({})", value);
  return value;
}

std::string cast(DType from, DType to, const std::string& value) {
  const std::string_view type = compute_type(to);
  if (is_narrow(to)) {
    const bool truncated = is_integer(to) && is_float(from);
    return fmt::format("round_{}({}<{}>({}))", to_string(to), truncated ? "float_to_int" : "static_cast", type, value);
  }
  if (to == DType::boolean) return fmt::format("({} != 0)", value);
  if (is_integer(to)) {
    if (is_float(from)) return fmt::format("float_to_int<{}>({})", type, value);
    return fmt::format("static_cast<{}>({})", type, value);
  }
  std::string converted = fmt::format("static_cast<{}>({})", type, value);
  return from == to ? converted : round_half(to, std::move(converted));
}

std::string_view comparison(ExprOp op) {
  switch (op) {
    case ExprOp::k_equal: return "==";
    case ExprOp::k_less: return "<";
    case ExprOp::k_less_equal: return "<=";
    case ExprOp::k_greater: return ">";
    default: return ">=";
  }
}

// Functions that have a short form for results of 16 bits (prelude.cuh).
bool has_short_form(ExprOp op) {
  return op == ExprOp::k_sigmoid || op == ExprOp::k_silu || op == ExprOp::k_gelu || op == ExprOp::k_gelu_tanh ||
         op == ExprOp::k_hardsigmoid || op == ExprOp::k_hardswish;
}

// Functions whose result is as wide as their operands.
bool is_exact(ExprOp op) {
  switch (op) {
    case ExprOp::k_min:
    case ExprOp::k_max:
    case ExprOp::k_clamp:
    case ExprOp::k_neg:
    case ExprOp::k_abs:
    case ExprOp::k_sign:
    case ExprOp::k_floor:
    case ExprOp::k_ceil:
    case ExprOp::k_round: return true;
    default: return false;
  }
}

std::string right_side(const Expr& expr, const ExprInstr& instr) {
  const std::string a = operand(instr.args[0]), b = operand(instr.args[1]), c = operand(instr.args[2]);
  if (instr.op == ExprOp::kConst) return constant(instr);
  if (instr.op == ExprOp::kCast) return cast(expr.type_of(instr.args[0]), instr.type, a);
  switch (class_of(instr.op)) {
    case 'c': return fmt::format("{} {} {}", a, comparison(instr.op), b);
    case 's': return fmt::format("{} ? {} : {}", a, b, c);
    case 'l':
      if (instr.op == ExprOp::k_not) return "!" + a;
      return fmt::format("{} {} {}", a, instr.op == ExprOp::k_and ? "&&" : instr.op == ExprOp::k_or ? "||" : "!=", b);
    case 't':
      if (!is_float(expr.type_of(instr.args[0]))) return "false";
      if (instr.op == ExprOp::k_is_nan) return fmt::format("{0} != {0}", a);
      return fmt::format("x_abs({}) == kInfinity", a);
    default: break;
  }
  std::string arguments = a;
  if (arity_of(instr.op) > 1) arguments += ", " + b;
  if (arity_of(instr.op) > 2) arguments += ", " + c;
  const bool brief = has_short_form(instr.op) && bits_of(expr.result_type()) == 16 && is_float(expr.result_type());
  const std::string_view family = !is_float(instr.type) ? "i" : brief && instr.type != DType::f64 ? "q" : "x";
  std::string value = fmt::format("{}_{}({})", family, to_string(instr.op), arguments);
  // The last one is rounded where it is stored.
  return is_exact(instr.op) || &instr == &expr.instrs().back() ? value : round_half(instr.type, std::move(value));
}

}  // namespace

std::string_view cuda_type(DType type) {
  switch (type) {
    case DType::f32: return "float";
    case DType::f64: return "double";
    case DType::f16: return "f16";
    case DType::bf16: return "bf16";
    case DType::i8: return "signed char";
    case DType::u8: return "unsigned char";
    case DType::i16: return "short";
    case DType::u16: return "unsigned short";
    case DType::i32: return "int";
    case DType::u32: return "unsigned";
    case DType::i64: return "long long";
    case DType::u64: return "unsigned long long";
    case DType::boolean: return "bool";
    default: return "";
  }
}

std::string_view compute_type(DType type) {
  if (type == DType::f16 || type == DType::bf16) return "float";
  if (is_narrow(type)) return is_float(type) ? "float" : "int";
  return cuda_type(type);
}

Result<std::string> print_expression(const Expr& expr, std::string_view name) {
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < expr.input_types().size(); ++i) {
    if (cuda_type(expr.input_types()[i]).empty())
      return unsupported("elements of type {}", to_string(expr.input_types()[i]));
    parameters.push_back(fmt::format("{} x{}", compute_type(expr.input_types()[i]), i));
  }
  if (cuda_type(expr.result_type()).empty()) return unsupported("elements of type {}", to_string(expr.result_type()));
  std::string body;
  std::set<DType> narrow;
  for (std::size_t i = 0; i < expr.instrs().size(); ++i) {
    const ExprInstr& instr = expr.instrs()[i];
    if (is_narrow(instr.type) && instr.op == ExprOp::kCast)
      narrow.insert(instr.type);
    else if (cuda_type(instr.type).empty())
      return unsupported("arithmetic in {}", to_string(instr.type));
    body += fmt::format("  const {} t{} = {};\n", compute_type(instr.type), i, right_side(expr, instr));
  }
  const std::string result =
      expr.instrs().empty() ? "x0" : fmt::format("t{}", static_cast<std::int64_t>(expr.instrs().size()) - 1);
  std::string functions = narrow.empty() ? "" : include("narrow.cuh");
  for (const DType type : narrow) functions += define_round(type);
  return functions + fmt::format("INGOT_INLINE {} {}({}) {{\n{}  return {};\n}}\n", compute_type(expr.result_type()),
                                 name, fmt::join(parameters, ", "), body, result);
}

std::string define(std::string_view name, std::string_view value) {
  return fmt::format("#define {} {}\n", name, value);
}
std::string define(std::string_view name, std::int64_t value) { return fmt::format("#define {} {}\n", name, value); }

Result<std::string> print_epilogue(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
  if (expr.input_types().size() != problem.epilogue_inputs() + 1)
    return invalid_argument("the epilogue takes {} operands, given are {}", expr.input_types().size(),
                            problem.epilogue_inputs() + 1);
  if (problem.epilogue_inputs() > static_cast<std::size_t>(ingot_cuda::kMaxEpilogueInputs))
    return unsupported("{} epilogue operands", problem.epilogue_inputs());
  if (!is_float(expr.input_types()[0]) || expr.result_type() != problem.outputs[0].dtype)
    return unsupported("an epilogue from {} to {}", to_string(expr.input_types()[0]), to_string(expr.result_type()));
  INGOT_ASSIGN_OR_RETURN(std::string text, print_expression(expr, "expression"));
  std::string members, loads, touches, arguments = "x0[j]";
  for (std::size_t i = 1; i < expr.input_types().size(); ++i) {
    const DType type = problem.inputs[problem.own_inputs() + i - 1].dtype;
    if (type != expr.input_types()[i]) return invalid_argument("epilogue operand {} has another type", i);
    members += fmt::format("  OperandVector<{}, WIDTH> e{};\n", cuda_type(type), i);
    loads +=
        fmt::format("    e{} = load_epilogue<{}, WIDTH>(p.operands[{}], row, column);\n", i, cuda_type(type), i - 1);
    touches += fmt::format("    touch_epilogue<{}>(p.operands[{}], row, column);\n", cuda_type(type), i - 1);
    arguments += fmt::format(", load_value(loaded.e{}.at(j))", i);
  }
  text += fmt::format(
      "template <int WIDTH>\nstruct EpilogueOperands {{\n{}"
      "  template <typename Parameters>\n  INGOT_INLINE void load(const Parameters& p, int row, int column) {{\n{}  "
      "}}\n"
      "  template <typename Parameters>\n  static INGOT_INLINE void touch(const Parameters& p, int row, int column) "
      "{{\n{}  }}\n}};\n",
      members, loads, touches);
  text += define("EPILOGUE_INPUTS", static_cast<std::int64_t>(problem.epilogue_inputs()));
  text += define("EPILOGUE_LOADS", "EpilogueOperands<V> loaded; loaded.load(p, row, column);");
  text += define("EPILOGUE(j)", fmt::format("store_value<OUT>(expression({}))", arguments));
  text += fmt::format("using OUT = {};\n", cuda_type(problem.outputs[0].dtype));
  return text;
}

std::string include(std::string_view file) {
  // NVRTC knows no "#pragma once" in the main file.
  std::string text(kernel_file(file));
  if (const std::size_t at = text.find("#pragma once"); at != std::string::npos) text.erase(at, 12);
  return fmt::format("#line 1 \"{}\"\n{}\n", file, text);
}

std::string assemble(std::string_view definitions, std::string_view file) {
  return include("prelude.cuh") + include("params.h") + include("epilogue.cuh") + "#line 1 \"definitions\"\n" +
         std::string(definitions) + include(file);
}

}  // namespace ingot::cuda
