// SPDX-License-Identifier: Apache-2.0
// cpu.dynamic_quantize: DynamicQuantizeLinear in two passes over the data, by vectors.
#include <algorithm>
#include <cmath>

#include "backends/cpu/kernels/int8_tile.h"
#include "backends/cpu/kernels/pack.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

constexpr std::int64_t kChunk = 16 << 10;  // elements of a task

struct QuantizeState final : KernelState {
  std::int64_t elements = 0;
};

class DynamicQuantizeKernel final : public Kernel {
 public:
  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<QuantizeState>();
    if (args.outputs[0].present() && args.outputs[0].shape != args.inputs[0].shape)
      return invalid_argument("DynamicQuantizeLinear: {} from {}", to_string(args.outputs[0].shape),
                              to_string(args.inputs[0].shape));
    // The scale and the zero point.
    for (std::size_t i = 1; i < args.outputs.size(); ++i)
      if (args.outputs[i].present())
        INGOT_RETURN_IF_ERROR(
            expect_elements("DynamicQuantizeLinear", i == 1 ? "y_scale" : "y_zero_point", args.outputs[i], 1));
    state->elements = element_count(args.inputs[0].shape).value_or(0);
    state->workspace_bytes = static_cast<std::size_t>(ceil_div(state->elements, kChunk)) * 2 * sizeof(float);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const Int8Kernels& kernels = best_int8_kernels();
    const std::int64_t count = static_cast<const QuantizeState&>(*args.state).elements;
    const std::int64_t chunks = ceil_div(count, kChunk);
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* found = reinterpret_cast<float*>(args.workspace.data());
    const auto length = [&](std::int64_t chunk) { return std::min(kChunk, count - chunk * kChunk); };
    args.parallel->run(chunks, [&](std::int64_t chunk, int) {
      float low = 0, high = 0;  // zero belongs to the range
      kernels.extremes(x + chunk * kChunk, length(chunk), &low, &high);
      found[2 * chunk] = low;
      found[2 * chunk + 1] = high;
    });
    float low = 0, high = 0;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      low = std::min(low, found[2 * chunk]);
      high = std::max(high, found[2 * chunk + 1]);
    }
    const float step = (high - low) / 255.F;
    const float scale = step == 0 ? 1.F : step;  // of a range of nothing
    const float zero = std::clamp(std::nearbyint(-low / scale), 0.F, 255.F);
    if (auto* to = static_cast<std::uint8_t*>(args.outputs[0]); to != nullptr)
      args.parallel->run(chunks, [&](std::int64_t chunk, int) {
        kernels.quantize(x + chunk * kChunk, length(chunk), scale, zero, to + chunk * kChunk);
      });
    if (args.outputs.size() > 1 && args.outputs[1] != nullptr) *static_cast<float*>(args.outputs[1]) = scale;
    if (args.outputs.size() > 2 && args.outputs[2] != nullptr)
      *static_cast<std::uint8_t*>(args.outputs[2]) = static_cast<std::uint8_t>(zero);
    return Status::ok();
  }
};

Support supports(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32) return Support::no(Refusal::kDType);
  constexpr DType kOutputs[] = {DType::u8, DType::f32, DType::u8};
  if (problem.outputs.size() > std::size(kOutputs)) return Support::no(Refusal::kShape, "three outputs at most");
  for (std::size_t i = 0; i < problem.outputs.size(); ++i)
    if (problem.outputs[i].present() && problem.outputs[i].dtype != kOutputs[i]) return Support::no(Refusal::kDType);
  return Support::yes();
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
