// SPDX-License-Identifier: Apache-2.0
// cpu.resize.axes: Resize of any dimensions in any mode, an axis inside the other: a position along the outermost axis
// that changes is a weighted sum of slices of the data, which is then resized along the next one.
#include <algorithm>
#include <cstring>
#include <limits>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/resample.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"
#include "reference/resize_plan.h"

namespace ingot::cpu {
namespace {

// One axis, or several adjacent ones that stay as they are (`taps` = 0). Tables by tap, then by position where the
// innermost axis wants it so, otherwise by position.
struct Level {
  std::int64_t in = 1, out = 1;
  std::int64_t in_block = 1, out_block = 1;  // elements of one position
  std::int64_t taps = 0;
  std::vector<std::int32_t> positions;
  std::vector<float> weights;
  std::vector<std::int32_t> counts;  // of a position's taps
  bool copies = true;                // every position is one of the source
  std::int64_t scratch = 0;          // where the mixed slice lies, in floats

  [[nodiscard]] bool single_elements() const { return in_block == 1 && out_block == 1; }
  [[nodiscard]] bool is_line() const { return taps > 0 && single_elements(); }
};

struct AxesState final : KernelState {
  std::vector<Level> levels;
  std::int64_t outer = 1, scratch = 0;  // scratch: floats of a thread
};

constexpr std::int64_t kAlign = 16;  // floats of a cache line

void fill_tables(const std::vector<reference::ResizeTaps>& positions, Level& level) {
  std::vector<std::vector<std::size_t>> used(positions.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const reference::ResizeTaps& taps = positions[i];
    for (std::size_t t = 0; t < taps.weights.size(); ++t)
      if (static_cast<float>(taps.weights[t]) != 0) used[i].push_back(t);
    if (used[i].empty()) used[i].push_back(0);
    level.taps = std::max(level.taps, static_cast<std::int64_t>(used[i].size()));
    level.counts.push_back(static_cast<std::int32_t>(used[i].size()));
  }
  const std::size_t count = positions.size();
  const auto most = static_cast<std::size_t>(level.taps);
  level.positions.resize(count * most);
  level.weights.resize(count * most);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t t = 0; t < used[i].size(); ++t) {
      const std::size_t at = level.single_elements() ? t * count + i : i * most + t;
      level.positions[at] = static_cast<std::int32_t>(positions[i].positions[used[i][t]]);
      level.weights[at] = static_cast<float>(positions[i].weights[used[i][t]]);
      level.copies = level.copies && level.taps == 1 && level.weights[at] == 1;
    }
}

// T: f32 with weights, otherwise any type of that size.
template <typename T>
class AxesKernel final : public Kernel {
 public:
  explicit AxesKernel(const Problem& problem) : attrs_(problem.attrs) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<AxesState>();
    const Shape& shape = args.inputs[0].shape;
    std::vector<const HostTensor*> operands(4, nullptr);
    for (std::size_t i = 1; i < 4 && i < args.inputs.size(); ++i) {
      operands[i] = args.inputs[i].value.get();
      if (args.inputs[i].present() && operands[i] == nullptr)
        return unsupported("Resize: operand {} is not a known constant", i);
    }
    reference::Call call;
    call.attrs = &attrs_;
    call.inputs = operands;
    INGOT_ASSIGN_OR_RETURN(const reference::ResizePlan plan, reference::plan_resize(call, shape));
    INGOT_RETURN_IF_ERROR(expect_shape("Resize", "the output", args.outputs[0].shape, plan.out_shape()));
    if (plan.any_outside) return unsupported("Resize: positions outside the data");
    if (element_count(plan.out_shape()) == 0) state->outer = 0;
    std::int64_t in_block = 1;
    std::int64_t out_block = 1;
    std::vector<Level> levels;  // innermost first
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (shape[d] > std::numeric_limits<std::int32_t>::max()) return unsupported("Resize: a dimension beyond 2^31");
      const reference::ResizeAxis& axis = plan.axes[d];
      if (!axis.untouched()) {
        levels.push_back({axis.in, axis.out, in_block, out_block, 0, {}, {}, {}, true, 0});
        fill_tables(plan.taps[d], levels.back());
      } else if (!levels.empty() && levels.back().taps == 0) {
        levels.back().in *= axis.in;
        levels.back().out *= axis.out;
      } else if (!levels.empty()) {
        levels.push_back({axis.in, axis.out, in_block, out_block, 0, {}, {}, {}, true, 0});
      }  // what is inside all that changes is part of its blocks
      in_block *= axis.in;
      out_block *= axis.out;
    }
    // The outermost dimensions, if they stay as they are, only count.
    if (!levels.empty() && levels.back().taps == 0) {
      if (state->outer != 0) state->outer = levels.back().in;
      levels.pop_back();
    }
    if (levels.empty()) levels.push_back({1, 1, in_block, out_block, 1, {0}, {1}, {1}, true, 0});
    for (Level& level : levels) {
      level.scratch = state->scratch;
      if (!level.copies && &level != levels.data()) state->scratch += round_up(level.in_block, kAlign);
    }
    state->levels.assign(levels.rbegin(), levels.rend());
    state->workspace_bytes = static_cast<std::size_t>(args.threads * state->scratch) * sizeof(float);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const AxesState&>(*args.state);
    const Level& top = s.levels[0];
    const std::int64_t parts = top.is_line() ? 1 : top.out;  // of one outer index
    const std::int64_t work = s.outer * top.out * top.out_block * 4;
    const TaskSplit split(s.outer * parts, work, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int thread) {
      auto* scratch = reinterpret_cast<float*>(args.workspace.data()) + thread * s.scratch;
      for (std::int64_t unit = split.begin(task); unit < split.end(task);) {
        const std::int64_t outer = unit / parts;
        const std::int64_t first = unit % parts;
        const std::int64_t last = std::min(parts, first + split.end(task) - unit);
        const T* from = static_cast<const T*>(args.inputs[0]) + outer * top.in * top.in_block;
        T* to = static_cast<T*>(args.outputs[0]) + outer * top.out * top.out_block;
        if (top.is_line())
          line(top, from, to);
        else
          run(s, 0, first, last, from, to, scratch);
        unit += last - first;
      }
    });
    return Status::ok();
  }

 private:
  // Positions [first, last) of a level.
  static void run(const AxesState& s, std::size_t at, std::int64_t first, std::int64_t last, const T* from, T* to,
                  float* scratch) {
    const Level& level = s.levels[at];
    const bool innermost = at + 1 == s.levels.size();
    const auto inside = [&](const T* block, T* target) {
      const Level& next = s.levels[at + 1];
      next.is_line() ? line(next, block, target) : run(s, at + 1, 0, next.out, block, target, scratch);
    };
    const auto bytes = static_cast<std::size_t>(level.out_block) * sizeof(T);
    std::int64_t previous = -1;  // the position that the last block was a plain copy of
    for (std::int64_t i = first; i < last; ++i) {
      T* target = to + i * level.out_block;
      if (level.taps == 0) {
        inside(from + i * level.in_block, target);
        continue;
      }
      const std::int32_t* positions = level.positions.data() + i * level.taps;
      const float* weights = level.weights.data() + i * level.taps;
      const std::int32_t count = level.counts[static_cast<std::size_t>(i)];
      if (count == 1 && weights[0] == 1) {
        if (previous == positions[0])
          std::memcpy(target, target - level.out_block, bytes);
        else if (innermost)
          std::memcpy(target, from + positions[0] * level.in_block, bytes);
        else
          inside(from + positions[0] * level.in_block, target);
        previous = positions[0];
        continue;
      }
      previous = -1;
      if constexpr (std::is_same_v<T, float>) {
        float* mixed = innermost ? target : scratch + level.scratch;
        mix(level, from, positions, weights, count, mixed);
        if (!innermost) inside(mixed, target);
      }
    }
  }

  static void mix(const Level& level, const float* from, const std::int32_t* positions, const float* weights,
                  std::int32_t count, float* to) {
    constexpr std::int32_t kTable = 32;
    const float* rows[kTable + 1];
    float factors[kTable + 1];
    for (std::int32_t done = 0; done < count;) {
      std::int32_t filled = 0;
      if (done > 0) {  // what is there takes part
        rows[0] = to;
        factors[0] = 1;
        filled = 1;
      }
      for (; filled <= kTable && done < count; ++done, ++filled) {
        rows[filled] = from + positions[done] * level.in_block;
        factors[filled] = weights[done];
      }
      blend_rows(rows, factors, filled, level.in_block, to);
    }
  }

  static void line(const Level& level, const T* from, T* to) {
    if constexpr (std::is_same_v<T, float>) {
      if (!level.copies) {
        blend_line(from, level.positions.data(), level.weights.data(), level.taps, level.out, to);
        return;
      }
    }
    for (std::int64_t i = 0; i < level.out; ++i) to[i] = from[level.positions[static_cast<std::size_t>(i)]];
  }

  Attrs attrs_;
};

Support supports(const Problem& problem) {
  const int bits = bits_of(problem.inputs[0].dtype);
  if (problem.inputs[0].dtype != problem.outputs[0].dtype || bits < 8 || bits > 64) return Support::no(Refusal::kDType);
  if (problem.attrs.get_string("mode", "nearest") != "nearest" && problem.inputs[0].dtype != DType::f32)
    return Support::no(Refusal::kDType, "interpolation of other types than f32");
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  if (problem.attrs.get_string("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize")
    return Support::no(Refusal::kAttribute, "positions outside the data");
  for (std::size_t i = 1; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].present() && !problem.inputs[i].constant)
      return Support::no(Refusal::kConstant, "scales or sizes");
  return Support::yes();
}

Result<std::unique_ptr<Kernel>> load(const Problem& problem) {
  if (problem.inputs[0].dtype == DType::f32) return load_kernel<AxesKernel<float>>(problem);
  switch (bits_of(problem.inputs[0].dtype)) {
    case 8: return load_kernel<AxesKernel<std::uint8_t>>(problem);
    case 16: return load_kernel<AxesKernel<std::uint16_t>>(problem);
    case 32: return load_kernel<AxesKernel<std::uint32_t>>(problem);
    default: return load_kernel<AxesKernel<std::uint64_t>>(problem);
  }
}

}  // namespace

const Tactic& resize_axes_tactic() {
  static const SimpleTactic tactic("cpu.resize.axes", {"Resize"}, supports, load);
  return tactic;
}

}  // namespace ingot::cpu
