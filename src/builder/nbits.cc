// SPDX-License-Identifier: Apache-2.0
#include "builder/nbits.h"

#include <algorithm>
#include <map>

#include "builder/cast_steps.h"

namespace ingot::builder {
namespace {

using plan::Storage;

class Joining {
 public:
  Joining(LoweredProgram& program, const Backend& backend) : program_(program), backend_(backend) {}

  Status run() {
    for (std::size_t i = 0; i < program_.steps.size(); ++i)
      for (const std::int32_t id : program_.steps[i].outputs)
        if (id >= 0) producer_[id] = i;
    for (LoweredStep& step : program_.steps)
      if (step.problem.kind == "MatMul") INGOT_RETURN_IF_ERROR(join(step));
    drop_unused();
    return Status::ok();
  }

 private:
  [[nodiscard]] const LoweredStep* producer(std::int32_t id) const {
    const auto found = producer_.find(id);
    return found == producer_.end() ? nullptr : &program_.steps[found->second];
  }

  static bool is_cast_to_f32(const Problem& problem) {
    if (problem.kind != "Pointwise" || problem.inputs.size() != 1 || problem.outputs[0].dtype != DType::f32)
      return false;
    const Result<Expr> expr = problem.epilogue();
    const DType from = problem.inputs[0].dtype;
    return expr.is_ok() && expr->instrs().size() == 1 && expr->instrs()[0].op == ExprOp::kCast &&
           (from == DType::f16 || from == DType::bf16);
  }

  // Drops what is at the end of that axis alone.
  static bool is_cut(const Problem& problem, std::int64_t axis) {
    if (problem.kind != "Slice" || problem.inputs.size() < 4) return false;
    const auto only = [&](std::size_t i, std::int64_t wanted) {
      const Operand& operand = problem.inputs[i];
      return operand.value != nullptr && operand.value->elements() == 1 && operand.value->as_int(0) == wanted;
    };
    return only(1, 0) && (only(3, axis) || only(3, axis - 2)) && (problem.inputs.size() == 4 || only(4, 1));
  }

  // The step that dequantises a MatMul's matrix in blocks of rows.
  [[nodiscard]] const LoweredStep* dequantisation(const LoweredStep& product) const {
    const std::int64_t axis = product.problem.attrs.get_int("transB", 0) != 0 ? 1 : 0;
    const LoweredStep* step = producer(product.inputs[1]);
    while (step != nullptr && (is_cast_to_f32(step->problem) || is_cut(step->problem, axis)))
      step = producer(step->inputs[0]);
    if (step == nullptr || step->problem.kind != "DequantizeLinear") return nullptr;
    const Problem& problem = step->problem;
    if (problem.attrs.get_int("block_size", 0) < 1 || problem.attrs.has("epilogue")) return nullptr;
    const std::int64_t given = problem.attrs.get_int("axis", 1);
    const bool constant = std::all_of(problem.inputs.begin(), problem.inputs.end(), [](const Operand& operand) {
      return !operand.present() || (operand.constant && operand.value != nullptr);
    });
    const bool fits = problem.inputs[0].shape.size() == 2 && (given == axis || given == axis - 2);
    return constant && fits ? step : nullptr;
  }

  Status join(LoweredStep& step) {
    Problem& product = step.problem;
    if (product.own_inputs() < 2 || product.inputs[1].shape.size() != 2 || product.attrs.get_int("exact", 0) != 0)
      return Status::ok();
    const LoweredStep* from = dequantisation(step);
    if (from == nullptr) return Status::ok();
    const std::size_t own = product.own_inputs();
    LoweredStep joined = step;
    joined.problem.kind = "MatMulNBits";
    joined.problem.attrs.set("K", product.inputs[1].shape[product.attrs.get_int("transB", 0) != 0 ? 1 : 0]);
    joined.problem.attrs.set("block_size", from->problem.attrs.get_int("block_size", 0));
    joined.problem.inputs = {product.inputs[0]};
    joined.inputs = {step.inputs[0]};
    const auto add = [&](const LoweredStep& of, std::size_t i, bool present) {
      joined.problem.inputs.push_back(present ? of.problem.inputs[i] : Operand{});
      joined.inputs.push_back(present ? of.inputs[i] : -1);
    };
    for (const std::size_t i : {0, 1, 2}) add(*from, i, from->problem.has_input(i));
    add(step, 2, product.has_input(2));
    for (std::size_t i = own; i < product.inputs.size(); ++i) add(step, i, true);
    while (!joined.problem.inputs.back().present()) {
      joined.problem.inputs.pop_back();
      joined.inputs.pop_back();
    }
    INGOT_RETURN_IF_ERROR(widen_scales(joined));
    const DeviceInfo device = backend_.device();
    const auto tactics = backend_.tactics();
    if (std::any_of(tactics.begin(), tactics.end(), [&](const Tactic* tactic) {
          return !tactic->is_plain() && tactic->supports(joined.problem, device).ok();
        }))
      step = std::move(joined);
    return Status::ok();
  }

  Status widen_scales(LoweredStep& step) {
    Operand& scales = step.problem.inputs[2];
    if (scales.dtype != DType::f16 && scales.dtype != DType::bf16) return Status::ok();
    const std::int32_t id = step.inputs[2];
    auto found = wide_.find(id);
    if (found == wide_.end()) {
      INGOT_ASSIGN_OR_RETURN(HostTensor wide, HostTensor::create(DType::f32, scales.shape));
      for (std::int64_t i = 0; i < wide.elements(); ++i) wide.set_double(i, scales.value->as_double(i));
      found =
          wide_.emplace(id, add_tensor_like(program_, id, DType::f32, Storage::constant, share(std::move(wide)))).first;
    }
    step.inputs[2] = found->second;
    scales.dtype = DType::f32;
    scales.value = program_.constants[static_cast<std::size_t>(found->second)];
    return Status::ok();
  }

  // Dequantisations, casts and cuts whose result nothing reads any more, from the last one on.
  void drop_unused() {
    std::vector<int> uses(program_.tensors.size(), 0);
    const auto use = [&](std::int32_t id) {
      if (id >= 0) ++uses[static_cast<std::size_t>(id)];
    };
    for (const LoweredStep& step : program_.steps) std::for_each(step.inputs.begin(), step.inputs.end(), use);
    std::for_each(program_.outputs.begin(), program_.outputs.end(), use);
    for (const plan::Tensor& tensor : program_.tensors) use(tensor.alias_of);
    for (std::size_t i = program_.steps.size(); i-- > 0;) {
      const LoweredStep& step = program_.steps[i];
      const bool of_chain =
          step.problem.kind == "DequantizeLinear" || step.problem.kind == "Slice" || is_cast_to_f32(step.problem);
      if (!of_chain || uses[static_cast<std::size_t>(step.outputs[0])] != 0) continue;
      for (const std::int32_t id : step.inputs)
        if (id >= 0) --uses[static_cast<std::size_t>(id)];
      program_.steps.erase(program_.steps.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  LoweredProgram& program_;
  const Backend& backend_;
  std::map<std::int32_t, std::size_t> producer_;
  std::map<std::int32_t, std::int32_t> wide_;  // scales in fp32, by those in halves
};

}  // namespace

Status join_nbits(Lowered& lowered, const Backend& backend) {
  for (LoweredProgram& program : lowered.programs) INGOT_RETURN_IF_ERROR(Joining(program, backend).run());
  return Joining(lowered, backend).run();
}

}  // namespace ingot::builder
