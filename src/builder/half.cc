// SPDX-License-Identifier: Apache-2.0
#include "builder/half.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "builder/cast_steps.h"
#include "builder/half_tensors.h"

namespace ingot::builder {
namespace {

using plan::Storage;

// Masks of "minus a lot" stay finite.
TensorPtr convert(const HostTensor& from, DType half) {
  HostTensor to = HostTensor::create(half, from.shape()).value();
  const double limit = most_of(half);
  for (std::int64_t i = 0; i < from.elements(); ++i) {
    const double value = from.as_double(i);
    to.set_double(i, std::isfinite(value) ? std::clamp(value, -limit, limit) : value);
  }
  return share(std::move(to));
}

// The value as the other type; what a half cannot hold as the largest that it can, infinities apart.
void add_cast(Expr& expr, ExprArg value, DType to, bool large) {
  const DType from = expr.type_of(value);
  if (large) {
    const ExprArg low = expr.add_const(from, -most_of(to)), high = expr.add_const(from, most_of(to));
    const ExprArg finite = expr.add(ExprOp::k_clamp, from, std::array<ExprArg, 3>{value, low, high});
    const ExprArg infinite = expr.add(ExprOp::k_is_inf, DType::boolean, std::array<ExprArg, 1>{value});
    value = expr.add(ExprOp::k_select, from, std::array<ExprArg, 3>{infinite, value, finite});
  }
  expr.add(ExprOp::kCast, to, std::array<ExprArg, 1>{value});
}

Expr cast(DType from, DType to, bool large) {
  Expr expr({from});
  add_cast(expr, expr_input(0), to, large);
  return expr;
}

// The same program for operands of these types and a result of type `to`, computed as before.
Expr convert(const Expr& expr, const std::vector<DType>& types, DType half, DType to, bool large) {
  if (expr.is_identity() && types[0] == to) return Expr({to});
  Expr out;
  std::vector<ExprArg> inputs, instrs;
  for (const DType type : types) inputs.push_back(expr_input(out.add_input(type)));
  for (std::size_t i = 0; i < types.size(); ++i)
    if (expr.input_types()[i] == DType::f32 && types[i] == half)
      inputs[i] = out.add(ExprOp::kCast, DType::f32, std::array<ExprArg, 1>{inputs[i]});
  for (ExprInstr instr : expr.instrs()) {
    for (int a = 0; a < arity_of(instr.op); ++a) {
      ExprArg& arg = instr.args[a];
      arg = arg < 0 ? inputs[static_cast<std::size_t>(-arg - 1)] : instrs[static_cast<std::size_t>(arg)];
    }
    instrs.push_back(out.append(instr));
  }
  const ExprArg result = expr.instrs().empty() ? inputs[0] : instrs.back();
  if (out.type_of(result) != to) add_cast(out, result, to, large);
  return out;
}

bool is_product(std::string_view kind) { return kind == "Conv" || kind == "MatMul" || kind == "DeformConv"; }

class Converter {
 public:
  Converter(LoweredProgram& program, DType half)
      : program_(program), half_(half), choice_(half_tensors(program, half)) {}

  Status run() {
    std::vector<LoweredStep> steps;
    for (std::size_t at = 0; at < program_.steps.size(); ++at) {
      LoweredStep& step = program_.steps[at];
      if (!choice_.steps[at]) {
        steps.push_back(std::move(step));
        continue;
      }
      std::vector<LoweredStep> after;
      if (step.problem.kind == "Pointwise") {
        INGOT_RETURN_IF_ERROR(convert_pointwise(step));
      } else if (stays_single(step)) {
        for (std::size_t i = 0; i < step.inputs.size(); ++i) input(step, i, DType::f32, steps);
      } else {
        const std::vector<std::int32_t> operands = step.inputs;
        // Sums are fp32: products give them as they are where fp32 is wanted.
        if (is_product(step.problem.kind) && !is_half(step.outputs[0]) && !step.problem.attrs.has("epilogue"))
          step.problem.attrs.set("epilogue", Expr({DType::f32}).to_string());
        for (std::size_t i = 0; i < step.inputs.size(); ++i) input(step, i, half_, steps);
        for (std::size_t i = 0; i < step.outputs.size(); ++i) output(step, i, after);
        INGOT_RETURN_IF_ERROR(convert_epilogue(step, operands));
      }
      steps.push_back(std::move(step));
      for (LoweredStep& cast : after) steps.push_back(std::move(cast));
    }
    program_.steps = std::move(steps);
    for (std::size_t id = 0; id < choice_.half.size(); ++id)
      if (choice_.half[id]) program_.tensors[id].dtype = half_;
    return Status::ok();
  }

 private:
  // Of tensors that were there before.
  [[nodiscard]] bool is_half(std::int32_t id) const {
    return static_cast<std::size_t>(id) < choice_.half.size() && choice_.half[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] KnownSize size(std::int32_t id) const {
    return id < 0 ? KnownSize{} : choice_.sizes[static_cast<std::size_t>(id)];
  }

  // A step that passes elements on from fp32 to fp32: there is nothing to compute faster, and much to lose. Constants,
  // such as a table of anchors, are in whichever type the others are.
  [[nodiscard]] bool stays_single(const LoweredStep& step) const {
    if (!passes_on(step.problem.kind) || is_half(step.outputs[0])) return false;
    bool halves = false;
    for (std::size_t i = 0; i < step.problem.own_inputs(); ++i) {
      const Operand& operand = step.problem.inputs[i];
      if (operand.dtype != DType::f32 || operand.constant) continue;
      if (!is_half(step.inputs[i])) return true;
      halves = true;
    }
    return !halves;
  }

  // Gives the step its operand as `type`, through a cast step where the tensor is of the other.
  void input(LoweredStep& step, std::size_t i, DType type, std::vector<LoweredStep>& before) {
    Operand& operand = step.problem.inputs[i];
    const std::int32_t id = step.inputs[i];
    if (id < 0 || operand.dtype != DType::f32) return;
    const DType stored = is_half(id) ? half_ : DType::f32;
    if (type == half_) {
      if (step.problem.kind == "Resize" && i > 0) return;                      // scales
      if (step.problem.kind == "Attention" && i == 3 && !is_half(id)) return;  // a mask, whose "minus a lot" is no half
      // Expressions take operands of any type.
      const bool of_expression = i >= step.problem.own_inputs();
      if (of_expression && stored == DType::f32 &&
          (!operand.constant || operand.value == nullptr || !survives(*operand.value, half_)))
        return;
    }
    if (stored != type) {
      std::int32_t& copy = copies_.try_emplace(id, -1).first->second;
      if (copy < 0 && operand.constant && operand.value != nullptr) {
        copy = add_tensor_like(program_, id, type, Storage::constant, convert(*operand.value, half_));
      } else if (copy < 0) {
        copy = add_tensor_like(program_, id, type, Storage::activation, nullptr);
        Operand from = operand;
        from.dtype = stored;
        const bool large = type == half_ && size(id).most > most_of(half_);
        before.push_back(cast_step(step.name, from, cast(stored, type, large), id, copy));
      }
      step.inputs[i] = copy;
    }
    operand.dtype = type;
    if (operand.constant) operand.value = program_.constants[static_cast<std::size_t>(step.inputs[i])];
  }

  void output(LoweredStep& step, std::size_t i, std::vector<LoweredStep>& after) {
    Operand& operand = step.problem.outputs[i];
    const std::int32_t id = step.outputs[i];
    if (operand.dtype != DType::f32) return;
    if (i == 0 && id >= 0 && !is_half(id) && step.problem.attrs.has("epilogue")) return;  // its expression widens
    operand.dtype = half_;
    if (id < 0 || is_half(id)) return;
    step.outputs[i] = add_tensor_like(program_, id, half_, Storage::activation, nullptr);
    copies_[id] = step.outputs[i];  // for steps that want it as half again
    after.push_back(cast_step(step.name, operand, cast(half_, DType::f32, false), step.outputs[i], id));
  }

  // Expressions take every operand as it is stored and give the result as it will be. Constants become half beside a
  // half result.
  Status convert_pointwise(LoweredStep& step) {
    INGOT_ASSIGN_OR_RETURN(const Expr expr, step.problem.epilogue());
    Operand& result = step.problem.outputs[0];
    if (is_half(step.outputs[0])) result.dtype = half_;
    std::vector<LoweredStep> none;
    std::vector<DType> types;
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      Operand& operand = step.problem.inputs[i];
      const bool worth = result.dtype == half_ && operand.constant && operand.dtype == DType::f32 &&
                         operand.value != nullptr && survives(*operand.value, half_);
      if (worth)
        input(step, i, half_, none);
      else if (is_half(step.inputs[i]))
        operand.dtype = half_;
      types.push_back(operand.dtype);
    }
    step.problem.attrs.set("expr", convert(expr, types, half_, result.dtype, false).to_string());
    return Status::ok();
  }

  // `operands`: the step's inputs as they were.
  Status convert_epilogue(LoweredStep& step, const std::vector<std::int32_t>& operands) const {
    if (!step.problem.attrs.has("epilogue")) return Status::ok();
    INGOT_ASSIGN_OR_RETURN(const Expr expr, step.problem.epilogue());
    std::vector<DType> types = {expr.input_types()[0] == DType::f32 ? half_ : expr.input_types()[0]};
    std::vector<KnownSize> sizes = {KnownSize::of_type(expr.input_types()[0])};
    for (std::size_t i = step.problem.own_inputs(); i < step.problem.inputs.size(); ++i) {
      types.push_back(step.problem.inputs[i].dtype);
      sizes.push_back(size(operands[i]));
    }
    const bool large = size_of(expr, sizes).most > most_of(half_);
    step.problem.attrs.set("epilogue", convert(expr, types, half_, step.problem.outputs[0].dtype, large).to_string());
    return Status::ok();
  }

  LoweredProgram& program_;
  DType half_;
  HalfTensors choice_;
  std::map<std::int32_t, std::int32_t> copies_;  // a tensor in the type that it is not stored in
};

}  // namespace

Status make_half(Lowered& lowered, DType half) { return Converter(lowered, half).run(); }

}  // namespace ingot::builder
