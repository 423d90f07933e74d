// SPDX-License-Identifier: Apache-2.0
// cpu.matmul.batched: products of activations; B is packed on the fly.
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/transpose.h"
#include "backends/cpu/matmul_shape.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

// The batch dimensions as at most two levels of stride; nullopt when broadcasting needs more.
struct BatchLevels {
  std::array<std::int64_t, 2> size = {1, 1}, a = {0, 0}, b = {0, 0};  // strides in matrices
};

std::optional<BatchLevels> batch_levels(const MatmulShape& shape) {
  struct Level {
    std::int64_t size, a, b;
  };
  std::vector<Level> levels;  // innermost first
  std::int64_t a_stride = 1;
  std::int64_t b_stride = 1;
  for (std::size_t i = shape.batch.size(); i-- > 0;) {
    const std::int64_t size = shape.batch[i];
    const Level level{size, shape.a_batch[i] == 1 ? 0 : a_stride, shape.b_batch[i] == 1 ? 0 : b_stride};
    a_stride *= shape.a_batch[i];
    b_stride *= shape.b_batch[i];
    if (size == 1) continue;
    if (!levels.empty() && level.a == levels.back().a * levels.back().size &&
        level.b == levels.back().b * levels.back().size) {
      levels.back().size *= size;
    } else {
      levels.push_back(level);
    }
  }
  if (levels.size() > 2) return std::nullopt;
  BatchLevels out;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    out.size[1 - i] = levels[i].size;
    out.a[1 - i] = levels[i].a;
    out.b[1 - i] = levels[i].b;
  }
  return out;
}

struct BatchedState final : KernelState {
  BatchGemmShape shape;
  BatchMatrix<const float> a, b;
  BatchMatrix<float> c;
  std::int64_t a_matrices = 0, a_rows = 0;  // of the stored A, for transA
  std::size_t copy_bytes = 0;
  EpilogueForm::Bound epilogue;
};

class MatmulBatchedKernel final : public Kernel {
 public:
  MatmulBatchedKernel(const Problem& problem, EpilogueForm form)
      : form_(std::move(form)), attrs_(problem.attrs), panel_(best_panel()), has_bias_(problem.has_input(2)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<BatchedState>();
    INGOT_RETURN_IF_ERROR(check_matmul(attrs_, args.inputs[0].shape, args.inputs[1].shape,
                                       has_bias_ ? &args.inputs[2] : nullptr, args.outputs[0].shape));
    INGOT_RETURN_IF_ERROR(form_.check("MatMul", args.inputs, args.outputs[0].shape));
    const MatmulShape sizes = matmul_shape(attrs_, args.inputs[0].shape, args.inputs[1].shape);
    const std::optional<BatchLevels> levels = batch_levels(sizes);
    if (!levels)
      return unsupported("MatMul: leading dimensions {} and {} broadcast in more than two ways",
                         to_string(sizes.a_batch), to_string(sizes.b_batch));
    const auto strides = [](const std::array<std::int64_t, 2>& matrices, std::int64_t matrix) {
      return std::array<std::int64_t, 2>{matrices[0] * matrix, matrices[1] * matrix};
    };
    state->shape = {levels->size, sizes.m, sizes.n, sizes.k, sizes.trans_b};
    // A stack of A by one B is one tall product: B is packed once.
    if (sizes.b_is_single()) {
      state->shape.batch = {1, 1};
      state->shape.m = sizes.m * sizes.batches();
    }
    state->a = {nullptr, sizes.k, strides(levels->a, sizes.m * sizes.k)};
    state->b = {nullptr, sizes.trans_b ? sizes.k : sizes.n, strides(levels->b, sizes.k * sizes.n)};
    state->c = {nullptr, sizes.n, {levels->size[1] * sizes.m * sizes.n, sizes.m * sizes.n}};
    state->epilogue = form_.bind(args.inputs, args.outputs[0].shape, has_bias_);
    state->a_matrices = element_count(sizes.a_batch).value_or(0);
    state->a_rows = sizes.m;
    if (sizes.trans_a)
      state->copy_bytes = static_cast<std::size_t>(
          round_up(state->a_matrices * sizes.m * sizes.k * 4, static_cast<std::int64_t>(kAlignment)));
    state->workspace_bytes = state->copy_bytes + batch_gemm_scratch_bytes(state->shape, panel_, args.threads);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const BatchedState&>(*args.state);
    BatchMatrix<const float> a = state.a;
    BatchMatrix<const float> b = state.b;
    BatchMatrix<float> c = state.c;
    a.data = static_cast<const float*>(args.inputs[0]);
    b.data = static_cast<const float*>(args.inputs[1]);
    c.data = static_cast<float*>(args.outputs[0]);
    std::byte* scratch = args.workspace.data();
    if (state.copy_bytes != 0) {
      auto* copy = reinterpret_cast<float*>(scratch);
      transpose_matrices(a.data, 4, state.a_matrices, state.shape.k, state.a_rows, copy, *args.parallel);
      a.data = copy;
      scratch += state.copy_bytes;
    }
    Epilogue epilogue;
    RowProgram::Call call;
    if (has_bias_) epilogue.bias = static_cast<const float*>(args.inputs[2]);
    form_.apply(state.epilogue, args.inputs, call, epilogue);
    batch_gemm(state.shape, a, b, c, panel_, epilogue, scratch, *args.parallel);
    return Status::ok();
  }

 private:
  EpilogueForm form_;
  Attrs attrs_;
  int panel_;
  bool has_bias_;
};

// alpha as the first instruction of the epilogue.
Result<EpilogueForm> form_of(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
  const double alpha = problem.attrs.get_float("alpha", 1);
  if (alpha == 1) return EpilogueForm::make(problem, expr);
  Expr scale({DType::f32});
  const ExprArg args[] = {expr_input(0), scale.add_const(DType::f32, alpha)};
  scale.add(ExprOp::k_mul, DType::f32, args);
  return EpilogueForm::make(problem, expr.compose(0, scale));
}

Support supports(const Problem& problem) {
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
  const Shape& a = problem.inputs[0].shape;
  const Shape& b = problem.inputs[1].shape;
  if (a.empty() || b.empty()) return Support::no(Refusal::kShape, "a scalar");
  const bool trans_a = problem.attrs.get_int("transA", 0) != 0;
  const bool trans_b = problem.attrs.get_int("transB", 0) != 0;
  if ((trans_a && a.size() < 2) || (trans_b && b.size() < 2)) return Support::no(Refusal::kShape, "transposed vector");
  if (problem.attrs.get_float("alpha", 1) != 1 && problem.has_input(2))
    return Support::no(Refusal::kAttribute, "alpha together with bias");
  // The output then lacks a dimension that the epilogue's operands count on.
  if (b.size() == 1 && problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue, "B is a vector");
  if (!batch_levels(matmul_shape(problem.attrs, a, b)))
    return Support::no(Refusal::kShape, "leading dimensions broadcast in more than two ways");
  const Result<EpilogueForm> form = form_of(problem);
  return form.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, form.status().message());
}

Result<std::unique_ptr<Kernel>> load(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(EpilogueForm form, form_of(problem));
  return std::unique_ptr<Kernel>(std::make_unique<MatmulBatchedKernel>(problem, std::move(form)));
}

}  // namespace

const Tactic& matmul_batched_tactic() {
  static const SimpleTactic tactic("cpu.matmul.batched", {"MatMul"}, supports, load);
  return tactic;
}

}  // namespace ingot::cpu
