// SPDX-License-Identifier: Apache-2.0
// cpu.gather: Gather as copies of runs.
// cpu.gather_elements: GatherElements line by line; along another dimension than the last, neighbours stay neighbours.
#include <cstring>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

// What both take from their problem.
struct Selection {
  explicit Selection(const Problem& problem)
      : axis(problem.attrs.get_int("axis", 0)),
        bytes(bits_of(problem.inputs[0].dtype) / 8),
        wide(problem.inputs[1].dtype == DType::i64) {}

  std::int64_t axis;
  std::int64_t bytes;  // of an element
  bool wide;           // indices are i64, not i32
};

Support supports(const Problem& problem) {
  if (bits_of(problem.inputs[0].dtype) < 8) return Support::no(Refusal::kDType);
  const DType type = problem.inputs[1].dtype;
  if (type != DType::i64 && type != DType::i32) return Support::no(Refusal::kDType, "indices");
  if (!normal_axis(problem.attrs.get_int("axis", 0), problem.inputs[0].shape.size()))
    return Support::no(Refusal::kShape);
  return Support::yes();
}

Support supports_elements(const Problem& problem) {
  return bits_of(problem.inputs[0].dtype) > 64 ? Support::no(Refusal::kDType) : supports(problem);
}

// All at once and before any work, since an error may not leave a task.
template <typename Index>
Status check_indices(std::string_view kind, const Index* indices, std::int64_t count, std::int64_t size) {
  Index low = 0;
  Index high = -1;
  for (std::int64_t i = 0; i < count; ++i) {
    low = std::min(low, indices[i]);
    high = std::max(high, indices[i]);
  }
  if (low >= -size && high < size) return Status::ok();
  return invalid_argument("{}: index {} is outside a dimension of {}", kind, low < -size ? low : high, size);
}

struct GatherState final : KernelState {
  std::int64_t outer = 1, axis = 1, run_bytes = 1, indices = 1;
};

class GatherKernel final : public Kernel {
 public:
  explicit GatherKernel(const Problem& problem) : selection_(problem) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<GatherState>();
    const Shape& shape = args.inputs[0].shape;
    const std::optional<std::size_t> axis = normal_axis(selection_.axis, shape.size());
    if (!axis) return invalid_argument("Gather: axis {} of {}", selection_.axis, to_string(shape));
    state->outer = product(shape, 0, *axis);
    state->axis = shape[*axis];
    const std::int64_t run = product(shape, *axis + 1, shape.size());
    state->run_bytes = run * selection_.bytes;
    state->indices = element_count(args.inputs[1].shape).value_or(0);
    INGOT_RETURN_IF_ERROR(
        expect_elements("Gather", "the output", args.outputs[0], state->outer * state->indices * run));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    return selection_.wide ? gather<std::int64_t>(args) : gather<std::int32_t>(args);
  }

 private:
  template <typename Index>
  Status gather(const LaunchArgs& args) const {
    const auto& state = static_cast<const GatherState&>(*args.state);
    const auto* indices = static_cast<const Index*>(args.inputs[1]);
    INGOT_RETURN_IF_ERROR(check_indices("Gather", indices, state.indices, state.axis));
    const auto* in = static_cast<const std::byte*>(args.inputs[0]);
    auto* out = static_cast<std::byte*>(args.outputs[0]);
    const std::int64_t units = state.outer * state.indices;
    const TaskSplit split(units, units * (16 + state.run_bytes / 4), args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t outer = unit / state.indices;
        std::int64_t index = indices[unit - outer * state.indices];
        if (index < 0) index += state.axis;
        std::memcpy(out + unit * state.run_bytes, in + (outer * state.axis + index) * state.run_bytes,
                    static_cast<std::size_t>(state.run_bytes));
      }
    });
    return Status::ok();
  }

  Selection selection_;
};

struct GatherElementsState final : KernelState {
  Shape lines;            // the dimensions of the indices but the last
  Ints strides;           // of the data along these; 0 along the axis
  std::int64_t line = 0;  // elements of a line
  std::int64_t axis_size = 0, axis_stride = 1;
  std::int64_t step = 0;  // of the data along a line: 1, or 0 where the index alone decides
};

class GatherElementsKernel final : public Kernel {
 public:
  explicit GatherElementsKernel(const Problem& problem) : selection_(problem) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<GatherElementsState>();
    const Shape& data = args.inputs[0].shape;
    const Shape& indices = args.inputs[1].shape;
    const std::optional<std::size_t> axis = normal_axis(selection_.axis, data.size());
    if (!axis || indices.size() != data.size())
      return invalid_argument("GatherElements: axis {} of {} by {}", selection_.axis, to_string(data),
                              to_string(indices));
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
    switch (selection_.bytes) {
      case 1: return run<std::uint8_t>(args);
      case 2: return run<std::uint16_t>(args);
      case 4: return run<std::uint32_t>(args);
      default: return run<std::uint64_t>(args);
    }
  }

 private:
  template <typename T>
  Status run(const LaunchArgs& args) const {
    return selection_.wide ? gather<T, std::int64_t>(args) : gather<T, std::int32_t>(args);
  }

  template <typename T, typename Index>
  Status gather(const LaunchArgs& args) const {
    const auto& s = static_cast<const GatherElementsState&>(*args.state);
    const auto* indices = static_cast<const Index*>(args.inputs[1]);
    const std::int64_t lines = product(s.lines, 0, s.lines.size());
    const std::int64_t count = lines * s.line;
    INGOT_RETURN_IF_ERROR(check_indices("GatherElements", indices, count, s.axis_size));
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

  Selection selection_;
};

}  // namespace

const Tactic& gather_tactic() {
  static const SimpleTactic tactic("cpu.gather", {"Gather"}, supports, load_kernel<GatherKernel>);
  return tactic;
}

const Tactic& gather_elements_tactic() {
  static const SimpleTactic tactic("cpu.gather_elements", {"GatherElements"}, supports_elements,
                                   load_kernel<GatherElementsKernel>);
  return tactic;
}

}  // namespace ingot::cpu
