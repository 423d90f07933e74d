// SPDX-License-Identifier: Apache-2.0
// cpu.pointwise: an expression over broadcast operands.
#include "backends/cpu/kernels/pointwise.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct PointwiseState final : KernelState {
  explicit PointwiseState(PointwiseLoop the_loop) : loop(std::move(the_loop)) {}
  PointwiseLoop loop;
};

class PointwiseKernel final : public Kernel {
 public:
  PointwiseKernel(VectorProgram program, const Problem& problem) : program_(std::move(program)) {
    for (std::size_t i = 0; i < problem.inputs.size() && in_place_ < 0; ++i) {
      const Operand& input = problem.inputs[i];
      if (!input.constant && input.dtype == problem.outputs[0].dtype && input.shape == problem.outputs[0].shape)
        in_place_ = static_cast<int>(i);
    }
  }

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    INGOT_RETURN_IF_ERROR(expect_broadcast("Pointwise", args.inputs, 0, args.outputs[0].shape));
    std::vector<Shape> shapes;
    for (const Operand& input : args.inputs) shapes.push_back(input.shape);
    auto state =
        std::make_unique<PointwiseState>(PointwiseLoop(program_, BroadcastPlan::make(args.outputs[0].shape, shapes)));
    state->workspace_bytes = state->loop.workspace_bytes(args.threads);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    static_cast<const PointwiseState&>(*args.state)
        .loop.run(args.inputs.data(), args.outputs[0], args.workspace.data(), *args.parallel);
    return Status::ok();
  }

  [[nodiscard]] int in_place_input() const override { return in_place_; }

 private:
  VectorProgram program_;
  int in_place_ = -1;
};

Result<VectorProgram> compile(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
  if (expr.input_types().size() != problem.inputs.size() || problem.outputs.size() != 1)
    return invalid_argument("an expression of {} inputs for {} operands", expr.input_types().size(),
                            problem.inputs.size());
  if (problem.inputs.size() > kMaxPointwiseOperands) return unsupported("more than {} operands", kMaxPointwiseOperands);
  std::optional<VectorProgram> program = VectorProgram::compile(expr);
  if (!program) return unsupported("an operation or type without a vector form");
  if (program->result_type() != problem.outputs[0].dtype) return invalid_argument("the output has another type");
  for (std::size_t i = 0; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].dtype != expr.input_types()[i]) return invalid_argument("operand {} has another type", i);
  return *std::move(program);
}

Support supports(const Problem& problem) {
  const Result<VectorProgram> program = compile(problem);
  return program.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, program.status().message());
}

Result<std::unique_ptr<Kernel>> load(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(VectorProgram program, compile(problem));
  return std::unique_ptr<Kernel>(std::make_unique<PointwiseKernel>(std::move(program), problem));
}

}  // namespace

const Tactic& pointwise_tactic() {
  static const SimpleTactic tactic("cpu.pointwise", {"Pointwise"}, supports, load);
  return tactic;
}

}  // namespace ingot::cpu
