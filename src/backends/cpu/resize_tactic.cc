// SPDX-License-Identifier: Apache-2.0
// cpu.resize: f32 Resize, nearest or linear, of at most two adjacent dimensions (so channels last or first alike).
#include <cmath>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

// For each output position of a dimension: two input positions and the weight of the second.
struct Table {
  std::vector<std::int64_t> low, high;
  std::vector<float> weight;
};

struct ResizeState final : KernelState {
  std::int64_t outer = 1, in_h = 1, in_w = 1, out_h = 1, out_w = 1, inner = 1;
  Table rows, columns;
};

double source_position(std::string_view mode, double scale, std::int64_t in, std::int64_t out, std::int64_t at) {
  const auto x = static_cast<double>(at);
  const double length = scale * static_cast<double>(in);
  if (mode == "asymmetric") return x / scale;
  if (mode == "align_corners") return length == 1 ? 0 : x * static_cast<double>(in - 1) / (length - 1);
  if (mode == "pytorch_half_pixel" && out <= 1) return 0;
  return (x + 0.5) / scale - 0.5;
}

double nearest_position(std::string_view mode, double x) {
  if (mode == "floor") return std::floor(x);
  if (mode == "ceil") return std::ceil(x);
  if (mode == "round_prefer_ceil") return std::floor(x + 0.5);
  return std::ceil(x - 0.5);
}

Table make_table(const Attrs& attrs, double scale, std::int64_t in, std::int64_t out) {
  Table table;
  const std::string coordinates = attrs.get_string("coordinate_transformation_mode", "half_pixel");
  const std::string nearest = attrs.get_string("nearest_mode", "round_prefer_floor");
  const bool linear = attrs.get_string("mode", "nearest") == "linear";
  const auto clamped = [in](double x) { return std::clamp<std::int64_t>(static_cast<std::int64_t>(x), 0, in - 1); };
  for (std::int64_t at = 0; at < out; ++at) {
    const double x = source_position(coordinates, scale, in, out, at);
    const double low = linear ? std::floor(x) : nearest_position(nearest, x);
    table.low.push_back(clamped(low));
    table.high.push_back(linear ? clamped(low + 1) : table.low.back());
    table.weight.push_back(linear ? static_cast<float>(x - low) : 0.0F);
  }
  return table;
}

class ResizeKernel final : public Kernel {
 public:
  explicit ResizeKernel(const Problem& problem) : attrs_(problem.attrs) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<ResizeState>();
    const Shape& in = args.inputs[0].shape;
    const Shape& out = args.outputs[0].shape;
    if (in.size() != out.size() || in.empty() || element_count(in) == 0)
      return invalid_argument("Resize: {} to {}", to_string(in), to_string(out));
    std::vector<double> scales(in.size(), 1);
    for (std::size_t i = 0; i < in.size(); ++i) scales[i] = static_cast<double>(out[i]) / static_cast<double>(in[i]);
    if (const TensorPtr given = args.inputs.size() > 2 ? args.inputs[2].value : nullptr;
        given && given->elements() > 0) {
      const Ints axes = attrs_.get_ints("axes", {});
      for (std::int64_t i = 0; i < given->elements(); ++i) {
        const std::optional<std::size_t> axis =
            normal_axis(axes.empty() ? i : axes[static_cast<std::size_t>(i)], in.size());
        if (!axis) return invalid_argument("Resize: axis out of range");
        scales[*axis] = given->as_double(i);
      }
    }
    // The dimensions from the first to the last that change.
    std::size_t first = in.size();
    std::size_t last = 0;
    for (std::size_t i = 0; i < in.size(); ++i)
      if (in[i] != out[i] || scales[i] != 1) {
        first = std::min(first, i);
        last = i;
      }
    if (first == in.size()) first = last = in.size() - 1;
    if (last > first + 1) return unsupported("Resize: {} to {}", to_string(in), to_string(out));
    state->outer = product(in, 0, first);
    state->inner = product(in, last + 1, in.size());
    if (last > first) {
      state->in_h = in[first];
      state->out_h = out[first];
    }
    state->in_w = in[last];
    state->out_w = out[last];
    state->rows = last > first ? make_table(attrs_, scales[first], in[first], out[first]) : Table{{0}, {0}, {0}};
    state->columns = make_table(attrs_, scales[last], in[last], out[last]);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const ResizeState&>(*args.state);
    const std::int64_t lines = state.outer * state.out_h;
    const std::int64_t width = state.out_w * state.inner;
    const TaskSplit split(lines, lines * width * 4, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t line = split.begin(task); line < split.end(task); ++line) {
        const float* image =
            static_cast<const float*>(args.inputs[0]) + line / state.out_h * state.in_h * state.in_w * state.inner;
        run_line(state, image, static_cast<std::size_t>(line % state.out_h),
                 static_cast<float*>(args.outputs[0]) + line * width);
      }
    });
    return Status::ok();
  }

 private:
  static void run_line(const ResizeState& s, const float* image, std::size_t y, float* to) {
    const std::int64_t pitch = s.in_w * s.inner;
    const float* top = image + s.rows.low[y] * pitch;
    const float* bottom = image + s.rows.high[y] * pitch;
    const float v = s.rows.weight[y];
    for (std::size_t x = 0; x < static_cast<std::size_t>(s.out_w); ++x, to += s.inner) {
      const std::int64_t a = s.columns.low[x] * s.inner;
      const std::int64_t b = s.columns.high[x] * s.inner;
      const float u = s.columns.weight[x];
      if (u == 0 && v == 0) {
        std::copy_n(top + a, s.inner, to);
        continue;
      }
      const float w00 = (1 - v) * (1 - u), w01 = (1 - v) * u, w10 = v * (1 - u), w11 = v * u;
      for (std::int64_t i = 0; i < s.inner; ++i)
        to[i] = top[a + i] * w00 + top[b + i] * w01 + (bottom[a + i] * w10 + bottom[b + i] * w11);
    }
  }

  Attrs attrs_;
};

Support supports(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32) return Support::no(Refusal::kDType);
  const std::string mode = problem.attrs.get_string("mode", "nearest");
  const std::string coordinates = problem.attrs.get_string("coordinate_transformation_mode", "half_pixel");
  if ((mode != "nearest" && mode != "linear") || coordinates == "tf_crop_and_resize" ||
      coordinates == "half_pixel_symmetric" || problem.attrs.get_int("antialias", 0) != 0 ||
      problem.attrs.get_int("exclude_outside", 0) != 0 ||
      problem.attrs.get_string("keep_aspect_ratio_policy", "stretch") != "stretch")
    return Support::no(Refusal::kAttribute);
  for (std::size_t i = 2; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && !problem.inputs[i].constant)
      return Support::no(Refusal::kConstant, "scales or sizes");
  const Shape& in = problem.inputs[0].shape;
  const Shape& out = problem.outputs[0].shape;
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in[i] == 0) return Support::no(Refusal::kShape, "empty");
    if (in[i] != out[i]) changed.push_back(i);
  }
  if (in.empty() || changed.size() > 2 || (changed.size() == 2 && changed[1] != changed[0] + 1))
    return Support::no(Refusal::kShape, "more than two adjacent dimensions change");
  return Support::yes();
}

}  // namespace

const Tactic& resize_tactic() {
  static const SimpleTactic tactic("cpu.resize", {"Resize"}, supports,
                                   [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
                                     return std::unique_ptr<Kernel>(std::make_unique<ResizeKernel>(problem));
                                   });
  return tactic;
}

}  // namespace ingot::cpu
