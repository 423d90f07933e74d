// SPDX-License-Identifier: Apache-2.0
// cpu.reduce: f32 reductions over any dimensions, global pooling included.
#include <cmath>

#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/reduce_shape.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct Reduction {
  std::string_view kind;
  Combine how;
  bool mean = false, root = false, log = false;
};

constexpr Reduction kReductions[] = {
    {"ReduceSum", Combine::sum},
    {"ReduceMean", Combine::sum, true},
    {"ReduceMax", Combine::max},
    {"ReduceMin", Combine::min},
    {"ReduceL1", Combine::sum_abs},
    {"ReduceL2", Combine::sum_squares, false, true},
    {"ReduceSumSquare", Combine::sum_squares},
    {"ReduceProd", Combine::product},
    {"ReduceLogSum", Combine::sum, false, false, true},
    {"GlobalAveragePool", Combine::sum, true},
    {"GlobalMaxPool", Combine::max},
};

constexpr Reduction kLpPools[] = {{"GlobalLpPool", Combine::sum_abs},
                                  {"GlobalLpPool", Combine::sum_squares, false, true}};

// nullptr for what has no kernel.
const Reduction* find_reduction(const Problem& problem) {
  if (problem.kind == "GlobalLpPool") {
    const std::int64_t p = problem.attrs.get_int("p", 2);
    return p == 1 || p == 2 ? &kLpPools[p - 1] : nullptr;
  }
  for (const Reduction& reduction : kReductions)
    if (reduction.kind == problem.kind) return &reduction;
  return nullptr;
}

struct ReduceState final : KernelState {
  ReduceLayout layout;
  std::int64_t columns = 1;
  std::optional<RowProgram> epilogue;
};

class ReduceKernel final : public Kernel {
 public:
  ReduceKernel(const Problem& problem, std::vector<bool> reduced, EpilogueForm form)
      : form_(std::move(form)), reduction_(*find_reduction(problem)), reduced_(std::move(reduced)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<ReduceState>();
    INGOT_ASSIGN_OR_RETURN(state->layout, reduce_layout(args.inputs[0].shape, reduced_));
    const Shape& out = args.outputs[0].shape;
    INGOT_RETURN_IF_ERROR(expect_elements(reduction_.kind, "the output", args.outputs[0],
                                          state->layout.units * (state->layout.run_reduced ? 1 : state->layout.run)));
    INGOT_RETURN_IF_ERROR(form_.check(reduction_.kind, args.inputs, out));
    state->columns = out.empty() ? 1 : out.back();
    state->epilogue = form_.bind_rows(args.inputs, out);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const ReduceState&>(*args.state);
    const ReduceLayout& layout = state.layout;
    const std::int64_t width = layout.run_reduced ? 1 : layout.run;  // of the output of a unit
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    const std::int64_t chunks = ceil_div(width, kChunk);
    const TaskSplit split(layout.units * chunks, layout.units * layout.length * width, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t o = unit / chunks;
        const std::int64_t column = unit % chunks * kChunk;
        const std::int64_t count = std::min(kChunk, width - column);
        float* to = y + o * width + column;
        const float* from = x + ReduceLayout::offset(layout.kept, o) + column;
        if (layout.run_reduced)
          *to = reduce_runs(layout, from);
        else
          reduce_columns(layout, from, count, to);
        finish(to, count, layout.length);
        form_.apply_rows(state.epilogue, args.inputs, y, state.columns, o * width + column, o * width + column + count);
      }
    });
    return Status::ok();
  }

 private:
  // Columns of one unit: enough for whole cache lines, few enough that small batches still make many units.
  static constexpr std::int64_t kChunk = 128;
  static constexpr std::int64_t kTable = 64;

  void reduce_columns(const ReduceLayout& layout, const float* from, std::int64_t count, float* to) const {
    if (layout.rows == 0) std::fill_n(to, count, combine_start(reduction_.how));
    const float* table[kTable];
    for (std::int64_t done = 0; done < layout.rows; done += kTable) {
      const std::int64_t rows = std::min(kTable, layout.rows - done);
      for (std::int64_t r = 0; r < rows; ++r) table[r] = from + ReduceLayout::offset(layout.reduced, done + r);
      combine_rows(reduction_.how, table, rows, count, done != 0, to);
    }
  }

  [[nodiscard]] float reduce_runs(const ReduceLayout& layout, const float* from) const {
    if (layout.rows == 1) return combine_row(reduction_.how, from, layout.run);
    // What runs give is combined as it stands: squares and magnitudes are taken once.
    const Combine how =
        reduction_.how == Combine::sum_squares || reduction_.how == Combine::sum_abs ? Combine::sum : reduction_.how;
    float parts[kTable];
    float result = combine_start(how);
    for (std::int64_t done = 0; done < layout.rows; done += kTable - 1) {
      const std::int64_t rows = std::min(kTable - 1, layout.rows - done);
      for (std::int64_t r = 0; r < rows; ++r)
        parts[r] = combine_row(reduction_.how, from + ReduceLayout::offset(layout.reduced, done + r), layout.run);
      parts[rows] = result;
      result = combine_row(how, parts, rows + 1);
    }
    return result;
  }

  void finish(float* to, std::int64_t count, std::int64_t length) const {
    for (std::int64_t i = 0; i < count; ++i) {
      if (reduction_.mean) to[i] /= static_cast<float>(length);
      if (reduction_.root) to[i] = std::sqrt(to[i]);
      if (reduction_.log) to[i] = std::log(to[i]);
    }
  }

  EpilogueForm form_;
  const Reduction& reduction_;
  std::vector<bool> reduced_;
};

Support supports(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32) return Support::no(Refusal::kDType);
  if (find_reduction(problem) == nullptr) return Support::no(Refusal::kAttribute, "p is neither 1 nor 2");
  if (const auto reduced = reduced_axes(problem, problem.inputs); !reduced.is_ok())
    return Support::no(Refusal::kConstant, reduced.status().message());
  const Result<EpilogueForm> form = EpilogueForm::make(problem);
  return form.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, form.status().message());
}

Result<std::unique_ptr<Kernel>> load(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(std::vector<bool> reduced, reduced_axes(problem, problem.inputs));
  INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
  return std::unique_ptr<Kernel>(std::make_unique<ReduceKernel>(problem, std::move(reduced), std::move(form)));
}

}  // namespace

const Tactic& reduce_tactic() {
  static const SimpleTactic tactic(
      "cpu.reduce",
      {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd",
       "ReduceLogSum", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"},
      supports, load);
  return tactic;
}

}  // namespace ingot::cpu
