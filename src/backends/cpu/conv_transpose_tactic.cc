// SPDX-License-Identifier: Apache-2.0
// cpu.conv_transpose: transposed convolutions whose weights only a run brings (with constant ones they are
// convolutions, but for strides that would waste most of it): a matrix product makes what each input pixel adds to its
// window, then each line of the output collects.
#include <algorithm>
#include <array>

#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/isa.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/kernels/transpose.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct Axis {
  std::int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, pad = 0;

  // The input position whose window has position `o` of the output at `tap`; -1 where none has.
  [[nodiscard]] std::int64_t source(std::int64_t o, std::int64_t tap) const {
    const std::int64_t at = o + pad - tap * dilation;
    return at < 0 || at % stride != 0 || at / stride >= in ? -1 : at / stride;
  }
};

struct Sizes {
  std::array<Axis, 3> axes;
  std::int64_t batch = 1, channels = 0, groups = 1, group_out = 0;

  [[nodiscard]] std::int64_t in_pixels() const { return axes[0].in * axes[1].in * axes[2].in; }
  [[nodiscard]] std::int64_t out_channels() const { return groups * group_out; }
  [[nodiscard]] std::int64_t columns() const {  // of a group's product
    return axes[0].kernel * axes[1].kernel * axes[2].kernel * group_out;
  }
};

// Of operands with channels last.
Result<Sizes> sizes_of(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& out) {
  if (x.size() < 3 || x.size() > 5 || w.size() != x.size() || out.size() != x.size())
    return unsupported("ConvTranspose of rank {} by rank {}", x.size(), w.size());
  const std::size_t rank = x.size() - 2;
  Sizes sizes;
  sizes.batch = x[0];
  sizes.channels = x.back();
  sizes.groups = attrs.get_int("group", 1);
  sizes.group_out = w[1];
  if (sizes.groups < 1 || w[0] != sizes.channels || sizes.channels % sizes.groups != 0 || out[0] != x[0] ||
      out.back() != sizes.out_channels())
    return invalid_argument("ConvTranspose: {} by {} in {} groups makes no {}", to_string(x), to_string(w),
                            sizes.groups, to_string(out));
  const Ints strides = attrs.get_ints("strides", Ints(rank, 1));
  const Ints dilations = attrs.get_ints("dilations", Ints(rank, 1));
  const Ints pads = attrs.get_ints("pads", Ints(2 * rank, 0));
  const Ints extra = attrs.get_ints("output_padding", Ints(rank, 0));
  const std::string auto_pad = attrs.get_string("auto_pad", "NOTSET");
  if (strides.size() != rank || dilations.size() != rank || pads.size() != 2 * rank || extra.size() != rank)
    return invalid_argument("ConvTranspose: strides, dilations, pads or output_padding of another rank than {}", rank);
  for (std::size_t i = 0; i < rank; ++i) {
    Axis& axis = sizes.axes[3 - rank + i];
    axis = {x[1 + i], out[1 + i], w[2 + i], strides[i], dilations[i], pads[i]};
    if (axis.kernel < 1 || axis.stride < 1 || axis.dilation < 1 || axis.pad < 0)
      return invalid_argument("ConvTranspose: a window of {} with stride {}, dilation {} and padding {}", axis.kernel,
                              axis.stride, axis.dilation, axis.pad);
    const std::int64_t full = (axis.in - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1 + extra[i];
    const std::int64_t total = std::max<std::int64_t>(0, full - axis.out);
    if (auto_pad == "VALID") axis.pad = 0;
    if (auto_pad == "SAME_UPPER") axis.pad = total / 2;
    if (auto_pad == "SAME_LOWER" || (auto_pad != "SAME_UPPER" && attrs.has("output_shape")))
      axis.pad = total - total / 2;
  }
  return sizes;
}

struct TransposeState final : KernelState {
  Sizes sizes;
  BatchGemmShape product;  // of one image
  std::size_t weights_bytes = 0, product_bytes = 0;
  std::optional<RowProgram> epilogue;
};

class ConvTransposeKernel final : public Kernel {
 public:
  ConvTransposeKernel(const Problem& problem, EpilogueForm form)
      : form_(std::move(form)), attrs_(problem.attrs), has_bias_(problem.has_input(2)), panel_(best_panel()) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<TransposeState>();
    const Shape& out = args.outputs[0].shape;
    INGOT_ASSIGN_OR_RETURN(state->sizes, sizes_of(attrs_, args.inputs[0].shape, args.inputs[1].shape, out));
    const Sizes& s = state->sizes;
    if (has_bias_)
      INGOT_RETURN_IF_ERROR(expect_elements("ConvTranspose", "the bias", args.inputs[2], s.out_channels()));
    INGOT_RETURN_IF_ERROR(form_.check("ConvTranspose", args.inputs, out));
    state->epilogue = form_.bind_rows(args.inputs, out);
    state->product = {{1, s.groups}, s.in_pixels(), s.columns(), s.channels / s.groups, false};
    const auto floats = [](std::int64_t count) {
      return static_cast<std::size_t>(round_up(count, 16)) * sizeof(float);
    };
    state->weights_bytes = floats(s.channels * s.columns());
    state->product_bytes = floats(s.groups * s.in_pixels() * s.columns());
    state->workspace_bytes =
        state->weights_bytes + state->product_bytes + batch_gemm_scratch_bytes(state->product, panel_, args.threads);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const TransposeState&>(*args.state);
    const Sizes& s = state.sizes;
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    std::byte* const workspace = args.workspace.data();
    auto* weights = reinterpret_cast<float*>(workspace);
    auto* sums = reinterpret_cast<float*>(workspace + state.weights_bytes);
    std::byte* const scratch = workspace + state.weights_bytes + state.product_bytes;
    const std::int64_t columns = s.columns(), pixels = s.in_pixels(), group_in = s.channels / s.groups;
    // The channels of a tap side by side.
    transpose_matrices(args.inputs[1], sizeof(float), s.channels, s.group_out,
                       columns / std::max<std::int64_t>(s.group_out, 1), weights, *args.parallel);
    const std::int64_t lines = s.axes[0].out * s.axes[1].out, line = s.axes[2].out * s.out_channels();
    for (std::int64_t n = 0; n < s.batch; ++n) {
      batch_gemm(state.product, {x + n * pixels * s.channels, s.channels, {0, group_in}},
                 {weights, columns, {0, group_in * columns}}, {sums, columns, {0, pixels * columns}}, panel_, {},
                 scratch, *args.parallel);
      const TaskSplit split(lines, pixels * s.groups * columns * 2 + lines * line, args.parallel->threads());
      args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
        for (std::int64_t i = split.begin(task); i < split.end(task); ++i) {
          const std::int64_t begin = (n * lines + i) * line;
          collect(s, sums, i / s.axes[1].out, i % s.axes[1].out, args, y + begin);
          form_.apply_rows(state.epilogue, args.inputs, y, s.out_channels(), begin, begin + line);
        }
      });
    }
    return Status::ok();
  }

 private:
  // Line (d, h) of the output.
  void collect(const Sizes& s, const float* sums, std::int64_t d, std::int64_t h, const LaunchArgs& args,
               float* out) const {
    const auto& [depth, height, width] = s.axes;
    const std::int64_t channels = s.out_channels(), columns = s.columns();
    const auto* bias = has_bias_ ? static_cast<const float*>(args.inputs[2]) : nullptr;
    for (std::int64_t w = 0; w < width.out; ++w) {
      if (bias != nullptr) {
        std::copy_n(bias, channels, out + w * channels);
      } else {
        std::fill_n(out + w * channels, channels, 0.F);
      }
    }
    for (std::int64_t kd = 0; kd < depth.kernel; ++kd) {
      const std::int64_t in_d = depth.source(d, kd);
      if (in_d < 0) continue;
      for (std::int64_t kh = 0; kh < height.kernel; ++kh) {
        const std::int64_t in_h = height.source(h, kh);
        if (in_h < 0) continue;
        for (std::int64_t g = 0; g < s.groups; ++g) {
          const float* from = sums + (g * s.in_pixels() + (in_d * height.in + in_h) * width.in) * columns +
                              (kd * height.kernel + kh) * width.kernel * s.group_out;
          for (std::int64_t w = 0; w < width.in; ++w, from += columns)
            for (std::int64_t kw = 0; kw < width.kernel; ++kw) {
              const std::int64_t at = w * width.stride - width.pad + kw * width.dilation;
              if (at < 0 || at >= width.out) continue;
              float* const to = out + at * channels + g * s.group_out;
              const float* const add = from + kw * s.group_out;
              for (std::int64_t c = 0; c < s.group_out; ++c) to[c] += add[c];
            }
        }
      }
    }
  }

  EpilogueForm form_;
  Attrs attrs_;
  bool has_bias_;
  int panel_;
};

Support supports(const Problem& problem) {
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
  if (problem.attrs.get_int("channels_last", 0) == 0) return Support::no(Refusal::kLayout, "needs channels_last");
  const Result<Sizes> sizes =
      sizes_of(problem.attrs, problem.inputs[0].shape, problem.inputs[1].shape, problem.outputs[0].shape);
  if (!sizes.is_ok()) return Support::no(Refusal::kShape, sizes.status().message());
  const Result<EpilogueForm> form = EpilogueForm::make(problem);
  return form.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, form.status().message());
}

}  // namespace

const Tactic& conv_transpose_tactic() {
  static const SimpleTactic tactic(
      "cpu.conv_transpose", {"ConvTranspose"}, supports, [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
        INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
        return std::unique_ptr<Kernel>(std::make_unique<ConvTransposeKernel>(problem, std::move(form)));
      });
  return tactic;
}

}  // namespace ingot::cpu
