// SPDX-License-Identifier: Apache-2.0
// cpu.matmul.f64: products in double precision.
#include <tuple>

#include "backends/cpu/kernels/gemm_f64.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/matmul_shape.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct F64State final : KernelState {
  MatmulShape shape;
  std::vector<std::int64_t> a, b;  // the matrices of each product
};

// Which matrix of an operand each product of the batch takes.
std::vector<std::int64_t> matrices(const Shape& own, const Shape& batch) {
  std::vector<std::int64_t> list(static_cast<std::size_t>(element_count(batch).value_or(0)), 0);
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::int64_t stride = 1;
    auto rest = static_cast<std::int64_t>(i);
    for (std::size_t axis = batch.size(); axis-- > 0; rest /= batch[axis]) {
      if (own[axis] != 1) list[i] += rest % batch[axis] * stride;
      stride *= own[axis];
    }
  }
  return list;
}

class MatmulF64Kernel final : public Kernel {
 public:
  explicit MatmulF64Kernel(const Problem& problem) : attrs_(problem.attrs) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<F64State>();
    INGOT_RETURN_IF_ERROR(
        check_matmul(attrs_, args.inputs[0].shape, args.inputs[1].shape, nullptr, args.outputs[0].shape));
    state->shape = matmul_shape(attrs_, args.inputs[0].shape, args.inputs[1].shape);
    MatmulShape& s = state->shape;
    if (s.b_is_single() && !s.trans_a) {  // one tall product
      s.m *= s.batches();
      s.batch = s.a_batch = s.b_batch = {};
    }
    state->a = matrices(s.a_batch, s.batch);
    state->b = matrices(s.b_batch, s.batch);
    state->workspace_bytes = static_cast<std::size_t>(args.threads * s.k * gemm_f64_panel()) * sizeof(double);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const F64State&>(*args.state);
    const MatmulShape& s = state.shape;
    const std::int64_t width = gemm_f64_panel();
    const std::int64_t panels = ceil_div(s.n, width);
    const auto batches = static_cast<std::int64_t>(state.a.size());
    const TaskSplit split(batches * panels, batches * s.m * s.n * s.k / 4, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int thread) {
      double* panel = reinterpret_cast<double*>(args.workspace.data()) + thread * s.k * width;
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const auto batch = static_cast<std::size_t>(unit / panels);
        const std::int64_t first = unit % panels * width;
        MatrixF64 a{static_cast<const double*>(args.inputs[0]) + state.a[batch] * s.m * s.k, s.k, 1};
        MatrixF64 b{static_cast<const double*>(args.inputs[1]) + state.b[batch] * s.k * s.n, s.n, 1};
        if (s.trans_a) std::tie(a.row, a.column) = std::pair(std::int64_t{1}, s.m);
        if (s.trans_b) std::tie(b.row, b.column) = std::pair(std::int64_t{1}, s.k);
        pack_f64(b, s.k, s.n, first, panel);
        gemm_f64(a, s.m, s.k, panel, std::min(width, s.n - first),
                 static_cast<double*>(args.outputs[0]) + static_cast<std::int64_t>(batch) * s.m * s.n + first, s.n);
      }
    });
    return Status::ok();
  }

 private:
  Attrs attrs_;
};

Support supports(const Problem& problem) {
  for (const Operand& operand : problem.inputs)
    if (operand.present() && operand.dtype != DType::f64) return Support::no(Refusal::kDType);
  if (problem.has_input(2) || problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  if (problem.attrs.get_float("alpha", 1) != 1) return Support::no(Refusal::kAttribute, "alpha");
  return check_matmul(problem.attrs, problem.inputs[0].shape, problem.inputs[1].shape, nullptr,
                      problem.outputs[0].shape)
                 .is_ok()
             ? Support::yes()
             : Support::no(Refusal::kShape);
}

}  // namespace

const Tactic& matmul_f64_tactic() {
  static const SimpleTactic tactic("cpu.matmul.f64", {"MatMul"}, supports, load_kernel<MatmulF64Kernel>);
  return tactic;
}

}  // namespace ingot::cpu
