// SPDX-License-Identifier: Apache-2.0
// cpu.matmul.packed: activations by a constant matrix, which is packed (and scaled by alpha) at build time.
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/transpose.h"
#include "backends/cpu/matmul_shape.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct PackedState final : KernelState {
  GemmShape shape;
  std::int64_t batches = 1, m = 0;
  std::size_t copy_bytes = 0;  // of the transposed A, before the scratch
  EpilogueForm::Bound epilogue;
};

class MatmulPackedKernel final : public Kernel {
 public:
  MatmulPackedKernel(const Problem& problem, EpilogueForm form, const float* packed, int panel)
      : form_(std::move(form)),
        attrs_(problem.attrs),
        b_(problem.inputs[1].shape),
        packed_(packed),
        panel_(panel),
        has_bias_(problem.has_input(2)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<PackedState>();
    INGOT_RETURN_IF_ERROR(
        check_matmul(attrs_, args.inputs[0].shape, b_, has_bias_ ? &args.inputs[2] : nullptr, args.outputs[0].shape));
    INGOT_RETURN_IF_ERROR(form_.check("MatMul", args.inputs, args.outputs[0].shape));
    const MatmulShape sizes = matmul_shape(attrs_, args.inputs[0].shape, b_);
    state->batches = sizes.batches();
    state->m = sizes.m;
    state->shape = {sizes.m * state->batches, sizes.n, sizes.k};
    state->epilogue = form_.bind(args.inputs, args.outputs[0].shape, has_bias_);
    if (sizes.trans_a)
      state->copy_bytes =
          static_cast<std::size_t>(round_up(state->shape.m * sizes.k * 4, static_cast<std::int64_t>(kAlignment)));
    state->workspace_bytes = state->copy_bytes + gemm_scratch_bytes(state->shape, panel_, args.threads);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const PackedState&>(*args.state);
    const auto* a = static_cast<const float*>(args.inputs[0]);
    std::byte* scratch = args.workspace.data();
    if (state.copy_bytes != 0) {
      auto* copy = reinterpret_cast<float*>(scratch);
      transpose_matrices(a, 4, state.batches, state.shape.k, state.m, copy, *args.parallel);
      a = copy;
      scratch += state.copy_bytes;
    }
    Epilogue epilogue;
    RowProgram::Call call;
    if (has_bias_) epilogue.bias = static_cast<const float*>(args.inputs[2]);
    form_.apply(state.epilogue, args.inputs, call, epilogue);
    gemm(state.shape, a, state.shape.k, packed_, panel_, static_cast<float*>(args.outputs[0]), state.shape.n, epilogue,
         scratch, *args.parallel);
    return Status::ok();
  }

 private:
  EpilogueForm form_;
  Attrs attrs_;
  Shape b_;
  const float* packed_;
  int panel_;
  bool has_bias_;
};

class MatmulPackedTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cpu.matmul.packed"; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    if (problem.kind != "MatMul") return Support::no(Refusal::kKind);
    for (std::size_t i = 0; i < problem.own_inputs(); ++i)
      if (problem.inputs[i].present() && problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
    if (!problem.inputs[1].constant) return Support::no(Refusal::kConstant, "B is not constant");
    const Shape& a = problem.inputs[0].shape;
    const Shape& b = problem.inputs[1].shape;
    if (a.empty() || b.size() < 2) return Support::no(Refusal::kShape, "B needs rank 2");
    const MatmulShape sizes = matmul_shape(problem.attrs, a, b);
    if (!sizes.b_is_single()) return Support::no(Refusal::kShape, "B is a stack of matrices");
    if (sizes.trans_a && a.size() < 2) return Support::no(Refusal::kShape, "transA of a vector");
    const Result<EpilogueForm> form = EpilogueForm::make(problem);
    if (!form.is_ok()) return Support::no(Refusal::kEpilogue, form.status().message());
    return Support::yes();
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem&, const DeviceInfo&) const override {
    return panel_configs({});
  }

  Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo&) const override {
    INGOT_ASSIGN_OR_RETURN(const PanelConfig panel, parse_panel_config(config));
    const MatmulShape sizes = matmul_shape(problem.attrs, problem.inputs[0].shape, problem.inputs[1].shape);
    if (problem.inputs[1].value == nullptr) return invalid_argument("MatMul: the values of B are needed");
    Packed packed = make_packed(problem, 1, packed_b_bytes(sizes.k, sizes.n, panel.panel));
    float* to = floats_of(packed.blobs[0]);
    pack_b(sizes.k, sizes.n, problem.inputs[1].value->data<float>(), sizes.trans_b ? sizes.k : sizes.n, sizes.trans_b,
           panel.panel, to);
    const auto alpha = static_cast<float>(problem.attrs.get_float("alpha", 1));
    if (alpha != 1)
      for (std::size_t i = 0; i < packed.blobs[0].size() / sizeof(float); ++i) to[i] *= alpha;
    return packed;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>> blobs) const override {
    INGOT_ASSIGN_OR_RETURN(const PanelConfig panel, parse_panel_config(config));
    const MatmulShape sizes = matmul_shape(problem.attrs, problem.inputs[0].shape, problem.inputs[1].shape);
    INGOT_ASSIGN_OR_RETURN(const float* packed, packed_floats(blobs, packed_b_bytes(sizes.k, sizes.n, panel.panel)));
    INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
    return std::unique_ptr<Kernel>(std::make_unique<MatmulPackedKernel>(problem, std::move(form), packed, panel.panel));
  }
};

}  // namespace

const Tactic& matmul_packed_tactic() {
  static const MatmulPackedTactic tactic;
  return tactic;
}

}  // namespace ingot::cpu
