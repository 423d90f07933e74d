// SPDX-License-Identifier: Apache-2.0
// cpu.dynamic_quantize: DynamicQuantizeLinear, once over the data for its range and once to round.
#include <cmath>

#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct DynamicState final : KernelState {
  std::int64_t elements = 0;
};

class DynamicQuantizeKernel final : public Kernel {
 public:
  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<DynamicState>();
    state->elements = element_count(args.inputs[0].shape).value_or(0);
    INGOT_RETURN_IF_ERROR(expect_shape("DynamicQuantizeLinear", "y", args.outputs[0].shape, args.inputs[0].shape));
    state->workspace_bytes = static_cast<std::size_t>(kParts) * sizeof(Range);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const std::int64_t n = static_cast<const DynamicState&>(*args.state).elements;
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* parts = reinterpret_cast<Range*>(args.workspace.data());
    const std::int64_t part = std::max<std::int64_t>(ceil_div(n, kParts), 1024);
    const std::int64_t count = ceil_div(n, part);
    const TaskSplit split(count, n / 4, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t i = split.begin(task); i < split.end(task); ++i)
        parts[i] = range_row(x + i * part, std::min(part, n - i * part));
    });
    double low = 0;
    double high = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      low = std::min(low, static_cast<double>(parts[i].low));
      high = std::max(high, static_cast<double>(parts[i].high));
    }
    auto scale = static_cast<float>((high - low) / 255);
    if (scale == 0) scale = 1;
    const double zero = std::clamp(std::nearbyint(-low / static_cast<double>(scale)), 0.0, 255.0);
    if (args.outputs[0] != nullptr)
      args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
        const std::int64_t begin = split.begin(task) * part;
        const std::int64_t end = std::min(n, split.end(task) * part);
        quantise_row(x + begin, end - begin, scale, static_cast<float>(zero),
                     static_cast<std::uint8_t*>(args.outputs[0]) + begin);
      });
    if (args.outputs.size() > 1 && args.outputs[1] != nullptr) *static_cast<float*>(args.outputs[1]) = scale;
    if (args.outputs.size() > 2 && args.outputs[2] != nullptr)
      *static_cast<std::uint8_t*>(args.outputs[2]) = static_cast<std::uint8_t>(zero);
    return Status::ok();
  }

 private:
  static constexpr std::int64_t kParts = 64;
};

Support supports(const Problem& problem) {
  return problem.inputs[0].dtype == DType::f32 && problem.outputs[0].present() ? Support::yes()
                                                                               : Support::no(Refusal::kDType);
}

}  // namespace

const Tactic& dynamic_quantize_tactic() {
  static const SimpleTactic tactic("cpu.dynamic_quantize", {"DynamicQuantizeLinear"}, supports,
                                   [](const Problem&) -> Result<std::unique_ptr<Kernel>> {
                                     return std::unique_ptr<Kernel>(std::make_unique<DynamicQuantizeKernel>());
                                   });
  return tactic;
}

}  // namespace ingot::cpu
