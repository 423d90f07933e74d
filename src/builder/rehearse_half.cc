// SPDX-License-Identifier: Apache-2.0
#include "builder/rehearse_half.h"

#include <array>
#include <map>

#include "builder/cast_steps.h"
#include "ops/moving.h"

namespace ingot::builder {
namespace {

using plan::Storage;

TensorPtr widened(const HostTensor& half) {
  HostTensor wide = HostTensor::create(DType::f32, half.shape()).value();
  auto* to = wide.mutable_data<float>();
  for (std::int64_t i = 0; i < half.elements(); ++i) to[i] = static_cast<float>(half.as_double(i));
  return share(std::move(wide));
}

class Rehearsal {
 public:
  Rehearsal(LoweredProgram& program, DType half) : program_(program), half_(half) {}

  Status run() {
    std::vector<LoweredStep> steps;
    for (LoweredStep& step : program_.steps) {
      std::vector<LoweredStep> after;
      // Expressions and operators that move elements take halves on every device.
      if (step.problem.kind != "Pointwise" && !ops::only_moves(step.problem.kind) && !step.by_runtime()) {
        INGOT_RETURN_IF_ERROR(widen_epilogue(step));
        for (std::size_t i = 0; i < step.inputs.size(); ++i) input(step, i, steps);
        for (std::size_t i = 0; i < step.outputs.size(); ++i) output(step, i, after);
      }
      steps.push_back(std::move(step));
      for (LoweredStep& cast : after) steps.push_back(std::move(cast));
    }
    program_.steps = std::move(steps);
    return Status::ok();
  }

 private:
  // The expression takes its operands in fp32 and keeps what it did with them, but for the last rounding.
  Status widen_epilogue(LoweredStep& step) const {
    if (!step.problem.attrs.has("epilogue")) return Status::ok();
    INGOT_ASSIGN_OR_RETURN(const Expr expr, step.problem.epilogue());
    std::vector<DType> types = expr.input_types();
    for (DType& type : types)
      if (type == half_) type = DType::f32;
    Expr wide(std::move(types));
    for (const ExprInstr& instr : expr.instrs()) wide.append(instr);
    if (wide.result_type() == half_) wide.add(ExprOp::kCast, DType::f32, std::array<ExprArg, 1>{last(wide)});
    INGOT_RETURN_IF_ERROR(wide.validate());
    step.problem.attrs.set("epilogue", wide.simplified().to_string());
    return Status::ok();
  }

  static ExprArg last(const Expr& expr) {
    return expr.instrs().empty() ? expr_input(0) : static_cast<ExprArg>(expr.instrs().size()) - 1;
  }

  static Expr cast(DType from, DType to) {
    Expr expr({from});
    expr.add(ExprOp::kCast, to, std::array<ExprArg, 1>{expr_input(0)});
    return expr;
  }

  void input(LoweredStep& step, std::size_t i, std::vector<LoweredStep>& before) {
    Operand& operand = step.problem.inputs[i];
    if (operand.dtype != half_) return;
    std::int32_t& copy = wide_.try_emplace(step.inputs[i], -1).first->second;
    if (copy < 0 && operand.constant && operand.value != nullptr) {
      copy = add_tensor_like(program_, step.inputs[i], DType::f32, Storage::constant, widened(*operand.value));
    } else if (copy < 0) {
      copy = add_tensor_like(program_, step.inputs[i], DType::f32, Storage::activation, nullptr);
      before.push_back(cast_step(step.name, operand, cast(half_, DType::f32), step.inputs[i], copy));
    }
    step.inputs[i] = copy;
    operand.dtype = DType::f32;
    if (operand.constant) operand.value = program_.constants[static_cast<std::size_t>(copy)];
  }

  void output(LoweredStep& step, std::size_t i, std::vector<LoweredStep>& after) {
    Operand& operand = step.problem.outputs[i];
    if (operand.dtype != half_) return;
    operand.dtype = DType::f32;
    if (step.outputs[i] < 0) return;
    const std::int32_t wide = add_tensor_like(program_, step.outputs[i], DType::f32, Storage::activation, nullptr);
    after.push_back(cast_step(step.name, operand, cast(DType::f32, half_), wide, step.outputs[i]));
    step.outputs[i] = wide;
  }

  LoweredProgram& program_;
  DType half_;
  std::map<std::int32_t, std::int32_t> wide_;  // half tensor -> its fp32 form
};

}  // namespace

Status rehearse_half(LoweredProgram& program, DType half) { return Rehearsal(program, half).run(); }

}  // namespace ingot::builder
