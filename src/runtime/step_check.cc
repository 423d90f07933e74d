// SPDX-License-Identifier: Apache-2.0
#include "runtime/step_check.h"

#include "tactics/problem_check.h"

namespace ingot {
namespace {

bool agree(const plan::Tensor& tensor, const Operand& operand) {
  if (tensor.dtype != operand.dtype || tensor.shape.size() != operand.shape.size()) return false;
  for (std::size_t i = 0; i < operand.shape.size(); ++i)
    if (tensor.shape[i].is_constant() && tensor.shape[i].value() != operand.shape[i]) return false;
  return true;
}

Status check_operands(const plan::Step& step, std::string_view what, const std::vector<std::int32_t>& ids,
                      const std::vector<Operand>& operands, std::span<const plan::Tensor> tensors) {
  if (ids.size() != operands.size())
    return corrupt("step '{}': {} {}s for a problem of {}", step.name, ids.size(), what, operands.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0) {
      // Only what a tactic packed may be gone.
      if (operands[i].present() && (what == "output" || !operands[i].constant || step.blobs.empty()))
        return corrupt("step '{}': {} {} is missing", step.name, what, i);
      continue;
    }
    const plan::Tensor& tensor = tensors[static_cast<std::size_t>(ids[i])];
    if (!agree(tensor, operands[i]))
      return corrupt("step '{}': {} {} is {}{}, its problem says {}{}", step.name, what, i, to_string(tensor.dtype),
                     to_string(tensor.shape), to_string(operands[i].dtype), to_string(operands[i].shape));
  }
  return Status::ok();
}

}  // namespace

Status check_step(const plan::Step& step, const Problem& problem, std::span<const plan::Tensor> tensors,
                  const Tactic& tactic, const DeviceInfo& device) {
  INGOT_RETURN_IF_ERROR(check_operands(step, "input", step.inputs, problem.inputs, tensors));
  INGOT_RETURN_IF_ERROR(check_operands(step, "output", step.outputs, problem.outputs, tensors));
  if (const Status sizes = check_sizes(problem); !sizes.is_ok())
    return corrupt("step '{}': {}", step.name, sizes.message());
  const Support support = tactic.supports(problem, device);
  if (support.ok() || support.reason == Refusal::kNotWorthIt) return Status::ok();
  if (support.reason == Refusal::kIsa || support.reason == Refusal::kLibrary)
    return incompatible("step '{}': {} cannot run here: {}", step.name, tactic.id(), support.detail);
  return corrupt("step '{}': {} does not solve its problem ({}{}{})", step.name, tactic.id(), to_string(support.reason),
                 support.detail.empty() ? "" : ": ", support.detail);
}

}  // namespace ingot
