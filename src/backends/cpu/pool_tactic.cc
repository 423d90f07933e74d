// SPDX-License-Identifier: Apache-2.0
// cpu.pool: MaxPool and AveragePool in f32, channels last by vectors of channels, otherwise plane by plane.
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"
#include "backends/cpu/window_attrs.h"

namespace ingot::cpu {
namespace {

constexpr std::int64_t kMaxTaps = 512;
constexpr std::int64_t kMaxColumns = 4096;  // of a plane whose rows combine first

struct PoolState final : KernelState {
  WindowSizes sizes;
  std::int64_t columns = 1;
  std::optional<RowProgram> epilogue;
};

// The input positions of one window along one dimension.
struct Span {
  std::int64_t first = 0, count = 0;  // first valid position; positions are `dilation` apart
  std::int64_t padded = 0;            // taps inside the padded input
};

Span span_of(const WindowSizes& s, std::size_t d, std::int64_t out) {
  Span span;
  const std::int64_t begin = out * s.stride[d] - s.pad_begin[d];
  span.first = -1;
  for (std::int64_t k = 0; k < s.kernel[d]; ++k) {
    const std::int64_t at = begin + k * s.dilation[d];
    if (at < s.in[d] + s.pad_end[d]) ++span.padded;
    if (at < 0 || at >= s.in[d]) continue;
    if (span.first < 0) span.first = at;
    ++span.count;
  }
  return span;
}

// Maxima of whole windows along a line. Sizes are constants, so that this becomes vector code.
template <int kWindow, int kStride>
void maxima(const float* __restrict x, std::int64_t count, float* __restrict to) {
  for (std::int64_t i = 0; i < count; ++i) {
    float value = x[i * kStride];
    for (int k = 1; k < kWindow; ++k) {
      const float next = x[i * kStride + k];
      value = next > value || next != next ? next : value;
    }
    to[i] = value;
  }
}

using MaximaFn = void (*)(const float*, std::int64_t, float*);
MaximaFn find_maxima(std::int64_t window, std::int64_t stride) {
  if (window == 2) return stride == 1 ? &maxima<2, 1> : stride == 2 ? &maxima<2, 2> : nullptr;
  if (window == 3) return stride == 1 ? &maxima<3, 1> : stride == 2 ? &maxima<3, 2> : nullptr;
  return nullptr;
}

class PoolKernel final : public Kernel {
 public:
  PoolKernel(const Problem& problem, EpilogueForm form)
      : form_(std::move(form)),
        attrs_(problem.attrs),
        average_(problem.kind == "AveragePool"),
        last_(problem.attrs.get_int("channels_last", 0) != 0),
        include_pad_(problem.attrs.get_int("count_include_pad", 0) != 0) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<PoolState>();
    const Shape& out = args.outputs[0].shape;
    INGOT_ASSIGN_OR_RETURN(state->sizes,
                           window_sizes(attrs_, args.inputs[0].shape, attrs_.get_ints("kernel_shape", {}), out));
    if (state->sizes.channels != state->sizes.out_channels || args.inputs[0].shape[0] != out[0])
      return invalid_argument("pooling of {} makes no {}", to_string(args.inputs[0].shape), to_string(out));
    INGOT_RETURN_IF_ERROR(form_.check("pooling", args.inputs, out));
    state->columns = out.back();
    state->epilogue = form_.bind_rows(args.inputs, out);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const PoolState&>(*args.state);
    const WindowSizes& s = state.sizes;
    // A unit is a row of output pixels: of all channels (channels last) or of one.
    const std::int64_t lines = s.out[0] * s.out[1];
    const std::int64_t units = s.batch * (last_ ? 1 : s.channels) * lines;
    const std::int64_t width = s.out[2] * (last_ ? s.channels : 1);
    const std::int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
    const TaskSplit split(units, units * width * taps / (last_ ? 4 : 1), args.parallel->threads());
    auto* y = static_cast<float*>(args.outputs[0]);
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t image = unit / lines;  // batch, or batch and channel
        const std::int64_t line = unit % lines;
        const float* x =
            static_cast<const float*>(args.inputs[0]) + image * s.in[0] * s.in[1] * s.in[2] * (last_ ? s.channels : 1);
        run_line(s, x, line / s.out[1], line % s.out[1], y + unit * width);
        form_.apply_rows(state.epilogue, args.inputs, y, state.columns, unit * width, (unit + 1) * width);
      }
    });
    return Status::ok();
  }

 private:
  // One plane: rows combine first, as vectors, then the columns of what that gives.
  void run_plane_line(const WindowSizes& s, const float* x, std::int64_t out_d, std::int64_t out_h, float* to) const {
    const Span d = span_of(s, 0, out_d);
    const Span h = span_of(s, 1, out_h);
    const Combine how = average_ ? Combine::sum : Combine::max;
    const float* table[kMaxTaps];
    std::int64_t rows = 0;
    for (std::int64_t i = 0; i < d.count; ++i)
      for (std::int64_t j = 0; j < h.count; ++j)
        table[rows++] = x + ((d.first + i * s.dilation[0]) * s.in[1] + h.first + j * s.dilation[1]) * s.in[2];
    float combined[kMaxColumns];
    const float* line = combined;
    if (rows == 1)
      line = table[0];
    else
      combine_rows(how, table, rows, s.in[2], false, combined);
    const MaximaFn whole =
        average_ || rows == 0 || s.dilation[2] != 1 ? nullptr : find_maxima(s.kernel[2], s.stride[2]);
    const std::int64_t first = std::clamp<std::int64_t>(ceil_div(s.pad_begin[2], s.stride[2]), 0, s.out[2]);
    const std::int64_t room = s.in[2] + s.pad_begin[2] - s.kernel[2];
    const std::int64_t end = std::min(room < 0 ? 0 : room / s.stride[2] + 1, s.out[2]);
    if (whole != nullptr && end > first) whole(line + first * s.stride[2] - s.pad_begin[2], end - first, to + first);
    for (std::int64_t out_w = 0; out_w < s.out[2]; ++out_w) {
      if (whole != nullptr && out_w == first && end > first) out_w = end;
      if (out_w >= s.out[2]) break;
      const std::int64_t begin = out_w * s.stride[2] - s.pad_begin[2];
      const std::int64_t last = begin + (s.kernel[2] - 1) * s.dilation[2];
      if (begin < 0 || last >= s.in[2] || average_) {
        const Span w = span_of(s, 2, out_w);
        to[out_w] = rows == 0 ? combine_start(how) : along(line + w.first, w.count, s.dilation[2]);
        if (average_) to[out_w] /= static_cast<float>(include_pad_ ? d.padded * h.padded * w.padded : rows * w.count);
      } else {
        to[out_w] = rows == 0 ? combine_start(how) : along(line + begin, s.kernel[2], s.dilation[2]);
      }
    }
  }

  [[nodiscard]] float along(const float* x, std::int64_t count, std::int64_t step) const {
    float value = combine_start(average_ ? Combine::sum : Combine::max);
    for (std::int64_t i = 0; i < count; ++i, x += step) {
      // Written so that the choice is no branch, which would be mispredicted; NaN is rare.
      const float greater = *x > value ? *x : value;
      value = average_ ? value + *x : greater;
      if (*x != *x) value = *x;
    }
    return value;
  }

  void run_line(const WindowSizes& s, const float* x, std::int64_t out_d, std::int64_t out_h, float* to) const {
    if (!last_ && s.in[2] <= kMaxColumns) return run_plane_line(s, x, out_d, out_h, to);
    const std::int64_t channels = last_ ? s.channels : 1;
    const Span d = span_of(s, 0, out_d);
    const Span h = span_of(s, 1, out_h);
    const float* table[kMaxTaps];
    for (std::int64_t out_w = 0; out_w < s.out[2]; ++out_w, to += channels) {
      const Span w = span_of(s, 2, out_w);
      std::int64_t taps = 0;
      for (std::int64_t i = 0; i < d.count; ++i)
        for (std::int64_t j = 0; j < h.count; ++j) {
          const std::int64_t row = ((d.first + i * s.dilation[0]) * s.in[1] + h.first + j * s.dilation[1]) * s.in[2];
          for (std::int64_t k = 0; k < w.count; ++k) table[taps++] = x + (row + w.first + k * s.dilation[2]) * channels;
        }
      if (channels == 1) {
        *to = single(table, taps);
      } else {
        combine_rows(average_ ? Combine::sum : Combine::max, table, taps, channels, false, to);
      }
      if (!average_) continue;
      const std::int64_t divisor = include_pad_ ? d.padded * h.padded * w.padded : taps;
      scale_row(to, channels, 1.0F / static_cast<float>(divisor));
    }
  }

  [[nodiscard]] float single(const float* const* table, std::int64_t taps) const {
    float value = combine_start(average_ ? Combine::sum : Combine::max);
    for (std::int64_t t = 0; t < taps; ++t) {
      if (average_)
        value += *table[t];
      else if (!(value >= *table[t]) && value == value)
        value = *table[t];
    }
    return value;
  }

  EpilogueForm form_;
  Attrs attrs_;
  bool average_, last_, include_pad_;
};

Support supports(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32) return Support::no(Refusal::kDType);
  if (problem.outputs.size() > 1 && problem.outputs[1].present()) return Support::no(Refusal::kAttribute, "Indices");
  const Ints kernel = problem.attrs.get_ints("kernel_shape", {});
  std::int64_t taps = 1;
  for (const std::int64_t size : kernel) taps = size < 1 || size > kMaxTaps ? kMaxTaps + 1 : taps * size;
  if (taps > kMaxTaps) return Support::no(Refusal::kShape, "window too large");
  const auto sizes = window_sizes(problem.attrs, problem.inputs[0].shape, kernel, problem.outputs[0].shape);
  if (!sizes.is_ok()) return Support::no(Refusal::kShape, sizes.status().message());
  const Result<EpilogueForm> form = EpilogueForm::make(problem);
  return form.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, form.status().message());
}

}  // namespace

const Tactic& pool_tactic() {
  static const SimpleTactic tactic(
      "cpu.pool", {"MaxPool", "AveragePool"}, supports, [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
        INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
        return std::unique_ptr<Kernel>(std::make_unique<PoolKernel>(problem, std::move(form)));
      });
  return tactic;
}

}  // namespace ingot::cpu
