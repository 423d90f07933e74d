// SPDX-License-Identifier: Apache-2.0
// cpu.plain: any operator by the reference evaluator, the correct last resort.
#include "backends/cpu/plain_tactic.h"

#include <cstring>

#include "backends/cpu/tactics.h"
#include "reference/evaluate.h"

namespace ingot::cpu {
namespace {

struct PlainState final : KernelState {
  std::vector<Operand> inputs, outputs;
};

class HostTactic final : public PlainTactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cpu.plain"; }
  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string&,
                                       std::span<const std::span<const std::byte>>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<PlainKernel>(problem));
  }
};

}  // namespace

PlainKernel::PlainKernel(const Problem& problem) : kind_(problem.kind), attrs_(problem.attrs) {
  for (const Operand& output : problem.outputs) output_types_.push_back(output.dtype);
}

Result<std::unique_ptr<KernelState>> PlainKernel::configure(const ConfigureArgs& args) const {
  auto state = std::make_unique<PlainState>();
  state->inputs.assign(args.inputs.begin(), args.inputs.end());
  state->outputs.assign(args.outputs.begin(), args.outputs.end());
  return std::unique_ptr<KernelState>(std::move(state));
}

Status PlainKernel::launch(const LaunchArgs& args) const {
  const auto& state = static_cast<const PlainState&>(*args.state);
  std::vector<HostTensor> tensors(state.inputs.size());
  std::vector<const HostTensor*> operands(state.inputs.size(), nullptr);
  for (std::size_t i = 0; i < state.inputs.size(); ++i) {
    if (!state.inputs[i].present()) continue;
    INGOT_ASSIGN_OR_RETURN(tensors[i], read(state.inputs[i], args.inputs[i]));
    operands[i] = &tensors[i];
  }
  reference::Call call;
  call.op = kind_;
  call.attrs = &attrs_;
  call.inputs = operands;
  call.output_count = output_types_.size();
  call.output_types = output_types_;
  INGOT_ASSIGN_OR_RETURN(const std::vector<HostTensor> results, reference::evaluate(call));
  for (std::size_t i = 0; i < results.size() && i < args.outputs.size(); ++i)
    INGOT_RETURN_IF_ERROR(store(args, state.outputs[i], i, results[i]));
  return Status::ok();
}

Result<HostTensor> PlainKernel::read(const Operand& operand, const void* from) const {
  const std::int64_t count = element_count(operand.shape).value_or(0);
  const auto bytes = static_cast<std::size_t>(bytes_of(operand.dtype, count).value_or(0));
  return HostTensor::view(operand.dtype, operand.shape, {static_cast<const std::byte*>(from), bytes}, nullptr);
}

Status PlainKernel::write(void* to, std::span<const std::byte> bytes) const {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return Status::ok();
}

Status PlainKernel::store(const LaunchArgs& args, const Operand& expected, std::size_t i,
                          const HostTensor& result) const {
  void* to = args.outputs[i];
  if (to == nullptr && (!expected.present() || args.allocator == nullptr)) return Status::ok();
  // A shape that the data decide comes as it is; of the type a plan may only claim.
  if (result.dtype() != expected.dtype || (to != nullptr && result.shape() != expected.shape))
    return internal("output {}: computed {}{}, planned {}{}", i, to_string(result.dtype()), to_string(result.shape()),
                    to_string(expected.dtype), to_string(expected.shape));
  if (to == nullptr) {
    INGOT_ASSIGN_OR_RETURN(to, args.allocator->allocate(i, result.shape()));
  }
  return write(to, result.bytes());
}

Support PlainTactic::supports(const Problem& problem, const DeviceInfo&) const {
  if (!reference::supports(problem.kind)) return Support::no(Refusal::kKind);
  for (const auto* list : {&problem.inputs, &problem.outputs})
    for (const Operand& operand : *list)
      if (operand.dtype == DType::string) return Support::no(Refusal::kDType, "strings");
  return Support::yes();
}

const Tactic& plain_tactic() {
  static const HostTactic tactic;
  return tactic;
}

}  // namespace ingot::cpu
