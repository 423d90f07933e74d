// SPDX-License-Identifier: Apache-2.0
// cpu.resize: f32 Resize, nearest or linear, of at most two adjacent dimensions (so channels last or first alike).
#include <algorithm>

#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/resize_plan.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct ResizeState final : KernelState {
  ResizePlan plan;
};

class ResizeKernel final : public Kernel {
 public:
  explicit ResizeKernel(const Problem& problem) : attrs_(problem.attrs) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<ResizeState>();
    INGOT_ASSIGN_OR_RETURN(state->plan, plan_resize(attrs_, args.inputs, args.outputs));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const ResizePlan& state = static_cast<const ResizeState&>(*args.state).plan;
    const std::int64_t lines = state.outer * state.out_h;
    const std::int64_t width = state.out_w * state.inner;
    const TaskSplit split(lines, lines * width * 4, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t line = split.begin(task); line < split.end(task); ++line) {
        const float* image =
            static_cast<const float*>(args.inputs[0]) + line / state.out_h * state.in_h * state.in_w * state.inner;
        run_line(state, image, static_cast<std::size_t>(line % state.out_h),
                 static_cast<float*>(args.outputs[0]) + line * width);
      }
    });
    return Status::ok();
  }

 private:
  static void run_line(const ResizePlan& s, const float* image, std::size_t y, float* to) {
    const std::int64_t pitch = s.in_w * s.inner;
    const float* top = image + s.rows.low[y] * pitch;
    const float* bottom = image + s.rows.high[y] * pitch;
    const float v = s.rows.weight[y];
    for (std::size_t x = 0; x < static_cast<std::size_t>(s.out_w); ++x, to += s.inner) {
      const std::int64_t a = s.columns.low[x] * s.inner;
      const std::int64_t b = s.columns.high[x] * s.inner;
      const float u = s.columns.weight[x];
      if (u == 0 && v == 0) {
        std::copy_n(top + a, s.inner, to);
        continue;
      }
      const float w00 = (1 - v) * (1 - u), w01 = (1 - v) * u, w10 = v * (1 - u), w11 = v * u;
      for (std::int64_t i = 0; i < s.inner; ++i)
        to[i] = top[a + i] * w00 + top[b + i] * w01 + (bottom[a + i] * w10 + bottom[b + i] * w11);
    }
  }

  Attrs attrs_;
};

Support supports(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32) return Support::no(Refusal::kDType);
  return resize_support(problem);
}

}  // namespace

const Tactic& resize_tactic() {
  static const SimpleTactic tactic("cpu.resize", {"Resize"}, supports, load_kernel<ResizeKernel>);
  return tactic;
}

}  // namespace ingot::cpu
