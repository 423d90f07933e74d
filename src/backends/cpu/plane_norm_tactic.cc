// SPDX-License-Identifier: Apache-2.0
// cpu.norm.planes: InstanceNormalization and GroupNormalization in the ONNX layout, where a group lies in one piece.
#include "backends/cpu/axes.h"
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct PlaneState final : KernelState {
  std::int64_t batch = 0, groups = 1, width = 1, pixels = 1;  // width: channels of a group
  std::int64_t columns = 1;
  std::optional<RowProgram> epilogue;
};

class PlaneNormKernel final : public Kernel {
 public:
  PlaneNormKernel(const Problem& problem, EpilogueForm form)
      : form_(std::move(form)),
        groups_(problem.attrs.get_int("num_groups", 0)),
        epsilon_(static_cast<float>(problem.attrs.get_float("epsilon", 1e-5))) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<PlaneState>();
    const Shape& x = args.inputs[0].shape;
    if (x.size() < 2) return invalid_argument("normalization of rank {}", x.size());
    state->batch = x[0];
    state->groups = groups_ > 0 ? groups_ : x[1];
    state->pixels = product(x, 2, x.size());
    if (state->groups > 0 && x[1] % state->groups != 0)
      return invalid_argument("{} channels in {} groups", x[1], state->groups);
    state->width = state->groups > 0 ? x[1] / state->groups : 0;
    INGOT_RETURN_IF_ERROR(expect_shape("normalization", "the output", args.outputs[0].shape, x));
    for (const std::size_t i : {1, 2})
      INGOT_RETURN_IF_ERROR(expect_elements("normalization", i == 1 ? "scale" : "bias", args.inputs[i], x[1]));
    INGOT_RETURN_IF_ERROR(form_.check("normalization", args.inputs, x));
    state->columns = x.back();
    state->epilogue = form_.bind_rows(args.inputs, args.outputs[0].shape);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const PlaneState&>(*args.state);
    const std::int64_t size = s.width * s.pixels;
    if (size == 0) return Status::ok();
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    const TaskSplit split(s.batch * s.groups, s.batch * s.groups * size * 2, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t channel = unit % s.groups * s.width;
        normalise_planes(x + unit * size, s.width, s.pixels, static_cast<const float*>(args.inputs[1]) + channel,
                         static_cast<const float*>(args.inputs[2]) + channel, epsilon_, y + unit * size);
        form_.apply_rows(s.epilogue, args.inputs, y, s.columns, unit * size, (unit + 1) * size);
      }
    });
    return Status::ok();
  }

 private:
  EpilogueForm form_;
  std::int64_t groups_;
  float epsilon_;
};

Support supports(const Problem& problem) {
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
  const Shape& x = problem.inputs[0].shape;
  if (problem.attrs.get_int("channels_last", 0) != 0) return Support::no(Refusal::kLayout, "channels_last");
  if (x.size() < 2) return Support::no(Refusal::kShape);
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}})
    if (!problem.has_input(i) || problem.inputs[i].shape != Shape{x[1]})
      return Support::no(Refusal::kShape, "scale and bias per channel");
  const Result<EpilogueForm> form = EpilogueForm::make(problem);
  return form.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, form.status().message());
}

}  // namespace

const Tactic& plane_norm_tactic() {
  static const SimpleTactic tactic(
      "cpu.norm.planes", {"InstanceNormalization", "GroupNormalization"}, supports,
      [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
        INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
        return std::unique_ptr<Kernel>(std::make_unique<PlaneNormKernel>(problem, std::move(form)));
      });
  return tactic;
}

}  // namespace ingot::cpu
