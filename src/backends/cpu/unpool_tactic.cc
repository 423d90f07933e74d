// SPDX-License-Identifier: Apache-2.0
// Operators that write windows back into an image. cpu.max_unpool puts each element where its maximum was; cpu.col2im
// adds up the columns of its blocks.
#include <cstring>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"
#include "backends/cpu/window_attrs.h"

namespace ingot::cpu {
namespace {

struct UnpoolState final : KernelState {
  std::int64_t in = 0, out = 0;  // elements
};

class MaxUnpoolKernel final : public Kernel {
 public:
  explicit MaxUnpoolKernel(const Problem& problem)
      : attrs_(problem.attrs), bytes_(bits_of(problem.inputs[0].dtype) / 8) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<UnpoolState>();
    const Shape& x = args.inputs[0].shape;
    const Shape& out = args.outputs[0].shape;
    const Ints kernel = attrs_.get_ints("kernel_shape", {});
    INGOT_ASSIGN_OR_RETURN(const WindowSizes s, window_sizes(attrs_, x, kernel, out));
    INGOT_RETURN_IF_ERROR(expect_shape("MaxUnpool", "the indices", args.inputs[1].shape, x));
    // Indices count elements of what the window makes; another output_shape would have to be translated.
    Shape made = x;
    for (std::size_t i = 0; i < kernel.size(); ++i) {
      const std::size_t at = 3 - kernel.size() + i;
      made[i + 2] = (x[i + 2] - 1) * s.stride[at] + s.kernel[at] - s.pad_begin[at] - s.pad_end[at];
    }
    if (out != made) return unsupported("MaxUnpool: an output_shape of {}", to_string(out));
    state->in = element_count(x).value_or(0);
    state->out = element_count(out).value_or(0);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const UnpoolState&>(*args.state);
    const auto* at = static_cast<const std::int64_t*>(args.inputs[1]);
    for (std::int64_t i = 0; i < s.in; ++i)
      if (at[i] < 0 || at[i] >= s.out)
        return invalid_argument("MaxUnpool: index {} is outside {} elements", at[i], s.out);
    std::memset(args.outputs[0], 0, static_cast<std::size_t>(s.out * bytes_));
    switch (bytes_) {
      case 1: scatter<std::uint8_t>(s, args, at); break;
      case 2: scatter<std::uint16_t>(s, args, at); break;
      case 4: scatter<std::uint32_t>(s, args, at); break;
      default: scatter<std::uint64_t>(s, args, at);
    }
    return Status::ok();
  }

 private:
  // In one task: of equal indices the last one counts.
  template <typename T>
  static void scatter(const UnpoolState& s, const LaunchArgs& args, const std::int64_t* at) {
    const auto* x = static_cast<const T*>(args.inputs[0]);
    auto* y = static_cast<T*>(args.outputs[0]);
    for (std::int64_t i = 0; i < s.in; ++i) y[at[i]] = x[i];
  }

  Attrs attrs_;
  std::int64_t bytes_;
};

struct ImageState final : KernelState {
  WindowSizes sizes;  // in: the image, out: the positions of the window
  std::int64_t planes = 0, pixels = 1, positions = 1, taps = 1;
};

class Col2ImKernel final : public Kernel {
 public:
  explicit Col2ImKernel(const Problem& problem) : attrs_(problem.attrs) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<ImageState>();
    const Shape& columns = args.inputs[0].shape;
    const Shape& image = args.outputs[0].shape;
    const std::optional<Ints> block = constant_ints(args.inputs[2]);
    if (!block || image.size() < 3) return unsupported("Col2Im: block_shape is not a known constant");
    Shape coarse = image;
    INGOT_ASSIGN_OR_RETURN(state->sizes, window_sizes(attrs_, image, *block, coarse));
    WindowSizes& s = state->sizes;
    for (std::size_t d = 0; d < 3; ++d) {
      const std::int64_t room = s.in[d] + s.pad_begin[d] + s.pad_end[d] - s.dilation[d] * (s.kernel[d] - 1) - 1;
      s.out[d] = room < 0 ? 0 : room / s.stride[d] + 1;
      state->pixels *= s.in[d];
      state->positions *= s.out[d];
      state->taps *= s.kernel[d];
    }
    state->planes = image[0] * image[1];
    INGOT_RETURN_IF_ERROR(
        expect_shape("Col2Im", "operand 0", columns, {image[0], image[1] * state->taps, state->positions}));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const ImageState&>(*args.state);
    const TaskSplit split(state.planes, state.planes * state.taps * state.positions, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t plane = split.begin(task); plane < split.end(task); ++plane)
        add_up(state, static_cast<const float*>(args.inputs[0]) + plane * state.taps * state.positions,
               static_cast<float*>(args.outputs[0]) + plane * state.pixels);
    });
    return Status::ok();
  }

 private:
  static void add_up(const ImageState& state, const float* column, float* image) {
    const WindowSizes& s = state.sizes;
    std::fill_n(image, state.pixels, 0.0F);
    for (std::int64_t tap = 0; tap < state.taps; ++tap, column += state.positions) {
      const std::int64_t kw = tap % s.kernel[2];
      const std::int64_t kh = tap / s.kernel[2] % s.kernel[1];
      const std::int64_t kd = tap / s.kernel[2] / s.kernel[1];
      const std::int64_t shift = kw * s.dilation[2] - s.pad_begin[2];
      // The positions whose tap is in the image along the last dimension.
      const std::int64_t first = shift >= 0 ? 0 : ceil_div(-shift, s.stride[2]);
      const std::int64_t last = std::min(s.out[2], s.in[2] > shift ? ceil_div(s.in[2] - shift, s.stride[2]) : 0);
      for (std::int64_t line = 0; line < s.out[0] * s.out[1]; ++line) {
        const std::int64_t d = line / s.out[1] * s.stride[0] + kd * s.dilation[0] - s.pad_begin[0];
        const std::int64_t h = line % s.out[1] * s.stride[1] + kh * s.dilation[1] - s.pad_begin[1];
        if (d < 0 || d >= s.in[0] || h < 0 || h >= s.in[1]) continue;
        float* __restrict to = image + (d * s.in[1] + h) * s.in[2] + shift;
        const float* __restrict from = column + line * s.out[2];
        if (s.stride[2] == 1)
          for (std::int64_t i = first; i < last; ++i) to[i] += from[i];
        else
          for (std::int64_t i = first; i < last; ++i) to[i * s.stride[2]] += from[i];
      }
    }
  }

  Attrs attrs_;
};

Support max_unpool_supports(const Problem& problem) {
  const int bits = bits_of(problem.inputs[0].dtype);
  if (bits < 8 || bits > 64 || problem.inputs[1].dtype != DType::i64) return Support::no(Refusal::kDType);
  return problem.has_input(2) ? Support::no(Refusal::kAttribute, "output_shape") : Support::yes();
}

Support col2im_supports(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32) return Support::no(Refusal::kDType);
  const std::optional<Ints> block = constant_ints(problem.inputs[2]);
  if (!block) return Support::no(Refusal::kConstant, "block_shape");
  return block->empty() || block->size() > 3 ? Support::no(Refusal::kShape, "one to three dimensions") : Support::yes();
}

}  // namespace

const Tactic& max_unpool_tactic() {
  static const SimpleTactic tactic("cpu.max_unpool", {"MaxUnpool"}, max_unpool_supports, load_kernel<MaxUnpoolKernel>);
  return tactic;
}

const Tactic& col2im_tactic() {
  static const SimpleTactic tactic("cpu.col2im", {"Col2Im"}, col2im_supports, load_kernel<Col2ImKernel>);
  return tactic;
}

}  // namespace ingot::cpu
