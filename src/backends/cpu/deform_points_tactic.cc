// SPDX-License-Identifier: Apache-2.0
// cpu.deform_points: f32 DCNv3, with the mask as an operand or behind the offsets.
#include "backends/cpu/kernels/deform_points.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"
#include "backends/cpu/window_attrs.h"

namespace ingot::cpu {
namespace {

constexpr std::size_t kOffset = 1, kMask = 2;
constexpr std::int64_t kMaxExtent = 256;  // of the window

Result<DeformPointsShape> points_shape(const Attrs& attrs, const Shape& x, const Shape& out) {
  const Ints kernel = attrs.get_ints("kernel_shape", {});
  if (kernel.size() != 2 || kernel[0] > kMaxExtent || kernel[1] > kMaxExtent)
    return unsupported("a window that is not of two sizes up to {}", kMaxExtent);
  Attrs window = attrs;
  window.set("channels_last", std::int64_t{1});
  INGOT_ASSIGN_OR_RETURN(const WindowSizes sizes, window_sizes(window, x, kernel, out));
  DeformPointsShape shape;
  shape.batch = sizes.batch;
  shape.channels = sizes.channels;
  shape.groups = attrs.get_int("group", 1);
  for (std::size_t i = 0; i < 2; ++i) {
    shape.in[i] = sizes.in[i + 1];
    shape.out[i] = sizes.out[i + 1];
    shape.kernel[i] = sizes.kernel[i + 1];
    shape.stride[i] = sizes.stride[i + 1];
    shape.dilation[i] = sizes.dilation[i + 1];
    shape.pad[i] = sizes.pad_begin[i + 1];
  }
  shape.offset_scale = static_cast<float>(attrs.get_float("offset_scale", 1));
  shape.remove_center = attrs.get_int("remove_center", 0) != 0;
  if (shape.groups < 1 || shape.channels % shape.groups != 0)
    return invalid_argument("{} channels in {} groups", shape.channels, shape.groups);
  return shape;
}

struct PointsState final : KernelState {
  DeformPointsShape shape;
  std::int64_t offset_pitch = 0;
};

class PointsKernel final : public Kernel {
 public:
  explicit PointsKernel(const Problem& problem) : attrs_(problem.attrs), has_mask_(problem.has_input(kMask)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<PointsState>();
    INGOT_ASSIGN_OR_RETURN(state->shape, points_shape(attrs_, args.inputs[0].shape, args.outputs[0].shape));
    const DeformPointsShape& s = state->shape;
    INGOT_RETURN_IF_ERROR(expect_shape("DCNv3", "Y", args.outputs[0].shape, {s.batch, s.out[0], s.out[1], s.channels}));
    const std::int64_t all = s.groups * s.points();
    const Shape& offset = args.inputs[kOffset].shape;
    state->offset_pitch = offset.empty() ? 0 : offset.back();
    const std::int64_t last = has_mask_ ? 2 * all : std::max(3 * all, state->offset_pitch);
    INGOT_RETURN_IF_ERROR(expect_shape("DCNv3", "offset", offset, {s.batch, s.out[0], s.out[1], last}));
    if (has_mask_)
      INGOT_RETURN_IF_ERROR(
          expect_shape("DCNv3", "mask", args.inputs[kMask].shape, {s.batch, s.out[0], s.out[1], all}));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const PointsState&>(*args.state);
    const auto input = [&](std::size_t i) { return static_cast<const float*>(args.inputs[i]); };
    const DeformPointsOperands operands{input(0), input(kOffset), state.offset_pitch,
                                        has_mask_ ? input(kMask) : nullptr};
    deform_points(state.shape, operands, static_cast<float*>(args.outputs[0]), best_panel(), *args.parallel);
    return Status::ok();
  }

 private:
  Attrs attrs_;
  bool has_mask_;
};

Support supports(const Problem& problem) {
  for (const Operand& operand : problem.inputs)
    if (operand.present() && operand.dtype != DType::f32) return Support::no(Refusal::kDType);
  if (const auto shape = points_shape(problem.attrs, problem.inputs[0].shape, problem.outputs[0].shape); !shape.is_ok())
    return Support::no(Refusal::kShape, shape.status().message());
  return Support::yes();
}

}  // namespace

const Tactic& deform_points_tactic() {
  static const SimpleTactic tactic("cpu.deform_points", {"DCNv3"}, supports, load_kernel<PointsKernel>);
  return tactic;
}

}  // namespace ingot::cpu
