// SPDX-License-Identifier: Apache-2.0
#include "builder/rehearse_half.h"

#include <array>
#include <map>

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

  std::int32_t add_tensor(std::int32_t like, Storage storage, TensorPtr constant) {
    plan::Tensor tensor = program_.tensors[static_cast<std::size_t>(like)];
    tensor.name += ".f32";
    tensor.dtype = DType::f32;
    tensor.storage = storage;
    tensor.alias_of = -1;
    program_.tensors.push_back(std::move(tensor));
    program_.constants.push_back(std::move(constant));
    return static_cast<std::int32_t>(program_.tensors.size()) - 1;
  }

  static LoweredStep cast_step(const std::string& name, Operand operand, std::int32_t from, std::int32_t to,
                               DType type) {
    LoweredStep step;
    step.name = name + " (cast)";
    step.problem.kind = "Pointwise";
    Expr expr({operand.dtype});
    expr.add(ExprOp::kCast, type, std::array<ExprArg, 1>{expr_input(0)});
    step.problem.attrs.set("expr", expr.to_string());
    step.problem.inputs = {operand};
    operand.dtype = type;
    step.problem.outputs = {operand};
    step.inputs = {from};
    step.outputs = {to};
    return step;
  }

  void input(LoweredStep& step, std::size_t i, std::vector<LoweredStep>& before) {
    Operand& operand = step.problem.inputs[i];
    if (operand.dtype != half_) return;
    std::int32_t& copy = wide_.try_emplace(step.inputs[i], -1).first->second;
    if (copy < 0 && operand.constant && operand.value != nullptr) {
      copy = add_tensor(step.inputs[i], Storage::constant, widened(*operand.value));
    } else if (copy < 0) {
      copy = add_tensor(step.inputs[i], Storage::activation, nullptr);
      before.push_back(cast_step(step.name, operand, step.inputs[i], copy, DType::f32));
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
    const std::int32_t wide = add_tensor(step.outputs[i], Storage::activation, nullptr);
    after.push_back(cast_step(step.name, operand, wide, step.outputs[i], half_));
    step.outputs[i] = wide;
  }

  LoweredProgram& program_;
  DType half_;
  std::map<std::int32_t, std::int32_t> wide_;  // half tensor -> its fp32 form
};

}  // namespace

Status rehearse_half(LoweredProgram& program, DType half) { return Rehearsal(program, half).run(); }

}  // namespace ingot::builder
