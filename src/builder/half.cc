// SPDX-License-Identifier: Apache-2.0
#include "builder/half.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "ops/moving.h"
#include "plugin/operands.h"

namespace ingot::builder {
namespace {

using plan::Storage;

// Operators whose float operands may all be half: their sums and statistics are fp32 in every kernel.
constexpr std::string_view kKinds[] = {"Conv",
                                       "DeformConv",
                                       "MatMul",
                                       "Pointwise",
                                       "Softmax",
                                       "LogSoftmax",
                                       "Attention",
                                       "LayerNormalization",
                                       "RMSNormalization",
                                       "GroupNormalization",
                                       "InstanceNormalization",
                                       "MaxPool",
                                       "AveragePool",
                                       "GlobalAveragePool",
                                       "GlobalMaxPool",
                                       "ReduceMean",
                                       "ReduceMax",
                                       "ReduceMin",
                                       "Resize"};

// The sizes that a half keeps with all its bits: of fp16 the smallest normal and the largest finite number, of bf16 a
// little within these.
struct Range {
  double least, most;
};
constexpr Range range_of(DType half) { return half == DType::f16 ? Range{0x1p-14, 65504} : Range{1e-37, 3e38}; }

// Masks of "minus a lot" stay finite.
TensorPtr convert(const HostTensor& from, DType half) {
  HostTensor to = HostTensor::create(half, from.shape()).value();
  const double limit = range_of(half).most;
  for (std::int64_t i = 0; i < from.elements(); ++i) {
    const double value = from.as_double(i);
    to.set_double(i, std::isfinite(value) ? std::clamp(value, -limit, limit) : value);
  }
  return share(std::move(to));
}

// Whether a half keeps what the constant says: nothing that overflows, nothing of which only few bits would be left.
// Scales of quantised values are as small as 1e-5.
bool survives(const HostTensor& constant, DType half) {
  const auto [least, most] = range_of(half);
  for (std::int64_t i = 0; i < constant.elements(); ++i) {
    const double size = std::abs(constant.as_double(i));
    if (size != 0 && !(size >= least && size <= most)) return false;
  }
  return true;
}

// A plugin's operator that offers all of its float operands in half.
bool plugin_takes(const Problem& problem, DType half) {
  if (problem.kind.find("::") == std::string::npos) return false;
  Problem halved = problem;
  for (auto* operands : {&halved.inputs, &halved.outputs})
    for (Operand& operand : *operands) {
      if (operand.dtype != DType::f32) continue;
      if (operand.value != nullptr && !survives(*operand.value, half)) return false;
      operand.dtype = half;
      if (operand.value != nullptr) operand.value = convert(*operand.value, half);
    }
  return plugin::takes_types_of(halved, INGOT_PLUGIN_CUDA);
}

bool convertible(const LoweredStep& step, DType half) {
  if (step.by_runtime() || step.data_dependent) return false;
  return ops::only_moves(step.problem.kind) ||
         std::find(std::begin(kKinds), std::end(kKinds), step.problem.kind) != std::end(kKinds) ||
         plugin_takes(step.problem, half);
}

// The same program for operands of these types and a half result, computed as before.
Expr convert(const Expr& expr, const std::vector<DType>& types, DType half) {
  if (expr.is_identity() && types[0] == half) return Expr({half});
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
  if (expr.result_type() == DType::f32) out.add(ExprOp::kCast, half, std::array<ExprArg, 1>{result});
  return out;
}

class Converter {
 public:
  Converter(Lowered& lowered, DType half) : lowered_(lowered), half_(half) {}

  Status run() {
    find_half_tensors();
    std::vector<LoweredStep> steps;
    for (LoweredStep& step : lowered_.steps) {
      if (!convertible(step, half_)) {
        steps.push_back(std::move(step));
        continue;
      }
      std::vector<LoweredStep> after;
      for (std::size_t i = 0; i < step.inputs.size(); ++i) input(step, i, steps);
      for (std::size_t i = 0; i < step.outputs.size(); ++i) output(step, i, after);
      INGOT_RETURN_IF_ERROR(convert_expression(step));
      steps.push_back(std::move(step));
      for (LoweredStep& cast : after) steps.push_back(std::move(cast));
    }
    lowered_.steps = std::move(steps);
    for (std::size_t id = 0; id < is_half_.size(); ++id)
      if (is_half_[id]) lowered_.tensors[id].dtype = half_;
    return Status::ok();
  }

 private:
  std::size_t root_of(std::int32_t id) const {
    while (lowered_.tensors[static_cast<std::size_t>(id)].storage == Storage::alias)
      id = lowered_.tensors[static_cast<std::size_t>(id)].alias_of;
    return static_cast<std::size_t>(id);
  }

  // Activations that only convertible steps touch, and their views.
  void find_half_tensors() {
    const std::size_t count = lowered_.tensors.size();
    std::vector<bool> root_half(count, false);
    for (std::size_t id = 0; id < count; ++id)
      root_half[id] = lowered_.tensors[id].storage == Storage::activation && lowered_.tensors[id].dtype == DType::f32 &&
                      !lowered_.tensors[id].is_object();
    const auto exclude = [&](std::int32_t id) {
      if (id >= 0) root_half[root_of(id)] = false;
    };
    for (const LoweredStep& step : lowered_.steps) {
      if (step.problem.kind == "Resize")
        for (std::size_t i = 1; i < step.inputs.size(); ++i) exclude(step.inputs[i]);
      if (convertible(step, half_)) continue;
      for (const auto* ids : {&step.inputs, &step.outputs})
        for (const std::int32_t id : *ids) exclude(id);
    }
    for (const std::int32_t id : lowered_.outputs) exclude(id);
    is_half_.resize(count);
    for (std::size_t id = 0; id < count; ++id)
      is_half_[id] = root_half[root_of(static_cast<std::int32_t>(id))] && lowered_.tensors[id].dtype == DType::f32;
  }

  std::int32_t add_tensor(std::int32_t like, Storage storage, TensorPtr constant) {
    plan::Tensor tensor = lowered_.tensors[static_cast<std::size_t>(like)];
    tensor.name += fmt::format(".{}", to_string(half_));
    tensor.dtype = half_;
    tensor.storage = storage;
    tensor.alias_of = -1;
    lowered_.tensors.push_back(std::move(tensor));
    lowered_.constants.push_back(std::move(constant));
    return static_cast<std::int32_t>(lowered_.tensors.size()) - 1;
  }

  static LoweredStep cast_step(const std::string& name, std::int32_t from, std::int32_t to, Operand in, DType type) {
    LoweredStep step;
    step.name = name;
    step.problem.kind = "Pointwise";
    Expr expr({in.dtype});
    expr.add(ExprOp::kCast, type, std::array<ExprArg, 1>{expr_input(0)});
    step.problem.attrs.set("expr", expr.to_string());
    in.constant = false;
    in.value = nullptr;
    step.problem.inputs = {in};
    in.dtype = type;
    step.problem.outputs = {in};
    step.inputs = {from};
    step.outputs = {to};
    return step;
  }

  void input(LoweredStep& step, std::size_t i, std::vector<LoweredStep>& before) {
    Operand& operand = step.problem.inputs[i];
    const std::int32_t id = step.inputs[i];
    if (id < 0 || operand.dtype != DType::f32) return;
    if (step.problem.kind == "Resize" && i > 0) return;                      // scales
    if (step.problem.kind == "Attention" && i == 3 && !is_half(id)) return;  // a mask, whose "minus a lot" is no half
    // Expressions take operands of any type.
    const bool of_expression = step.problem.kind == "Pointwise" || i >= step.problem.own_inputs();
    if (of_expression && operand.constant && operand.value != nullptr && !survives(*operand.value, half_)) return;
    if (!is_half(id)) {
      const auto known = halves_.find(id);
      if (known != halves_.end()) {
        step.inputs[i] = known->second;
      } else if (operand.constant && operand.value != nullptr) {
        step.inputs[i] = add_tensor(id, Storage::constant, convert(*operand.value, half_));
      } else {
        step.inputs[i] = add_tensor(id, Storage::activation, nullptr);
        before.push_back(cast_step(step.name + " (cast)", id, step.inputs[i], operand, half_));
      }
      halves_[id] = step.inputs[i];
    }
    operand.dtype = half_;
    if (operand.constant) operand.value = lowered_.constants[static_cast<std::size_t>(step.inputs[i])];
  }

  void output(LoweredStep& step, std::size_t i, std::vector<LoweredStep>& after) {
    Operand& operand = step.problem.outputs[i];
    const std::int32_t id = step.outputs[i];
    if (operand.dtype != DType::f32) return;
    operand.dtype = half_;
    if (id < 0 || is_half(id)) return;
    step.outputs[i] = add_tensor(id, Storage::activation, nullptr);
    after.push_back(cast_step(step.name + " (cast)", step.outputs[i], id, operand, DType::f32));
  }

  Status convert_expression(LoweredStep& step) const {
    const std::string_view name = step.problem.kind == "Pointwise" ? "expr" : "epilogue";
    if (!step.problem.attrs.has(name)) return Status::ok();
    INGOT_ASSIGN_OR_RETURN(const Expr expr, Expr::parse(step.problem.attrs.get_string(name, "")));
    const std::size_t first = step.problem.kind == "Pointwise" ? 0 : step.problem.own_inputs();
    std::vector<DType> types;
    if (first != 0) types.push_back(expr.input_types()[0] == DType::f32 ? half_ : expr.input_types()[0]);
    for (std::size_t i = first; i < step.problem.inputs.size(); ++i) types.push_back(step.problem.inputs[i].dtype);
    step.problem.attrs.set(name, convert(expr, types, half_).to_string());
    return Status::ok();
  }

  // Of tensors that were there before.
  [[nodiscard]] bool is_half(std::int32_t id) const {
    return static_cast<std::size_t>(id) < is_half_.size() && is_half_[static_cast<std::size_t>(id)];
  }

  Lowered& lowered_;
  DType half_;
  std::vector<bool> is_half_;
  std::map<std::int32_t, std::int32_t> halves_;  // the half copy of a tensor that stays fp32
};

}  // namespace

Status make_half(Lowered& lowered, DType half) { return Converter(lowered, half).run(); }

}  // namespace ingot::builder
