// SPDX-License-Identifier: Apache-2.0
// cpu.reduce: f32 reductions over adjacent dimensions, global pooling included.
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

const Reduction* find_reduction(std::string_view kind) {
  for (const Reduction& reduction : kReductions)
    if (reduction.kind == kind) return &reduction;
  return nullptr;
}

// The data as [outer][length][inner], reduced over the middle.
struct Extents {
  std::int64_t outer = 1, length = 1, inner = 1;
};

// Which dimensions go; nullopt when that is not known at build time.
std::optional<std::vector<bool>> reduced_axes(const Problem& problem) {
  const std::size_t rank = problem.inputs[0].shape.size();
  std::vector<bool> reduced(rank, false);
  if (problem.kind.starts_with("Global")) {
    const bool last = problem.attrs.get_int("channels_last", 0) != 0;
    for (std::size_t i = 1; i < rank; ++i) reduced[i] = last ? i + 1 < rank : i > 1;
    return reduced;
  }
  Ints axes;
  if (problem.has_input(1)) {
    const std::optional<Ints> listed = constant_ints(problem.inputs[1]);
    if (!listed) return std::nullopt;
    axes = *listed;
  }
  if (axes.empty() && problem.attrs.get_int("noop_with_empty_axes", 0) != 0) return std::nullopt;
  if (axes.empty()) reduced.assign(rank, true);
  for (const std::int64_t axis : axes) {
    const std::optional<std::size_t> at = normal_axis(axis, rank);
    if (!at) return std::nullopt;
    reduced[*at] = true;
  }
  return reduced;
}

// nullopt when kept dimensions larger than 1 stand between reduced ones.
std::optional<Extents> extents_of(const Shape& shape, const std::vector<bool>& reduced) {
  Extents extents;
  int stage = 0;  // 0 outer, 1 reduced, 2 inner
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    if (reduced[i]) {
      if (stage == 2) return std::nullopt;
      stage = 1;
      extents.length *= shape[i];
    } else {
      if (stage == 1) stage = 2;
      (stage == 0 ? extents.outer : extents.inner) *= shape[i];
    }
  }
  return extents;
}

struct ReduceState final : KernelState {
  Extents extents;
  std::int64_t columns = 1;
  std::optional<RowProgram> epilogue;
};

class ReduceKernel final : public Kernel {
 public:
  ReduceKernel(const Problem& problem, std::vector<bool> reduced, EpilogueForm form)
      : form_(std::move(form)), reduction_(*find_reduction(problem.kind)), reduced_(std::move(reduced)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<ReduceState>();
    if (args.inputs[0].shape.size() != reduced_.size())
      return invalid_argument("{}: rank {} expected, got {}", reduction_.kind, reduced_.size(),
                              to_string(args.inputs[0].shape));
    const std::optional<Extents> extents = extents_of(args.inputs[0].shape, reduced_);
    if (!extents)
      return unsupported("{}: reduced dimensions apart in {}", reduction_.kind, to_string(args.inputs[0].shape));
    state->extents = *extents;
    const Shape& out = args.outputs[0].shape;
    INGOT_RETURN_IF_ERROR(
        expect_elements(reduction_.kind, "the output", args.outputs[0], extents->outer * extents->inner));
    INGOT_RETURN_IF_ERROR(form_.check(reduction_.kind, args.inputs, out));
    state->columns = out.empty() ? 1 : out.back();
    state->epilogue = form_.bind_rows(args.inputs, out);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const ReduceState&>(*args.state);
    const auto& [outer, length, inner] = state.extents;
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    const std::int64_t chunks = inner == 1 ? 1 : ceil_div(inner, kChunk);
    const TaskSplit split(outer * chunks, outer * length * inner, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t o = unit / chunks;
        const std::int64_t column = unit % chunks * kChunk;
        const std::int64_t count = std::min(kChunk, inner - column);
        float* to = y + o * inner + column;
        const float* from = x + o * length * inner + column;
        if (inner == 1)
          *to = combine_row(reduction_.how, from, length);
        else
          reduce_columns(from, length, inner, count, to);
        finish(to, count, length);
        form_.apply_rows(state.epilogue, args.inputs, y, state.columns, o * inner + column, o * inner + column + count);
      }
    });
    return Status::ok();
  }

 private:
  // Columns of one unit: enough for whole cache lines, few enough that small batches still make many units.
  static constexpr std::int64_t kChunk = 128;
  static constexpr std::int64_t kTable = 64;

  void reduce_columns(const float* from, std::int64_t length, std::int64_t stride, std::int64_t count,
                      float* to) const {
    if (length == 0) std::fill_n(to, count, combine_start(reduction_.how));
    const float* table[kTable];
    for (std::int64_t done = 0; done < length; done += kTable) {
      const std::int64_t rows = std::min(kTable, length - done);
      for (std::int64_t r = 0; r < rows; ++r) table[r] = from + (done + r) * stride;
      combine_rows(reduction_.how, table, rows, count, done != 0, to);
    }
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
  const auto reduced = reduced_axes(problem);
  if (!reduced) return Support::no(Refusal::kConstant, "axes");
  if (!extents_of(problem.inputs[0].shape, *reduced)) return Support::no(Refusal::kShape, "reduced dimensions apart");
  const Result<EpilogueForm> form = EpilogueForm::make(problem);
  return form.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, form.status().message());
}

Result<std::unique_ptr<Kernel>> load(const Problem& problem) {
  auto reduced = reduced_axes(problem);
  if (!reduced) return invalid_argument("{}: constant axes expected", problem.kind);
  INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
  return std::unique_ptr<Kernel>(std::make_unique<ReduceKernel>(problem, *std::move(reduced), std::move(form)));
}

}  // namespace

const Tactic& reduce_tactic() {
  static const SimpleTactic tactic(
      "cpu.reduce",
      {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd",
       "ReduceLogSum", "GlobalAveragePool", "GlobalMaxPool"},
      supports, load);
  return tactic;
}

}  // namespace ingot::cpu
