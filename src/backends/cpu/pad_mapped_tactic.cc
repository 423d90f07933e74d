// SPDX-License-Identifier: Apache-2.0
// cpu.pad: Pad by reflection, edges or wrapping. Every dimension has a table of where its elements come from; what
// is inside along the last one is copied as a run.
#include <cstring>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

std::int64_t source_of(std::int64_t at, std::int64_t dim, std::string_view mode) {
  if (at >= 0 && at < dim) return at;
  if (mode == "edge") return std::clamp(at, std::int64_t{0}, dim - 1);
  const std::int64_t period = mode == "wrap" ? dim : std::max<std::int64_t>(2 * (dim - 1), 1);
  const std::int64_t phase = (at % period + period) % period;
  return mode == "wrap" ? phase : std::min(phase, period - phase) % dim;
}

struct PadState final : KernelState {
  std::vector<Ints> offsets;  // per dimension and output position: the input's offset
  Shape out;
  std::int64_t lines = 0;
  std::int64_t run_begin = 0, run_end = 0;  // output positions of the last dimension that are the input's in order
};

class PadKernel final : public Kernel {
 public:
  explicit PadKernel(const Problem& problem)
      : mode_(problem.attrs.get_string("mode", "constant")), bytes_(bits_of(problem.inputs[0].dtype) / 8) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<PadState>();
    const Shape& x = args.inputs[0].shape;
    state->out = args.outputs[0].shape;
    const std::optional<Ints> pads = constant_ints(args.inputs[1]);
    Ints axes;
    for (std::size_t i = 0; i < x.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
    if (args.inputs.size() > 3 && args.inputs[3].present()) {
      const std::optional<Ints> listed = constant_ints(args.inputs[3]);
      if (!listed) return unsupported("Pad: axes are not a known constant");
      axes = *listed;
    }
    if (!pads || pads->size() != 2 * axes.size()) return invalid_argument("Pad: pads for {} axes", axes.size());
    Ints begin(x.size(), 0);
    Shape expected = x;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::optional<std::size_t> axis = normal_axis(axes[i], x.size());
      if (!axis) return invalid_argument("Pad: axis {} of {}", axes[i], to_string(x));
      begin[*axis] = (*pads)[i];
      expected[*axis] = x[*axis] + (*pads)[i] + (*pads)[i + axes.size()];
      if (x[*axis] == 0 && expected[*axis] > 0)
        return invalid_argument("Pad: {} is empty along axis {}", to_string(x), *axis);
    }
    INGOT_RETURN_IF_ERROR(expect_shape("Pad", "the output", state->out, expected));
    const Ints strides = dense_strides(x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      state->offsets.emplace_back();
      for (std::int64_t at = 0; at < state->out[i]; ++at)
        state->offsets.back().push_back(source_of(at - begin[i], x[i], mode_) * strides[i]);
    }
    state->lines = product(state->out, 0, state->out.size() - 1);
    state->run_begin = std::clamp<std::int64_t>(begin.back(), 0, state->out.back());
    state->run_end = std::clamp<std::int64_t>(begin.back() + x.back(), state->run_begin, state->out.back());
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    switch (bytes_) {
      case 1: run<std::uint8_t>(args); break;
      case 2: run<std::uint16_t>(args); break;
      case 4: run<std::uint32_t>(args); break;
      default: run<std::uint64_t>(args);
    }
    return Status::ok();
  }

 private:
  template <typename T>
  void run(const LaunchArgs& args) const {
    const auto& s = static_cast<const PadState&>(*args.state);
    const auto* in = static_cast<const T*>(args.inputs[0]);
    auto* out = static_cast<T*>(args.outputs[0]);
    const Ints& columns = s.offsets.back();
    const std::int64_t width = s.out.back();
    const TaskSplit split(s.lines, s.lines * width / 2, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t line = split.begin(task); line < split.end(task); ++line) {
        const T* from = in;
        std::int64_t rest = line;
        for (std::size_t i = s.out.size() - 1; i-- > 0; rest /= s.out[i])
          from += s.offsets[i][static_cast<std::size_t>(rest % s.out[i])];
        T* to = out + line * width;
        for (std::int64_t i = 0; i < s.run_begin; ++i) to[i] = from[columns[static_cast<std::size_t>(i)]];
        if (s.run_end > s.run_begin)
          std::memcpy(to + s.run_begin, from + columns[static_cast<std::size_t>(s.run_begin)],
                      static_cast<std::size_t>(s.run_end - s.run_begin) * sizeof(T));
        for (std::int64_t i = s.run_end; i < width; ++i) to[i] = from[columns[static_cast<std::size_t>(i)]];
      }
    });
  }

  std::string mode_;
  std::int64_t bytes_;
};

Support supports(const Problem& problem) {
  const int bits = bits_of(problem.inputs[0].dtype);
  if (bits < 8 || bits > 64) return Support::no(Refusal::kDType);
  if (problem.attrs.get_string("mode", "constant") == "constant") return Support::no(Refusal::kAttribute, "constant");
  if (problem.inputs[0].shape.empty()) return Support::no(Refusal::kShape, "rank 0");
  for (const std::size_t i : {std::size_t{1}, std::size_t{3}})
    if (problem.has_input(i) && !constant_ints(problem.inputs[i])) return Support::no(Refusal::kConstant, "pads, axes");
  return Support::yes();
}

}  // namespace

const Tactic& pad_mapped_tactic() {
  static const SimpleTactic tactic("cpu.pad", {"Pad"}, supports, load_kernel<PadKernel>);
  return tactic;
}

}  // namespace ingot::cpu
