// SPDX-License-Identifier: Apache-2.0
// cpu.norm.rows: LayerNormalization, RMSNormalization, Softmax and LogSoftmax along the innermost dimensions.
#include "backends/cpu/axes.h"
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct RowState final : KernelState {
  std::int64_t rows = 0, length = 0, columns = 1;
  std::optional<RowProgram> epilogue;
};

class RowKernel final : public Kernel {
 public:
  RowKernel(const Problem& problem, EpilogueForm form)
      : form_(std::move(form)),
        kind_(problem.kind),
        axis_(problem.attrs.get_int("axis", -1)),
        epsilon_(static_cast<float>(problem.attrs.get_float("epsilon", 1e-5))),
        own_inputs_(problem.own_inputs()),
        has_bias_(problem.has_input(2)) {
    if (problem.inputs[0].shape == problem.outputs[0].shape && !problem.inputs[0].constant) in_place_ = 0;
  }

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<RowState>();
    const Shape& shape = args.inputs[0].shape;
    const std::optional<std::size_t> axis = normal_axis(axis_, shape.size());
    if (!axis) return invalid_argument("{}: axis {} of {}", kind_, axis_, to_string(shape));
    state->rows = product(shape, 0, *axis);
    state->length = product(shape, *axis, shape.size());
    state->columns = shape.back();
    INGOT_RETURN_IF_ERROR(expect_shape(kind_, "the output", args.outputs[0].shape, shape));
    for (std::size_t i = 1; i < own_inputs_; ++i)
      if (args.inputs[i].present())
        INGOT_RETURN_IF_ERROR(expect_elements(kind_, i == 1 ? "scale" : "bias", args.inputs[i], state->length));
    INGOT_RETURN_IF_ERROR(form_.check(kind_, args.inputs, shape));
    state->epilogue = form_.bind_rows(args.inputs, args.outputs[0].shape);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const RowState&>(*args.state);
    const std::int64_t n = state.length;
    if (n == 0) return Status::ok();
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    const TaskSplit split(state.rows, state.rows * n * 8, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t row = split.begin(task); row < split.end(task); ++row) {
        run_row(x + row * n, n, args, y + row * n);
        form_.apply_rows(state.epilogue, args.inputs, y, state.columns, row * n, (row + 1) * n);
      }
    });
    return Status::ok();
  }

  [[nodiscard]] int in_place_input() const override { return in_place_; }

 private:
  void run_row(const float* x, std::int64_t n, const LaunchArgs& args, float* y) const {
    if (kind_ == "Softmax") return softmax_row(x, n, y);
    if (kind_ == "LogSoftmax") return log_softmax_row(x, n, y);
    const auto* bias = has_bias_ ? static_cast<const float*>(args.inputs[2]) : nullptr;
    normalise_row(x, n, static_cast<const float*>(args.inputs[1]), bias, epsilon_, kind_ == "RMSNormalization", y);
  }

  EpilogueForm form_;
  std::string kind_;
  std::int64_t axis_;
  float epsilon_;
  std::size_t own_inputs_;
  bool has_bias_;
  int in_place_ = -1;
};

Support supports(const Problem& problem) {
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
  for (std::size_t i = 1; i < problem.outputs.size(); ++i)
    if (problem.outputs[i].present()) return Support::no(Refusal::kAttribute, "statistics as outputs");
  const Shape& shape = problem.inputs[0].shape;
  const std::optional<std::size_t> axis = normal_axis(problem.attrs.get_int("axis", -1), shape.size());
  if (!axis) return Support::no(Refusal::kShape);
  if (problem.kind == "Softmax" || problem.kind == "LogSoftmax") {
    if (product(shape, *axis + 1, shape.size()) != 1 || *axis + 1 != shape.size())
      return Support::no(Refusal::kShape, "not along the last dimension");
  } else {
    const Shape normal(shape.begin() + static_cast<std::ptrdiff_t>(*axis), shape.end());
    for (std::size_t i = 1; i < problem.own_inputs(); ++i)
      if (problem.inputs[i].present() && problem.inputs[i].shape != normal)
        return Support::no(Refusal::kShape, "scale and bias that broadcast");
  }
  const Result<EpilogueForm> form = EpilogueForm::make(problem);
  return form.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, form.status().message());
}

}  // namespace

const Tactic& norm_rows_tactic() {
  static const SimpleTactic tactic(
      "cpu.norm.rows", {"LayerNormalization", "RMSNormalization", "Softmax", "LogSoftmax"}, supports,
      [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
        INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
        return std::unique_ptr<Kernel>(std::make_unique<RowKernel>(problem, std::move(form)));
      });
  return tactic;
}

}  // namespace ingot::cpu
