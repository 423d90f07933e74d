// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/epilogue_form.h"

#include <algorithm>

#include "backends/cpu/operand_checks.h"

namespace ingot::cpu {
namespace {

std::optional<float> constant_of(const Expr& expr, ExprArg arg) {
  if (arg < 0) return std::nullopt;
  const ExprInstr& instr = expr.instrs()[static_cast<std::size_t>(arg)];
  if (instr.op != ExprOp::kConst || instr.type != DType::f32) return std::nullopt;
  return static_cast<float>(instr.imm);
}

}  // namespace

Result<EpilogueForm> EpilogueForm::make(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
  return make(problem, expr);
}

Result<EpilogueForm> EpilogueForm::make(const Problem& problem, const Expr& expr) {
  EpilogueForm form;
  form.first_ = problem.own_inputs();
  if (problem.outputs.empty() || problem.outputs[0].dtype != DType::f32)
    return unsupported("an output that is not f32");
  if (expr.input_types().empty() || expr.input_types()[0] != DType::f32 ||
      expr.input_types().size() != problem.epilogue_inputs() + 1)
    return invalid_argument("the epilogue takes {} operands, given are {}", expr.input_types().size(),
                            problem.epilogue_inputs() + 1);
  if (expr.input_types().size() > RowProgram::kMaxOperands) return unsupported("too many epilogue operands");
  for (std::size_t i = form.first_; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].dtype != expr.input_types()[i - form.first_ + 1])
      return invalid_argument("epilogue operand {} has another type", i);
  if (expr.is_identity()) return form;
  form.identity_ = false;
  std::optional<VectorProgram> program = VectorProgram::compile(expr);
  if (!program || program->result_type() != DType::f32) return unsupported("an epilogue without a vector form");
  form.program_ = std::make_unique<const VectorProgram>(*std::move(program));
  form.simple_ = form.recognise(expr);
  return form;
}

// A chain from x0 of at most one addition of an operand, then limits.
bool EpilogueForm::recognise(const Expr& expr) {
  ExprArg current = expr_input(0);
  for (std::size_t i = 0; i < expr.instrs().size(); ++i) {
    const ExprInstr& instr = expr.instrs()[i];
    if (instr.op == ExprOp::kConst) continue;
    if (!recognise_step(expr, instr, current)) return false;
    current = static_cast<ExprArg>(i);
  }
  return current == static_cast<ExprArg>(expr.instrs().size()) - 1 && clamp_min_ <= clamp_max_;
}

bool EpilogueForm::recognise_step(const Expr& expr, const ExprInstr& instr, ExprArg current) {
  if (instr.type != DType::f32) return false;
  const bool first = instr.args[0] == current;
  const bool second = instr.args[1] == current;
  const ExprArg other = first ? instr.args[1] : instr.args[0];
  const float inf = std::numeric_limits<float>::infinity();
  switch (instr.op) {
    case ExprOp::k_add:
      if (first == second || other >= 0 || added_ >= 0 || clamp_min_ != -inf || clamp_max_ != inf) return false;
      if (other == expr_input(0) || expr.input_types()[static_cast<std::size_t>(-other - 1)] != DType::f32)
        return false;
      added_ = static_cast<int>(first_) - other - 2;
      return true;
    case ExprOp::k_max:
    case ExprOp::k_min: {
      const std::optional<float> bound = constant_of(expr, other);
      if (first == second || !bound || *bound != *bound) return false;
      // A limit below a later lower bound would need the order kept.
      if (instr.op == ExprOp::k_max)
        clamp_min_ = std::max(clamp_min_, *bound);
      else
        clamp_max_ = std::min(clamp_max_, *bound);
      return clamp_min_ <= clamp_max_;
    }
    case ExprOp::k_clamp: {
      const std::optional<float> low = constant_of(expr, instr.args[1]);
      const std::optional<float> high = constant_of(expr, instr.args[2]);
      if (!first || !low || !high || !(*low <= *high)) return false;
      clamp_min_ = std::max(clamp_min_, *low);
      clamp_max_ = std::min(clamp_max_, *high);
      return clamp_min_ <= clamp_max_;
    }
    default: return false;
  }
}

Status EpilogueForm::check(std::string_view kind, std::span<const Operand> inputs, const Shape& out) const {
  return identity_ ? Status::ok() : expect_broadcast(kind, inputs, first_, out);
}

EpilogueForm::Bound EpilogueForm::bind(std::span<const Operand> inputs, const Shape& out, bool bias_taken) const {
  Bound bound;
  if (identity_) return bound;
  const std::int64_t columns = out.empty() ? 1 : out.back();
  const std::int64_t all = element_count(out).value_or(0);
  bool built_in = simple_;
  if (simple_ && added_ >= 0) {
    const Shape& shape = inputs[static_cast<std::size_t>(added_)].shape;
    const std::int64_t count = element_count(shape).value_or(0);
    const bool last_is_one = shape.empty() || shape.back() == 1;
    if (count == all)
      bound.residual = added_;
    else if (count == columns && !last_is_one && !bias_taken)
      bound.bias = added_;
    else if (last_is_one && count * columns == all)
      bound.row_bias = added_;
    else
      built_in = false;
    bound.residual_stride = columns;
  }
  if (built_in) {
    bound.clamp_min = clamp_min_;
    bound.clamp_max = clamp_max_;
    return bound;
  }
  bound.rows = bind_rows(inputs, out);
  return bound;
}

std::optional<RowProgram> EpilogueForm::bind_rows(std::span<const Operand> inputs, const Shape& out) const {
  if (identity_) return std::nullopt;
  std::vector<Shape> shapes;
  for (std::size_t i = first_; i < inputs.size(); ++i) shapes.push_back(inputs[i].shape);
  return RowProgram(*program_, out, shapes);
}

void EpilogueForm::apply_rows(const std::optional<RowProgram>& rows, std::span<const void* const> inputs, float* out,
                              std::int64_t columns, std::int64_t begin, std::int64_t end) const {
  if (!rows) return;
  const RowProgram::Call call{&*rows, inputs.data() + first_};
  while (begin < end) {
    const std::int64_t row = begin / columns;
    const std::int64_t count = std::min(end, (row + 1) * columns) - begin;
    RowProgram::run(&call, {out + begin, 1, columns, count, row, begin - row * columns});
    begin += count;
  }
}

void EpilogueForm::apply(const Bound& bound, std::span<const void* const> inputs, RowProgram::Call& call,
                         Epilogue& epilogue) const {
  const auto floats = [&](int index) { return static_cast<const float*>(inputs[static_cast<std::size_t>(index)]); };
  if (bound.bias >= 0) epilogue.bias = floats(bound.bias);
  if (bound.row_bias >= 0) epilogue.row_bias = floats(bound.row_bias);
  if (bound.residual >= 0) {
    epilogue.residual = floats(bound.residual);
    epilogue.residual_stride = bound.residual_stride;
  }
  epilogue.clamp_min = bound.clamp_min;
  epilogue.clamp_max = bound.clamp_max;
  if (!bound.rows) return;
  call = {&*bound.rows, inputs.data() + first_};
  epilogue.row_fn = &RowProgram::run;
  epilogue.row_ctx = &call;
}

}  // namespace ingot::cpu
