// SPDX-License-Identifier: Apache-2.0
#include "builder/cast_steps.h"

#include <fmt/format.h>

namespace ingot::builder {

std::int32_t add_tensor_like(LoweredProgram& program, std::int32_t like, DType type, plan::Storage storage,
                             TensorPtr constant) {
  plan::Tensor tensor = program.tensors[static_cast<std::size_t>(like)];
  tensor.name += fmt::format(".{}", to_string(type));
  tensor.dtype = type;
  tensor.storage = storage;
  tensor.alias_of = -1;
  program.tensors.push_back(std::move(tensor));
  program.constants.push_back(std::move(constant));
  return static_cast<std::int32_t>(program.tensors.size()) - 1;
}

LoweredStep cast_step(const std::string& name, Operand operand, const Expr& expr, std::int32_t from, std::int32_t to) {
  LoweredStep step;
  step.name = name + " (cast)";
  step.problem.kind = "Pointwise";
  step.problem.attrs.set("expr", expr.to_string());
  operand.constant = false;
  operand.value = nullptr;
  step.problem.inputs = {operand};
  operand.dtype = expr.result_type();
  step.problem.outputs = {operand};
  step.inputs = {from};
  step.outputs = {to};
  return step;
}

}  // namespace ingot::builder
