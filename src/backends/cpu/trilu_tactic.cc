// SPDX-License-Identifier: Apache-2.0
// cpu.trilu: Trilu, each row a run of the input and a run of zeros.
#include <cstring>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct TriluState final : KernelState {
  std::int64_t lines = 0, rows = 1, columns = 0;
};

class TriluKernel final : public Kernel {
 public:
  explicit TriluKernel(const Problem& problem)
      : upper_(problem.attrs.get_int("upper", 1) != 0),
        shifted_(problem.has_input(1)),
        bytes_(bits_of(problem.inputs[0].dtype) / 8) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<TriluState>();
    const Shape& x = args.inputs[0].shape;
    if (x.size() < 2) return invalid_argument("Trilu of {}", to_string(x));
    state->columns = x.back();
    state->rows = x[x.size() - 2];
    state->lines = product(x, 0, x.size() - 1);
    INGOT_RETURN_IF_ERROR(expect_shape("Trilu", "the output", args.outputs[0].shape, x));
    if (shifted_) INGOT_RETURN_IF_ERROR(expect_elements("Trilu", "k", args.inputs[1], 1));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const TriluState&>(*args.state);
    const std::int64_t given = shifted_ ? *static_cast<const std::int64_t*>(args.inputs[1]) : 0;
    const std::int64_t k = std::clamp(given, -s.rows - 1, s.columns + 1);
    const auto* in = static_cast<const std::byte*>(args.inputs[0]);
    auto* out = static_cast<std::byte*>(args.outputs[0]);
    const TaskSplit split(s.lines, s.lines * s.columns / 2, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t line = split.begin(task); line < split.end(task); ++line) {
        // Columns from here on are above the diagonal, or on it (upper); at or below it come before (lower).
        const std::int64_t cut = std::clamp(line % s.rows + k + (upper_ ? 0 : 1), std::int64_t{0}, s.columns);
        const auto first = static_cast<std::size_t>(cut * bytes_);
        const auto second = static_cast<std::size_t>((s.columns - cut) * bytes_);
        const std::byte* from = in + line * s.columns * bytes_;
        std::byte* to = out + line * s.columns * bytes_;
        if (upper_) {
          std::memset(to, 0, first);
          std::memcpy(to + first, from + first, second);
        } else {
          std::memcpy(to, from, first);
          std::memset(to + first, 0, second);
        }
      }
    });
    return Status::ok();
  }

 private:
  bool upper_, shifted_;
  std::int64_t bytes_;
};

Support supports(const Problem& problem) {
  if (bits_of(problem.inputs[0].dtype) < 8) return Support::no(Refusal::kDType);
  if (problem.has_input(1) && problem.inputs[1].dtype != DType::i64) return Support::no(Refusal::kDType, "k");
  return problem.inputs[0].shape.size() < 2 ? Support::no(Refusal::kShape) : Support::yes();
}

}  // namespace

const Tactic& trilu_tactic() {
  static const SimpleTactic tactic("cpu.trilu", {"Trilu"}, supports, load_kernel<TriluKernel>);
  return tactic;
}

}  // namespace ingot::cpu
