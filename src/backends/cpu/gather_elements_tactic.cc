// SPDX-License-Identifier: Apache-2.0
// cpu.gather_elements: GatherElements line by line; along another dimension than the last, neighbours stay neighbours.
#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct GatherElementsState final : KernelState {
  Shape lines;            // the dimensions of the indices but the last
  Ints strides;           // of the data along these; 0 along the axis
  std::int64_t line = 0;  // elements of a line
  std::int64_t axis_size = 0, axis_stride = 1;
  std::int64_t step = 0;  // of the data along a line: 1, or 0 where the index alone decides
};

class GatherElementsKernel final : public Kernel {
 public:
  explicit GatherElementsKernel(const Problem& problem)
      : axis_(problem.attrs.get_int("axis", 0)),
        bytes_(bits_of(problem.inputs[0].dtype) / 8),
        wide_(problem.inputs[1].dtype == DType::i64) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<GatherElementsState>();
    const Shape& data = args.inputs[0].shape;
    const Shape& indices = args.inputs[1].shape;
    const std::optional<std::size_t> axis = normal_axis(axis_, data.size());
    if (!axis || indices.size() != data.size())
      return invalid_argument("GatherElements: axis {} of {} by {}", axis_, to_string(data), to_string(indices));
    for (std::size_t i = 0; i < data.size(); ++i)
      if (i != *axis && indices[i] > data[i])
        return invalid_argument("GatherElements: indices {} exceed {} along axis {}", to_string(indices),
                                to_string(data), i);
    INGOT_RETURN_IF_ERROR(expect_shape("GatherElements", "the output", args.outputs[0].shape, indices));
    Ints strides = dense_strides(data);
    state->axis_size = data[*axis];
    state->axis_stride = strides[*axis];
    strides[*axis] = 0;
    state->step = strides.back();
    state->line = indices.back();
    state->lines.assign(indices.begin(), indices.end() - 1);
    state->strides.assign(strides.begin(), strides.end() - 1);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    switch (bytes_) {
      case 1: return run<std::uint8_t>(args);
      case 2: return run<std::uint16_t>(args);
      case 4: return run<std::uint32_t>(args);
      default: return run<std::uint64_t>(args);
    }
  }

 private:
  template <typename T>
  Status run(const LaunchArgs& args) const {
    return wide_ ? gather<T, std::int64_t>(args) : gather<T, std::int32_t>(args);
  }

  template <typename T, typename Index>
  Status gather(const LaunchArgs& args) const {
    const auto& s = static_cast<const GatherElementsState&>(*args.state);
    const auto* indices = static_cast<const Index*>(args.inputs[1]);
    const std::int64_t lines = product(s.lines, 0, s.lines.size());
    const std::int64_t count = lines * s.line;
    // All at once, since an error may not leave a task.
    Index low = 0;
    Index high = -1;
    for (std::int64_t i = 0; i < count; ++i) {
      low = std::min(low, indices[i]);
      high = std::max(high, indices[i]);
    }
    if (low < -s.axis_size || high >= s.axis_size)
      return invalid_argument("GatherElements: index {} is outside a dimension of {}", low < -s.axis_size ? low : high,
                              s.axis_size);
    const auto* data = static_cast<const T*>(args.inputs[0]);
    auto* out = static_cast<T*>(args.outputs[0]);
    const TaskSplit split(lines, count * 4, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t line = split.begin(task); line < split.end(task); ++line) {
        std::int64_t base = 0;
        std::int64_t rest = line;
        for (std::size_t i = s.lines.size(); i-- > 0; rest /= s.lines[i]) base += rest % s.lines[i] * s.strides[i];
        const Index* from = indices + line * s.line;
        T* to = out + line * s.line;
        for (std::int64_t i = 0; i < s.line; ++i) {
          const auto index = static_cast<std::int64_t>(from[i]);
          to[i] = data[base + i * s.step + (index < 0 ? index + s.axis_size : index) * s.axis_stride];
        }
      }
    });
    return Status::ok();
  }

  std::int64_t axis_;
  std::int64_t bytes_;
  bool wide_;
};

Support supports(const Problem& problem) {
  const int bits = bits_of(problem.inputs[0].dtype);
  if (bits < 8 || bits > 64) return Support::no(Refusal::kDType);
  const DType type = problem.inputs[1].dtype;
  if (type != DType::i64 && type != DType::i32) return Support::no(Refusal::kDType, "indices");
  if (!normal_axis(problem.attrs.get_int("axis", 0), problem.inputs[0].shape.size()))
    return Support::no(Refusal::kShape);
  return Support::yes();
}

}  // namespace

const Tactic& gather_elements_tactic() {
  static const SimpleTactic tactic("cpu.gather_elements", {"GatherElements"}, supports,
                                   [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
                                     return std::unique_ptr<Kernel>(std::make_unique<GatherElementsKernel>(problem));
                                   });
  return tactic;
}

}  // namespace ingot::cpu
