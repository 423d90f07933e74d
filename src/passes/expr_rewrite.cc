// SPDX-License-Identifier: Apache-2.0
#include "passes/expr_rewrite.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace ingot::passes {
namespace {

// Appends a copy of an instruction with its operands mapped.
template <typename MapArg>
ExprArg append(Expr& to, const ExprInstr& instr, MapArg&& map) {
  if (instr.op == ExprOp::kConst)
    return is_integer(instr.type) ? to.add_const_int(instr.type, instr.imm_int) : to.add_const(instr.type, instr.imm);
  std::array<ExprArg, 3> args{};
  const auto count = static_cast<std::size_t>(arity_of(instr.op));
  for (std::size_t k = 0; k < count; ++k) args[k] = map(instr.args[k]);
  return to.add(instr.op, instr.type, std::span(args.data(), count));
}

struct Activation {
  ExprOp op;
  double (*value)(double);
};
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double hardsigmoid(double x) { return std::clamp(x / 6 + 0.5, 0.0, 1.0); }
constexpr Activation kActivations[] = {
    {ExprOp::k_gelu, [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }},
    {ExprOp::k_gelu_tanh,
     [](double x) {
       return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
     }},
    {ExprOp::k_silu, [](double x) { return x * sigmoid(x); }},
    {ExprOp::k_hardswish, [](double x) { return x * hardsigmoid(x); }},
    {ExprOp::k_hardsigmoid, hardsigmoid},
    {ExprOp::k_sigmoid, sigmoid},
};
constexpr double kPoints[] = {-7.3, -4.1, -3.2, -2.9, -1.7, -1.0, -0.5, -0.1, 0.0, 0.3, 0.9, 1.6, 2.4, 3.1, 4.4, 8.0};
// Exporters round constants to float or to a few digits; gelu and its tanh form differ by 5e-4.
constexpr double kTolerance = 5e-6;

// The instructions behind `root` down to `variable`, ascending; nullopt when they reach an input other than the
// variable.
std::optional<std::vector<ExprArg>> slice(const Expr& expr, ExprArg root, ExprArg variable) {
  std::vector<ExprArg> stack{root}, found;
  while (!stack.empty()) {
    const ExprArg arg = stack.back();
    stack.pop_back();
    if (arg == variable || std::find(found.begin(), found.end(), arg) != found.end()) continue;
    if (arg < 0) return std::nullopt;
    found.push_back(arg);
    const ExprInstr& instr = expr.instrs()[static_cast<std::size_t>(arg)];
    if (instr.op == ExprOp::kCast || found.size() > 16) return std::nullopt;
    for (int k = 0; k < arity_of(instr.op); ++k) stack.push_back(instr.args[k]);
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The slice as a program of one double.
Expr program_of(const Expr& expr, const std::vector<ExprArg>& instrs, ExprArg variable) {
  Expr program(std::vector<DType>{DType::f64});
  std::vector<ExprArg> renamed(expr.instrs().size(), 0);
  for (ExprArg arg : instrs) {
    ExprInstr instr = expr.instrs()[static_cast<std::size_t>(arg)];
    if (is_float(instr.type)) instr.type = DType::f64;
    renamed[static_cast<std::size_t>(arg)] = append(program, instr, [&](ExprArg operand) {
      return operand == variable ? expr_input(0) : renamed[static_cast<std::size_t>(operand)];
    });
  }
  return program;
}

std::optional<ExprOp> activation_of(const Expr& program) {
  std::optional<ExprOp> found;
  for (const Activation& candidate : kActivations) {
    const bool equal = std::all_of(std::begin(kPoints), std::end(kPoints), [&](double x) {
      const Expr::Scalar in{x, 0};
      const double y = program.evaluate(std::span(&in, 1)).f;
      const double expected = candidate.value(x);
      return std::abs(y - expected) <= kTolerance * std::max(1.0, std::abs(expected));
    });
    if (equal) found = candidate.op;
  }
  return found;
}

// The activation that instruction `root` computes, and of what.
struct Found {
  ExprOp op;
  ExprArg variable;
};
std::optional<Found> find_activation(const Expr& expr, ExprArg root) {
  const auto inputs = static_cast<ExprArg>(expr.input_types().size());
  for (ExprArg variable = -inputs; variable < root; ++variable) {
    if (!is_float(expr.type_of(variable))) continue;
    if (variable >= 0 && expr.instrs()[static_cast<std::size_t>(variable)].op == ExprOp::kConst) continue;
    const auto instrs = slice(expr, root, variable);
    if (!instrs || instrs->size() < 2) continue;
    if (const auto op = activation_of(program_of(expr, *instrs, variable))) return Found{*op, variable};
  }
  return std::nullopt;
}

}  // namespace

Expr rebind(const Expr& expr, const std::vector<DType>& types, const std::vector<Binding>& bindings) {
  Expr result{std::vector<DType>(types)};
  std::vector<ExprArg> inputs, renamed;
  for (std::size_t i = 0; i < bindings.size(); ++i) {
    const Binding& binding = bindings[i];
    const DType type = expr.input_types()[i];
    if (!binding.number) {
      inputs.push_back(expr_input(binding.input));
    } else {
      inputs.push_back(is_integer(type) ? result.add_const_int(type, binding.number->i)
                                        : result.add_const(type, binding.number->f));
    }
  }
  for (const ExprInstr& instr : expr.instrs())
    renamed.push_back(append(result, instr, [&](ExprArg arg) {
      return arg < 0 ? inputs[static_cast<std::size_t>(-arg - 1)] : renamed[static_cast<std::size_t>(arg)];
    }));
  return result;
}

Expr name_activations(const Expr& expr) {
  Expr result{std::vector<DType>(expr.input_types())};
  const auto& instrs = expr.instrs();
  std::vector<ExprArg> renamed;
  const auto map = [&](ExprArg arg) { return arg < 0 ? arg : renamed[static_cast<std::size_t>(arg)]; };
  bool changed = false;
  for (std::size_t i = 0; i < instrs.size(); ++i) {
    const bool candidate = is_float(instrs[i].type) && arity_of(instrs[i].op) >= 1 && instrs[i].op != ExprOp::kCast;
    const auto found = candidate ? find_activation(expr, static_cast<ExprArg>(i)) : std::nullopt;
    if (found) {
      const ExprArg arg = map(found->variable);
      renamed.push_back(result.add(found->op, instrs[i].type, std::span(&arg, 1)));
      changed = true;
    } else {
      renamed.push_back(append(result, instrs[i], map));
    }
  }
  return changed ? result.simplified() : expr;
}

}  // namespace ingot::passes
