// SPDX-License-Identifier: Apache-2.0
// cpu.pool.bytes: MaxPool of u8 and i8, by vectors of channels where they come last.
#include <algorithm>
#include <limits>

#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"
#include "backends/cpu/window_attrs.h"

namespace ingot::cpu {
namespace {

struct BytesPoolState final : KernelState {
  WindowSizes sizes;
};

template <typename T>
void take_larger(const T* __restrict x, std::int64_t count, T* __restrict to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = std::max(to[i], x[i]);
}

// One line of outputs.
template <typename T>
void pool_line(const WindowSizes& s, const T* image, std::int64_t d, std::int64_t h, T* out) {
  const auto first_of = [&](std::size_t axis, std::int64_t at) { return at * s.stride[axis] - s.pad_begin[axis]; };
  for (std::int64_t w = 0; w < s.out[2]; ++w, out += s.channels) {
    std::fill(out, out + s.channels, std::numeric_limits<T>::lowest());
    for (std::int64_t kd = 0; kd < s.kernel[0]; ++kd) {
      const std::int64_t z = first_of(0, d) + kd * s.dilation[0];
      if (z < 0 || z >= s.in[0]) continue;
      for (std::int64_t kh = 0; kh < s.kernel[1]; ++kh) {
        const std::int64_t y = first_of(1, h) + kh * s.dilation[1];
        if (y < 0 || y >= s.in[1]) continue;
        for (std::int64_t kw = 0; kw < s.kernel[2]; ++kw) {
          const std::int64_t x = first_of(2, w) + kw * s.dilation[2];
          if (x < 0 || x >= s.in[2]) continue;
          take_larger(image + ((z * s.in[1] + y) * s.in[2] + x) * s.channels, s.channels, out);
        }
      }
    }
  }
}

class BytesPoolKernel final : public Kernel {
 public:
  explicit BytesPoolKernel(const Problem& problem)
      : attrs_(problem.attrs),
        last_(problem.attrs.get_int("channels_last", 0) != 0),
        signed_(problem.inputs[0].dtype == DType::i8) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<BytesPoolState>();
    const Shape& out = args.outputs[0].shape;
    WindowSizes& sizes = state->sizes;
    INGOT_ASSIGN_OR_RETURN(sizes, window_sizes(attrs_, args.inputs[0].shape, attrs_.get_ints("kernel_shape", {}), out));
    if (sizes.channels != sizes.out_channels || args.inputs[0].shape[0] != out[0])
      return invalid_argument("pooling of {} makes no {}", to_string(args.inputs[0].shape), to_string(out));
    if (!last_) {  // each plane is an image of one channel
      sizes.batch *= sizes.channels;
      sizes.channels = sizes.out_channels = 1;
    }
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const BytesPoolState&>(*args.state);
    if (signed_)
      run<std::int8_t>(state.sizes, args);
    else
      run<std::uint8_t>(state.sizes, args);
    return Status::ok();
  }

 private:
  template <typename T>
  static void run(const WindowSizes& s, const LaunchArgs& args) {
    const std::int64_t image = s.in[0] * s.in[1] * s.in[2] * s.channels;
    const std::int64_t line = s.out[2] * s.channels;
    const auto* x = static_cast<const T*>(args.inputs[0]);
    auto* y = static_cast<T*>(args.outputs[0]);
    args.parallel->run(s.batch * s.out[0] * s.out[1], [&](std::int64_t task, int) {
      const std::int64_t h = task % s.out[1];
      const std::int64_t d = task / s.out[1] % s.out[0];
      pool_line(s, x + task / (s.out[1] * s.out[0]) * image, d, h, y + task * line);
    });
  }

  Attrs attrs_;
  bool last_, signed_;
};

Support supports(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  if (!is_byte(type) || problem.outputs[0].dtype != type) return Support::no(Refusal::kDType);
  if (problem.outputs.size() > 1 && problem.outputs[1].present()) return Support::no(Refusal::kAttribute, "Indices");
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  const auto sizes = window_sizes(problem.attrs, problem.inputs[0].shape, problem.attrs.get_ints("kernel_shape", {}),
                                  problem.outputs[0].shape);
  return sizes.is_ok() ? Support::yes() : Support::no(Refusal::kShape, sizes.status().message());
}

}  // namespace

const Tactic& max_pool_bytes_tactic() {
  static const SimpleTactic tactic("cpu.pool.bytes", {"MaxPool"}, supports,
                                   [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
                                     return std::unique_ptr<Kernel>(std::make_unique<BytesPoolKernel>(problem));
                                   });
  return tactic;
}

}  // namespace ingot::cpu
