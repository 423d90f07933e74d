// SPDX-License-Identifier: Apache-2.0
// cpu.dim_tensor: sizes as a tensor. The expressions are evaluated when shapes are set; a launch only copies.
#include <cstring>

#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct DimTensorState final : KernelState {
  HostTensor values;
};

class DimTensorKernel final : public Kernel {
 public:
  explicit DimTensorKernel(const Problem& problem)
      : dims_(std::get<SymShape>(*problem.attrs.find("dims"))), output_(problem.outputs[0]) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    static const SymbolValues kNone;
    auto state = std::make_unique<DimTensorState>();
    INGOT_RETURN_IF_ERROR(
        expect_elements("DimTensor", "the output", args.outputs[0], static_cast<std::int64_t>(dims_.size())));
    INGOT_ASSIGN_OR_RETURN(state->values, HostTensor::create(output_.dtype, output_.shape));
    for (std::size_t i = 0; i < dims_.size(); ++i) {
      INGOT_ASSIGN_OR_RETURN(const std::int64_t value,
                             dims_[i].evaluate(args.symbols != nullptr ? *args.symbols : kNone));
      state->values.set_int(static_cast<std::int64_t>(i), value);
    }
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const std::span<const std::byte> bytes = static_cast<const DimTensorState&>(*args.state).values.bytes();
    if (!bytes.empty() && args.outputs[0] != nullptr) std::memcpy(args.outputs[0], bytes.data(), bytes.size());
    return Status::ok();
  }

 private:
  SymShape dims_;
  Operand output_;
};

Support supports(const Problem& problem) {
  const Attr* dims = problem.attrs.find("dims");
  if (dims == nullptr || !std::holds_alternative<SymShape>(*dims)) return Support::no(Refusal::kAttribute, "dims");
  if (problem.outputs.size() != 1) return Support::no(Refusal::kShape, "one output");
  if (element_count(problem.outputs[0].shape) != static_cast<std::int64_t>(std::get<SymShape>(*dims).size()))
    return Support::no(Refusal::kShape, "as many elements as dims");
  return Support::yes();
}

}  // namespace

const Tactic& dim_tensor_tactic() {
  static const SimpleTactic tactic("cpu.dim_tensor", {"DimTensor"}, supports, load_kernel<DimTensorKernel>);
  return tactic;
}

}  // namespace ingot::cpu
