// SPDX-License-Identifier: Apache-2.0
// cpu.norm.groups: InstanceNormalization and GroupNormalization, channels last.
#include <cmath>

#include "backends/cpu/axes.h"
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct GroupState final : KernelState {
  std::int64_t batch = 0, pixels = 0, channels = 0, groups = 1;
  std::optional<RowProgram> epilogue;
};

class GroupNormKernel final : public Kernel {
 public:
  GroupNormKernel(const Problem& problem, EpilogueForm form)
      : form_(std::move(form)),
        groups_(problem.attrs.get_int("num_groups", 0)),
        epsilon_(problem.attrs.get_float("epsilon", 1e-5)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<GroupState>();
    const Shape& x = args.inputs[0].shape;
    if (x.size() < 2) return invalid_argument("normalization of rank {}", x.size());
    state->batch = x[0];
    state->channels = x.back();
    state->pixels = product(x, 1, x.size() - 1);
    state->groups = groups_ > 0 ? groups_ : state->channels;
    if (state->channels % state->groups != 0)
      return invalid_argument("{} channels in {} groups", state->channels, state->groups);
    INGOT_RETURN_IF_ERROR(expect_shape("normalization", "the output", args.outputs[0].shape, x));
    for (const std::size_t i : {1, 2})
      INGOT_RETURN_IF_ERROR(
          expect_elements("normalization", i == 1 ? "scale" : "bias", args.inputs[i], state->channels));
    INGOT_RETURN_IF_ERROR(form_.check("normalization", args.inputs, x));
    state->epilogue = form_.bind_rows(args.inputs, args.outputs[0].shape);
    // Per image and channel: the two sums, then factor and addend; per thread: one chunk of partial sums.
    state->workspace_bytes =
        static_cast<std::size_t>(state->batch * state->channels) * (2 * sizeof(double) + 2 * sizeof(float)) +
        static_cast<std::size_t>(args.threads) * kChunk * sizeof(float);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const GroupState&>(*args.state);
    const std::int64_t all = state.batch * state.channels;
    auto* sums = reinterpret_cast<double*>(args.workspace.data());
    auto* squares = sums + all;
    auto* factor = reinterpret_cast<float*>(squares + all);
    auto* addend = factor + all;
    float* partial = addend + all;
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    const std::int64_t chunks = ceil_div(state.channels, kChunk);
    const std::int64_t work = all * state.pixels * 2;
    const TaskSplit columns(state.batch * chunks, work, args.parallel->threads());
    args.parallel->run(columns.tasks(), [&](std::int64_t task, int thread) {
      for (std::int64_t unit = columns.begin(task); unit < columns.end(task); ++unit) {
        const std::int64_t first = unit % chunks * kChunk;
        const std::int64_t count = std::min(kChunk, state.channels - first);
        const std::int64_t image = unit / chunks;
        const float* from = x + image * state.pixels * state.channels + first;
        float* part = partial + thread * kChunk;
        add_up(Combine::sum, from, state, count, part, sums + image * state.channels + first);
        add_up(Combine::sum_squares, from, state, count, part, squares + image * state.channels + first);
      }
    });
    set_factors(state, args, sums, squares, factor, addend);
    const TaskSplit rows(state.batch * state.pixels, work, args.parallel->threads());
    args.parallel->run(rows.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t row = rows.begin(task); row < rows.end(task); ++row) {
        const std::int64_t at = row / state.pixels * state.channels;
        scale_shift_row(x + row * state.channels, state.channels, factor + at, addend + at, y + row * state.channels);
        form_.apply_rows(state.epilogue, args.inputs, y, state.channels, row * state.channels,
                         (row + 1) * state.channels);
      }
    });
    return Status::ok();
  }

 private:
  static constexpr std::int64_t kChunk = 128;
  static constexpr std::int64_t kTable = 64;  // rows that are added in f32 before the sum goes to f64

  static void add_up(Combine how, const float* from, const GroupState& state, std::int64_t count, float* part,
                     double* sums) {
    std::fill_n(sums, count, 0.0);
    const float* table[kTable];
    for (std::int64_t done = 0; done < state.pixels; done += kTable) {
      const std::int64_t rows = std::min(kTable, state.pixels - done);
      for (std::int64_t r = 0; r < rows; ++r) table[r] = from + (done + r) * state.channels;
      combine_rows(how, table, rows, count, false, part);
      for (std::int64_t i = 0; i < count; ++i) sums[i] += static_cast<double>(part[i]);
    }
  }

  void set_factors(const GroupState& state, const LaunchArgs& args, const double* sums, const double* squares,
                   float* factor, float* addend) const {
    const auto* scale = static_cast<const float*>(args.inputs[1]);
    const auto* bias = static_cast<const float*>(args.inputs[2]);
    const std::int64_t width = state.channels / state.groups;
    const auto count = static_cast<double>(width * state.pixels);
    for (std::int64_t first = 0; first < state.batch * state.channels; first += width) {
      double sum = 0;
      double square = 0;
      for (std::int64_t i = first; i < first + width; ++i) {
        sum += sums[i];
        square += squares[i];
      }
      const double mean = sum / count;
      const double inverse = 1 / std::sqrt(std::max(square / count - mean * mean, 0.0) + epsilon_);
      for (std::int64_t i = first; i < first + width; ++i) {
        const auto channel = i % state.channels;
        factor[i] = static_cast<float>(inverse * static_cast<double>(scale[channel]));
        addend[i] = static_cast<float>(static_cast<double>(bias[channel]) -
                                       mean * inverse * static_cast<double>(scale[channel]));
      }
    }
  }

  EpilogueForm form_;
  std::int64_t groups_;
  double epsilon_;
};

Support supports(const Problem& problem) {
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
  const Shape& x = problem.inputs[0].shape;
  if (problem.attrs.get_int("channels_last", 0) == 0) return Support::no(Refusal::kLayout, "needs channels_last");
  if (x.size() < 2) return Support::no(Refusal::kShape);
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}})
    if (!problem.has_input(i) || problem.inputs[i].shape != Shape{x.back()})
      return Support::no(Refusal::kShape, "scale and bias per channel");
  const Result<EpilogueForm> form = EpilogueForm::make(problem);
  return form.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, form.status().message());
}

}  // namespace

const Tactic& group_norm_tactic() {
  static const SimpleTactic tactic(
      "cpu.norm.groups", {"InstanceNormalization", "GroupNormalization"}, supports,
      [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
        INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
        return std::unique_ptr<Kernel>(std::make_unique<GroupNormKernel>(problem, std::move(form)));
      });
  return tactic;
}

}  // namespace ingot::cpu
