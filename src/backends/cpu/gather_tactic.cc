// SPDX-License-Identifier: Apache-2.0
// cpu.gather: Gather as copies of runs.
#include <cstring>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct GatherState final : KernelState {
  std::int64_t outer = 1, axis = 1, run_bytes = 1, indices = 1;
};

class GatherKernel final : public Kernel {
 public:
  explicit GatherKernel(const Problem& problem)
      : axis_(problem.attrs.get_int("axis", 0)),
        bytes_(bits_of(problem.inputs[0].dtype) / 8),
        wide_(problem.inputs[1].dtype == DType::i64) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<GatherState>();
    const Shape& shape = args.inputs[0].shape;
    const std::optional<std::size_t> axis = normal_axis(axis_, shape.size());
    if (!axis) return invalid_argument("Gather: axis {} of {}", axis_, to_string(shape));
    state->outer = product(shape, 0, *axis);
    state->axis = shape[*axis];
    state->run_bytes = product(shape, *axis + 1, shape.size()) * bytes_;
    state->indices = element_count(args.inputs[1].shape).value_or(0);
    INGOT_RETURN_IF_ERROR(expect_elements("Gather", "the output", args.outputs[0],
                                          state->outer * state->indices * state->run_bytes / bytes_));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const GatherState&>(*args.state);
    const void* list = args.inputs[1];
    for (std::int64_t i = 0; i < state.indices; ++i) {
      const std::int64_t index = index_at(list, i);
      if (index < -state.axis || index >= state.axis)
        return invalid_argument("Gather: index {} is outside a dimension of {}", index, state.axis);
    }
    const auto* in = static_cast<const std::byte*>(args.inputs[0]);
    auto* out = static_cast<std::byte*>(args.outputs[0]);
    const std::int64_t units = state.outer * state.indices;
    const TaskSplit split(units, units * (16 + state.run_bytes / 4), args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t outer = unit / state.indices;
        std::int64_t index = index_at(list, unit - outer * state.indices);
        if (index < 0) index += state.axis;
        std::memcpy(out + unit * state.run_bytes, in + (outer * state.axis + index) * state.run_bytes,
                    static_cast<std::size_t>(state.run_bytes));
      }
    });
    return Status::ok();
  }

 private:
  std::int64_t index_at(const void* list, std::int64_t i) const {
    return wide_ ? static_cast<const std::int64_t*>(list)[i] : static_cast<const std::int32_t*>(list)[i];
  }
  std::int64_t axis_;
  std::int64_t bytes_;
  bool wide_;
};

Support supports(const Problem& problem) {
  if (bits_of(problem.inputs[0].dtype) < 8) return Support::no(Refusal::kDType);
  const DType type = problem.inputs[1].dtype;
  if (type != DType::i64 && type != DType::i32) return Support::no(Refusal::kDType, "indices");
  if (!normal_axis(problem.attrs.get_int("axis", 0), problem.inputs[0].shape.size()))
    return Support::no(Refusal::kShape);
  return Support::yes();
}

}  // namespace

const Tactic& gather_tactic() {
  static const SimpleTactic tactic("cpu.gather", {"Gather"}, supports,
                                   [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
                                     return std::unique_ptr<Kernel>(std::make_unique<GatherKernel>(problem));
                                   });
  return tactic;
}

}  // namespace ingot::cpu
