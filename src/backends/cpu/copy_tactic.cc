// SPDX-License-Identifier: Apache-2.0
// cpu.copy: operators that only move elements.
#include <cstring>

#include "backends/cpu/copy_plans.h"
#include "backends/cpu/kernels/nd_copy.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct CopyState final : KernelState {
  CopyPlan plan;
  std::vector<NdCopy> copies;  // of the plan's parts
  std::int64_t elements = 0;   // of output 0
};

template <typename T>
void fill(void* out, std::int64_t elements, const std::byte* value, Parallel& parallel) {
  T element;
  std::memcpy(&element, value, sizeof(T));
  const TaskSplit split(elements, elements / 4, parallel.threads());
  parallel.run(split.tasks(), [&](std::int64_t task, int) {
    std::fill(static_cast<T*>(out) + split.begin(task), static_cast<T*>(out) + split.end(task), element);
  });
}

class CopyKernel final : public Kernel {
 public:
  explicit CopyKernel(const Problem& problem)
      : plan_(find_copy_plan(problem.kind)),
        attrs_(problem.attrs),
        in_place_(is_reshape(problem.kind) && !problem.inputs[0].constant ? 0 : -1) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<CopyState>();
    INGOT_ASSIGN_OR_RETURN(state->plan, plan_({attrs_, args.inputs, args.outputs}));
    for (const CopyPlan::Part& part : state->plan.parts) {
      const Shape& from = args.inputs[part.input].shape;
      const Shape& to = args.outputs[part.output].shape;
      const CopyBox& box = part.copy;
      state->copies.emplace_back(box.element_bytes, box.dims, box.in_strides, box.out_strides, box.in_offset,
                                 box.out_offset);
      if (!state->copies.back().fits(element_count(from).value_or(0), element_count(to).value_or(0)))
        return invalid_argument("a copy from {} leaves the bounds of {}", to_string(from), to_string(to));
    }
    state->elements = element_count(args.outputs[0].shape).value_or(0);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const CopyState&>(*args.state);
    if (state.plan.fill) {
      const std::vector<std::byte>& value = *state.plan.fill;
      switch (value.size()) {
        case 1: fill<std::uint8_t>(args.outputs[0], state.elements, value.data(), *args.parallel); break;
        case 2: fill<std::uint16_t>(args.outputs[0], state.elements, value.data(), *args.parallel); break;
        case 4: fill<std::uint32_t>(args.outputs[0], state.elements, value.data(), *args.parallel); break;
        default: fill<std::uint64_t>(args.outputs[0], state.elements, value.data(), *args.parallel); break;
      }
    }
    for (std::size_t i = 0; i < state.copies.size(); ++i) {
      const CopyPlan::Part& part = state.plan.parts[i];
      if (args.outputs[part.output] != args.inputs[part.input])
        state.copies[i].run(args.inputs[part.input], args.outputs[part.output], *args.parallel);
    }
    return Status::ok();
  }

  [[nodiscard]] int in_place_input() const override { return in_place_; }

 private:
  CopyPlanFn plan_;
  Attrs attrs_;
  int in_place_;
};

class CopyTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cpu.copy"; }
  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    const CopyPlanFn plan = find_copy_plan(problem.kind);
    if (plan == nullptr) return Support::no(Refusal::kKind);
    if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
    const int bits = bits_of(problem.inputs[0].dtype);
    if (bits < 8 || (bits > 64 && problem.kind == "Pad")) return Support::no(Refusal::kDType);
    const Result<CopyPlan> made = plan({problem.attrs, problem.inputs, problem.outputs});
    return made.is_ok() ? Support::yes() : Support::no(Refusal::kAttribute, made.status().message());
  }
  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string&,
                                       std::span<const std::span<const std::byte>>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<CopyKernel>(problem));
  }
};

}  // namespace

const Tactic& copy_tactic() {
  static const CopyTactic tactic;
  return tactic;
}

}  // namespace ingot::cpu
