// SPDX-License-Identifier: Apache-2.0
// cpu.norm.mean_variance: MeanVarianceNormalization over any dimensions. The mean goes first, so that a large one does
// not drown the variance.
#include <algorithm>
#include <cmath>

#include "backends/cpu/axes.h"
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/reduce_shape.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

constexpr double kEpsilon = 1e-9;  // of the specification, beside the deviation
constexpr std::int64_t kChunk = 128;
constexpr std::int64_t kTable = 64;

struct MeanVarianceState final : KernelState {
  ReduceLayout layout;
  std::int64_t columns = 1;
  std::optional<RowProgram> epilogue;
};

class MeanVarianceKernel final : public Kernel {
 public:
  MeanVarianceKernel(std::vector<bool> reduced, EpilogueForm form)
      : form_(std::move(form)), reduced_(std::move(reduced)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<MeanVarianceState>();
    const Shape& x = args.inputs[0].shape;
    INGOT_ASSIGN_OR_RETURN(state->layout, reduce_layout(x, reduced_));
    INGOT_RETURN_IF_ERROR(expect_shape("MeanVarianceNormalization", "the output", args.outputs[0].shape, x));
    INGOT_RETURN_IF_ERROR(form_.check("MeanVarianceNormalization", args.inputs, x));
    state->columns = x.empty() ? 1 : x.back();
    state->epilogue = form_.bind_rows(args.inputs, x);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const MeanVarianceState&>(*args.state);
    const ReduceLayout& layout = state.layout;
    if (layout.run == 0 || layout.rows == 0) return Status::ok();
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    const std::int64_t width = layout.run_reduced ? 1 : layout.run;
    const std::int64_t chunks = ceil_div(width, kChunk);
    const TaskSplit split(layout.units * chunks, layout.units * layout.rows * layout.run * 4, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t column = unit % chunks * kChunk;
        const std::int64_t at = ReduceLayout::offset(layout.kept, unit / chunks) + column;
        const std::int64_t count = layout.run_reduced ? layout.run : std::min(kChunk, width - column);
        if (layout.run_reduced) {
          normalise_runs(layout, x + at, y + at);
        } else {
          normalise_columns(layout, count, x + at, y + at);
        }
        if (!state.epilogue) continue;
        for (std::int64_t r = 0; r < layout.rows; ++r) {
          const std::int64_t begin = at + ReduceLayout::offset(layout.reduced, r);
          form_.apply_rows(state.epilogue, args.inputs, y, state.columns, begin, begin + count);
        }
      }
    });
    return Status::ok();
  }

 private:
  static float deviation_factor(double sum_squares, double count) {
    return static_cast<float>(1 / (std::sqrt(sum_squares / count) + kEpsilon));
  }

  // All runs of a unit together.
  static void normalise_runs(const ReduceLayout& layout, const float* x, float* y) {
    double sum = 0, squares = 0;
    for (std::int64_t r = 0; r < layout.rows; ++r)
      sum += static_cast<double>(combine_row(Combine::sum, x + ReduceLayout::offset(layout.reduced, r), layout.run));
    const auto count = static_cast<double>(layout.rows * layout.run);
    const auto mean = static_cast<float>(sum / count);
    for (std::int64_t r = 0; r < layout.rows; ++r) {
      const std::int64_t at = ReduceLayout::offset(layout.reduced, r);
      for (std::int64_t i = 0; i < layout.run; ++i) y[at + i] = x[at + i] - mean;
      squares += static_cast<double>(combine_row(Combine::sum_squares, y + at, layout.run));
    }
    for (std::int64_t r = 0; r < layout.rows; ++r)
      scale_row(y + ReduceLayout::offset(layout.reduced, r), layout.run, deviation_factor(squares, count));
  }

  // Each of up to kChunk columns by itself.
  static void normalise_columns(const ReduceLayout& layout, std::int64_t columns, const float* x, float* y) {
    double sums[kChunk];
    float part[kChunk], factor[kChunk], addend[kChunk];
    const auto count = static_cast<double>(layout.rows);
    add_up(Combine::sum, layout, columns, x, part, sums);
    for (std::int64_t i = 0; i < columns; ++i) {
      factor[i] = 1;
      addend[i] = static_cast<float>(-sums[i] / count);
    }
    for (std::int64_t r = 0; r < layout.rows; ++r) {
      const std::int64_t at = ReduceLayout::offset(layout.reduced, r);
      scale_shift_row(x + at, columns, factor, addend, y + at);
    }
    add_up(Combine::sum_squares, layout, columns, y, part, sums);
    for (std::int64_t i = 0; i < columns; ++i) {
      factor[i] = deviation_factor(sums[i], count);
      addend[i] = 0;
    }
    for (std::int64_t r = 0; r < layout.rows; ++r) {
      float* const row = y + ReduceLayout::offset(layout.reduced, r);
      scale_shift_row(row, columns, factor, addend, row);
    }
  }

  static void add_up(Combine how, const ReduceLayout& layout, std::int64_t columns, const float* from, float* part,
                     double* sums) {
    std::fill_n(sums, columns, 0.0);
    const float* table[kTable];
    for (std::int64_t done = 0; done < layout.rows; done += kTable) {
      const std::int64_t rows = std::min(kTable, layout.rows - done);
      for (std::int64_t r = 0; r < rows; ++r) table[r] = from + ReduceLayout::offset(layout.reduced, done + r);
      combine_rows(how, table, rows, columns, false, part);
      for (std::int64_t i = 0; i < columns; ++i) sums[i] += static_cast<double>(part[i]);
    }
  }

  EpilogueForm form_;
  std::vector<bool> reduced_;
};

Result<std::vector<bool>> axes_of(const Problem& problem) {
  std::vector<bool> reduced(problem.inputs[0].shape.size(), false);
  for (const std::int64_t axis : problem.attrs.get_ints("axes", {0, 2, 3})) {
    const std::optional<std::size_t> at = normal_axis(axis, reduced.size());
    if (!at) return invalid_argument("axis {} of {}", axis, to_string(problem.inputs[0].shape));
    reduced[*at] = true;
  }
  return reduced;
}

Support supports(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32) return Support::no(Refusal::kDType);
  if (const auto axes = axes_of(problem); !axes.is_ok()) return Support::no(Refusal::kShape, axes.status().message());
  const Result<EpilogueForm> form = EpilogueForm::make(problem);
  return form.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, form.status().message());
}

}  // namespace

const Tactic& mean_variance_tactic() {
  static const SimpleTactic tactic(
      "cpu.norm.mean_variance", {"MeanVarianceNormalization"}, supports,
      [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
        INGOT_ASSIGN_OR_RETURN(std::vector<bool> axes, axes_of(problem));
        INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
        return std::unique_ptr<Kernel>(std::make_unique<MeanVarianceKernel>(std::move(axes), std::move(form)));
      });
  return tactic;
}

}  // namespace ingot::cpu
