// SPDX-License-Identifier: Apache-2.0
// cpu.norm.batch: BatchNormalization with parameters that a run brings; constant ones have become part of other steps.
#include <cmath>

#include "backends/cpu/axes.h"
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

constexpr std::string_view kOperands[] = {"", "scale", "B", "input_mean", "input_var"};

struct BatchState final : KernelState {
  std::int64_t channels = 0, lines = 0, length = 1;  // channels last: lines of all channels; else of one each
  std::int64_t columns = 1;
  std::optional<RowProgram> epilogue;
};

class BatchNormKernel final : public Kernel {
 public:
  BatchNormKernel(const Problem& problem, EpilogueForm form)
      : form_(std::move(form)),
        last_(problem.attrs.get_int("channels_last", 0) != 0),
        epsilon_(problem.attrs.get_float("epsilon", 1e-5)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<BatchState>();
    const Shape& x = args.inputs[0].shape;
    if (x.size() < 2) return invalid_argument("BatchNormalization of rank {}", x.size());
    state->channels = x[last_ ? x.size() - 1 : 1];
    state->length = last_ ? state->channels : product(x, 2, x.size());
    state->lines = last_ ? product(x, 0, x.size() - 1) : x[0] * x[1];
    INGOT_RETURN_IF_ERROR(expect_shape("BatchNormalization", "the output", args.outputs[0].shape, x));
    for (std::size_t i = 1; i < std::size(kOperands); ++i)
      INGOT_RETURN_IF_ERROR(expect_elements("BatchNormalization", kOperands[i], args.inputs[i], state->channels));
    INGOT_RETURN_IF_ERROR(form_.check("BatchNormalization", args.inputs, x));
    state->columns = x.back();
    state->epilogue = form_.bind_rows(args.inputs, x);
    state->workspace_bytes = static_cast<std::size_t>(state->channels) * 2 * sizeof(float);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const BatchState&>(*args.state);
    const std::int64_t n = s.length;
    if (n == 0 || s.lines == 0) return Status::ok();
    auto* factor = reinterpret_cast<float*>(args.workspace.data());
    float* addend = factor + s.channels;
    const auto operand = [&](std::size_t i) { return static_cast<const float*>(args.inputs[i]); };
    for (std::int64_t c = 0; c < s.channels; ++c) {
      const double scale =
          static_cast<double>(operand(1)[c]) / std::sqrt(static_cast<double>(operand(4)[c]) + epsilon_);
      factor[c] = static_cast<float>(scale);
      addend[c] = static_cast<float>(static_cast<double>(operand(2)[c]) - static_cast<double>(operand(3)[c]) * scale);
    }
    const float* x = operand(0);
    auto* y = static_cast<float*>(args.outputs[0]);
    const TaskSplit split(s.lines, s.lines * n, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t line = split.begin(task); line < split.end(task); ++line) {
        const float* from = x + line * n;
        float* to = y + line * n;
        if (last_) {
          scale_shift_row(from, n, factor, addend, to);
        } else {
          const float a = factor[line % s.channels], b = addend[line % s.channels];
          for (std::int64_t i = 0; i < n; ++i) to[i] = from[i] * a + b;
        }
      }
      form_.apply_rows(s.epilogue, args.inputs, y, s.columns, split.begin(task) * n, split.end(task) * n);
    });
    return Status::ok();
  }

 private:
  EpilogueForm form_;
  bool last_;
  double epsilon_;
};

Support supports(const Problem& problem) {
  if (problem.attrs.get_int("training_mode", 0) != 0) return Support::no(Refusal::kAttribute, "training_mode");
  if (problem.own_inputs() != std::size(kOperands) || problem.inputs[0].shape.size() < 2)
    return Support::no(Refusal::kShape);
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
  for (std::size_t i = 1; i < problem.outputs.size(); ++i)
    if (problem.outputs[i].present()) return Support::no(Refusal::kAttribute, "statistics as outputs");
  const Result<EpilogueForm> form = EpilogueForm::make(problem);
  return form.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, form.status().message());
}

}  // namespace

const Tactic& batch_norm_tactic() {
  static const SimpleTactic tactic(
      "cpu.norm.batch", {"BatchNormalization"}, supports,
      [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
        INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
        return std::unique_ptr<Kernel>(std::make_unique<BatchNormKernel>(problem, std::move(form)));
      });
  return tactic;
}

}  // namespace ingot::cpu
