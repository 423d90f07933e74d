// SPDX-License-Identifier: Apache-2.0
// cpu.softmax.columns: f32 Softmax and LogSoftmax along another dimension than the innermost.
#include "backends/cpu/axes.h"
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/softmax_columns.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct ColumnState final : KernelState {
  std::int64_t outer = 0, length = 0, inner = 0;
};

class ColumnKernel final : public Kernel {
 public:
  explicit ColumnKernel(const Problem& problem)
      : kind_(problem.kind), axis_(problem.attrs.get_int("axis", -1)), in_place_(problem.inputs[0].constant ? -1 : 0) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<ColumnState>();
    const Shape& shape = args.inputs[0].shape;
    const std::optional<std::size_t> axis = normal_axis(axis_, shape.size());
    if (!axis) return invalid_argument("{}: axis {} of {}", kind_, axis_, to_string(shape));
    state->outer = product(shape, 0, *axis);
    state->length = shape[*axis];
    state->inner = product(shape, *axis + 1, shape.size());
    INGOT_RETURN_IF_ERROR(expect_shape(kind_, "the output", args.outputs[0].shape, shape));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const ColumnState&>(*args.state);
    if (s.length == 0 || s.inner == 0) return Status::ok();
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    const std::int64_t chunks = ceil_div(s.inner, kChunk);
    const TaskSplit split(s.outer * chunks, s.outer * s.length * s.inner * 8, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t column = unit % chunks * kChunk;
        const std::int64_t at = unit / chunks * s.length * s.inner + column;
        softmax_columns(x + at, s.length, s.inner, std::min(kChunk, s.inner - column), kind_ == "LogSoftmax", y + at);
      }
    });
    return Status::ok();
  }

  [[nodiscard]] int in_place_input() const override { return in_place_; }

 private:
  static constexpr std::int64_t kChunk = 64;  // columns: some cache lines of each row

  std::string kind_;
  std::int64_t axis_;
  int in_place_;
};

Support supports(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32 || problem.outputs[0].dtype != DType::f32)
    return Support::no(Refusal::kDType);
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  const Shape& shape = problem.inputs[0].shape;
  const std::optional<std::size_t> axis = normal_axis(problem.attrs.get_int("axis", -1), shape.size());
  if (!axis) return Support::no(Refusal::kShape);
  return *axis + 1 == shape.size() ? Support::no(Refusal::kNotWorthIt, "along the last dimension") : Support::yes();
}

}  // namespace

const Tactic& softmax_columns_tactic() {
  static const SimpleTactic tactic("cpu.softmax.columns", {"Softmax", "LogSoftmax"}, supports,
                                   load_kernel<ColumnKernel>);
  return tactic;
}

}  // namespace ingot::cpu
