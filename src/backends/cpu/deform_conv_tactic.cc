// SPDX-License-Identifier: Apache-2.0
// cpu.deform_conv.gather_gemm: f32 DeformConv over two spatial dimensions, channels last, weights packed as for
// cpu.conv.implicit_gemm. Offsets and mask in either layout.
#include <limits>

#include "backends/cpu/conv_shape.h"
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/deform_conv.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

constexpr std::size_t kWeights = 1, kOffset = 2, kBias = 3, kMask = 4;

Result<DeformShape> deform_shape(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& out) {
  if (w.size() != 4) return unsupported("{} spatial dimensions", static_cast<int>(w.size()) - 2);
  DeformShape shape;
  INGOT_ASSIGN_OR_RETURN(shape.conv, conv_shape(attrs, x, w, out));
  shape.offset_groups = attrs.get_int("offset_group", 1);
  if (shape.offset_groups < 1 || shape.conv.in_channels % shape.offset_groups != 0)
    return invalid_argument("{} channels in {} offset groups", shape.conv.in_channels, shape.offset_groups);
  if (shape.conv.in_pixels() > std::numeric_limits<std::int32_t>::max())
    return unsupported("an image of {} pixels", shape.conv.in_pixels());
  return shape;
}

struct DeformState final : KernelState {
  DeformShape shape;
  EpilogueForm::Bound epilogue;
};

class DeformKernel final : public Kernel {
 public:
  DeformKernel(const Problem& problem, EpilogueForm form, const float* packed, int panel)
      : form_(std::move(form)),
        attrs_(problem.attrs),
        weights_(problem.inputs[kWeights].shape),
        packed_(packed),
        panel_(panel),
        has_bias_(problem.has_input(kBias)),
        has_mask_(problem.has_input(kMask)),
        offset_last_(problem.attrs.get_int("offset_channels_last", 0) != 0) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<DeformState>();
    INGOT_ASSIGN_OR_RETURN(state->shape, deform_shape(attrs_, args.inputs[0].shape, weights_, args.outputs[0].shape));
    const ConvShape& conv = state->shape.conv;
    const std::int64_t coordinates = state->shape.offset_groups * conv.window() * conv.batch * conv.out_pixels();
    INGOT_RETURN_IF_ERROR(expect_elements("DeformConv", "offset", args.inputs[kOffset], 2 * coordinates));
    if (has_mask_) INGOT_RETURN_IF_ERROR(expect_elements("DeformConv", "mask", args.inputs[kMask], coordinates));
    if (has_bias_) INGOT_RETURN_IF_ERROR(expect_elements("DeformConv", "B", args.inputs[kBias], conv.out_channels));
    INGOT_RETURN_IF_ERROR(form_.check("DeformConv", args.inputs, args.outputs[0].shape));
    state->epilogue = form_.bind(args.inputs, args.outputs[0].shape, has_bias_);
    state->workspace_bytes = deform_conv_scratch_bytes(state->shape, args.threads);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const DeformState&>(*args.state);
    const ConvShape& conv = state.shape.conv;
    const auto input = [&](std::size_t i) { return static_cast<const float*>(args.inputs[i]); };
    const std::int64_t taps = state.shape.offset_groups * conv.window();
    DeformOperands operands;
    operands.in = input(0);
    operands.in_ld = conv.in_channels;
    operands.offset = PixelTensor::make(input(kOffset), 2 * taps, conv.out_pixels(), offset_last_);
    if (has_mask_) operands.mask = PixelTensor::make(input(kMask), taps, conv.out_pixels(), offset_last_);
    Epilogue epilogue;
    RowProgram::Call call;
    if (has_bias_) epilogue.bias = input(kBias);
    form_.apply(state.epilogue, args.inputs, call, epilogue);
    deform_conv(state.shape, operands, packed_, panel_, static_cast<float*>(args.outputs[0]), conv.out_channels,
                epilogue, args.workspace.data(), *args.parallel);
    return Status::ok();
  }

 private:
  EpilogueForm form_;
  Attrs attrs_;
  Shape weights_;
  const float* packed_;
  int panel_;
  bool has_bias_, has_mask_, offset_last_;
};

class DeformConvTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cpu.deform_conv.gather_gemm"; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    if (problem.kind != "DeformConv") return Support::no(Refusal::kKind);
    for (std::size_t i = 0; i < problem.own_inputs(); ++i)
      if (problem.inputs[i].present() && problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
    if (problem.attrs.get_int("channels_last", 0) == 0) return Support::no(Refusal::kLayout, "needs channels_last");
    if (!problem.inputs[kWeights].constant) return Support::no(Refusal::kConstant, "weights are not constant");
    if (const auto shape = shape_of(problem); !shape.is_ok())
      return Support::no(Refusal::kShape, shape.status().message());
    if (const auto form = EpilogueForm::make(problem); !form.is_ok())
      return Support::no(Refusal::kEpilogue, form.status().message());
    return Support::yes();
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem&, const DeviceInfo&) const override {
    return panel_configs({});
  }

  Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo&) const override {
    INGOT_ASSIGN_OR_RETURN(const PanelConfig choice, parse_panel_config(config));
    INGOT_ASSIGN_OR_RETURN(const DeformShape shape, shape_of(problem));
    const TensorPtr& weights = problem.inputs[kWeights].value;
    if (weights == nullptr) return invalid_argument("DeformConv: the values of the weights are needed");
    Packed packed = make_packed(problem, kWeights, conv_packed_bytes(shape.conv, choice.panel));
    conv_pack(shape.conv, weights->data<float>(), choice.panel, floats_of(packed.blobs[0]));
    return packed;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>> blobs) const override {
    INGOT_ASSIGN_OR_RETURN(const PanelConfig choice, parse_panel_config(config));
    INGOT_ASSIGN_OR_RETURN(const DeformShape shape, shape_of(problem));
    INGOT_ASSIGN_OR_RETURN(const float* packed, packed_floats(blobs, conv_packed_bytes(shape.conv, choice.panel)));
    INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
    return std::unique_ptr<Kernel>(std::make_unique<DeformKernel>(problem, std::move(form), packed, choice.panel));
  }

 private:
  static Result<DeformShape> shape_of(const Problem& problem) {
    return deform_shape(problem.attrs, problem.inputs[0].shape, problem.inputs[kWeights].shape,
                        problem.outputs[0].shape);
  }
};

}  // namespace

const Tactic& deform_conv_tactic() {
  static const DeformConvTactic tactic;
  return tactic;
}

}  // namespace ingot::cpu
