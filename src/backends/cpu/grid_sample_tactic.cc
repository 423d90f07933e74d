// SPDX-License-Identifier: Apache-2.0
// cpu.grid_sample: f32 GridSample of two or three dimensions. What a pixel reads is worked out once, as a list of
// offsets and weights; all channels then use it.
#include <cmath>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/sample.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

enum class Mode : std::uint8_t { nearest, linear, cubic };
enum class Padding : std::uint8_t { zeros, border, reflection };

struct AxisTaps {
  int count = 0;
  std::int64_t position[4] = {};
  double weight[4] = {};  // 0 outside
};

class Sampling {
 public:
  explicit Sampling(const Attrs& attrs) : aligned_(attrs.get_int("align_corners", 0) != 0) {
    const std::string mode = attrs.get_string("mode", "linear");
    const std::string padding = attrs.get_string("padding_mode", "zeros");
    mode_ = mode == "nearest" ? Mode::nearest : mode == "cubic" ? Mode::cubic : Mode::linear;
    padding_ = padding == "border" ? Padding::border : padding == "reflection" ? Padding::reflection : Padding::zeros;
  }

  [[nodiscard]] int taps() const { return mode_ == Mode::nearest ? 1 : mode_ == Mode::linear ? 2 : 4; }

  [[nodiscard]] AxisTaps along(double coordinate, std::int64_t size) const {
    const auto in = static_cast<double>(size);
    AxisTaps taps;
    taps.count = this->taps();
    double x = aligned_ ? (coordinate + 1) / 2 * (in - 1) : ((coordinate + 1) * in - 1) / 2;
    if (mode_ == Mode::nearest) x = std::nearbyint(x);
    // A cubic's taps go to the border one by one, so that it stays a curve up to there.
    if (mode_ != Mode::cubic || padding_ != Padding::border) x = padded(x, in);
    if (!std::isfinite(x)) return taps;
    const double base = mode_ == Mode::nearest ? x : std::floor(x);
    const double r = x - base;
    switch (mode_) {
      case Mode::nearest: set(taps, 0, base, 1, in); break;
      case Mode::linear:
        set(taps, 0, base, 1 - r, in);
        set(taps, 1, base + 1, r, in);
        break;
      case Mode::cubic:
        set(taps, 0, base - 1, outer(r + 1), in);
        set(taps, 1, base, inner(r), in);
        set(taps, 2, base + 1, inner(1 - r), in);
        set(taps, 3, base + 2, outer(2 - r), in);
    }
    return taps;
  }

 private:
  static constexpr double kA = -0.75;
  static double inner(double d) { return ((kA + 2) * d - (kA + 3)) * d * d + 1; }
  static double outer(double d) { return ((d - 5) * d + 8) * d * kA - 4 * kA; }

  [[nodiscard]] double padded(double x, double in) const {
    const double low = aligned_ ? 0 : -0.5;
    const double high = in - (aligned_ ? 1 : 0.5);
    if (padding_ == Padding::zeros || (x >= low && x <= high)) return x;
    if (padding_ == Padding::border) return std::clamp(x, 0.0, in - 1);
    const double range = high - low;
    if (range <= 0) return low;
    const double phase = std::fmod(std::abs(x - low), 2 * range);
    return phase <= range ? low + phase : high - (phase - range);
  }

  void set(AxisTaps& taps, int k, double position, double weight, double in) const {
    position = std::nearbyint(padded(position, in));
    if (!(position >= 0 && position < in)) return;
    taps.position[k] = static_cast<std::int64_t>(position);
    taps.weight[k] = weight;
  }

  Mode mode_ = Mode::linear;
  Padding padding_ = Padding::zeros;
  bool aligned_;
};

struct GridState final : KernelState {
  Shape fine;  // the spatial sizes of X
  std::int64_t batch = 0, channels = 0, in_plane = 1, out_plane = 1;
};

class GridSampleKernel final : public Kernel {
 public:
  explicit GridSampleKernel(const Problem& problem) : sampling_(problem.attrs) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<GridState>();
    const Shape& x = args.inputs[0].shape;
    const Shape& grid = args.inputs[1].shape;
    const Shape& out = args.outputs[0].shape;
    if (x.size() < 4 || x.size() > 5) return unsupported("GridSample of rank {}", x.size());
    state->fine.assign(x.begin() + 2, x.end());
    state->batch = x[0];
    state->channels = x[1];
    state->in_plane = product(x, 2, x.size());
    state->out_plane = out.size() == x.size() ? product(out, 2, out.size()) : 0;
    if (state->in_plane < 1 || state->in_plane > INT32_MAX) return unsupported("GridSample of {}", to_string(x));
    Shape expected{x[0]};
    Shape result{x[0], x[1]};
    if (out.size() != x.size()) return invalid_argument("GridSample: output {} of {}", to_string(out), to_string(x));
    for (std::size_t i = 2; i < out.size(); ++i) {
      expected.push_back(out[i]);
      result.push_back(out[i]);
    }
    expected.push_back(static_cast<std::int64_t>(state->fine.size()));
    INGOT_RETURN_IF_ERROR(expect_shape("GridSample", "grid", grid, expected));
    INGOT_RETURN_IF_ERROR(expect_shape("GridSample", "the output", out, result));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const GridState&>(*args.state);
    const std::int64_t blocks = ceil_div(s.out_plane, kSamplePixels);
    const TaskSplit split(s.batch * blocks, s.batch * s.out_plane * (s.channels + 8) * 8, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      TapTable table;
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t image = unit / blocks;
        const std::int64_t pixel = unit % blocks * kSamplePixels;
        const std::int64_t count = std::min(kSamplePixels, s.out_plane - pixel);
        const auto rank = static_cast<std::int64_t>(s.fine.size());
        const float* grid = static_cast<const float*>(args.inputs[1]) + (image * s.out_plane + pixel) * rank;
        const int taps = fill(s, grid, count, table);
        const float* x = static_cast<const float*>(args.inputs[0]) + image * s.channels * s.in_plane;
        float* y = static_cast<float*>(args.outputs[0]) + image * s.channels * s.out_plane + pixel;
        for (std::int64_t c = 0; c < s.channels; ++c) {
          float values[kSamplePixels];
          sample_plane(x + c * s.in_plane, table, taps, values);
          std::copy_n(values, count, y + c * s.out_plane);
        }
      }
    });
    return Status::ok();
  }

 private:
  // The taps of all axes combined; how many there are per pixel.
  int fill(const GridState& s, const float* grid, std::int64_t count, TapTable& table) const {
    const std::size_t rank = s.fine.size();
    int taps = 1;
    for (std::size_t axis = 0; axis < rank; ++axis) taps *= sampling_.taps();
    for (std::int64_t p = count; p < kSamplePixels; ++p)
      for (int t = 0; t < taps; ++t) {
        table.offset[t][p] = 0;
        table.weight[t][p] = 0;
      }
    for (std::int64_t p = 0; p < count; ++p) {
      double weight[kSampleTaps] = {1};
      std::int64_t offset[kSampleTaps] = {0};
      int known = 1;
      for (std::size_t axis = 0; axis < rank; ++axis) {
        // The grid names the last axis first.
        const float coordinate = grid[static_cast<std::size_t>(p) * rank + rank - 1 - axis];
        const AxisTaps along = sampling_.along(static_cast<double>(coordinate), s.fine[axis]);
        for (int i = known - 1; i >= 0; --i)
          for (int k = along.count - 1; k >= 0; --k) {
            weight[i * along.count + k] = weight[i] * along.weight[k];
            offset[i * along.count + k] = offset[i] * s.fine[axis] + along.position[k];
          }
        known *= along.count;
      }
      for (int t = 0; t < taps; ++t) {
        table.offset[t][p] = static_cast<std::int32_t>(offset[t]);
        table.weight[t][p] = static_cast<float>(weight[t]);
      }
    }
    return taps;
  }

  Sampling sampling_;
};

Support supports(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32 || problem.inputs[1].dtype != DType::f32)
    return Support::no(Refusal::kDType);
  const std::size_t rank = problem.inputs[0].shape.size();
  if (rank < 4 || rank > 5) return Support::no(Refusal::kShape, "two or three dimensions");
  for (const std::int64_t size : problem.inputs[0].shape)
    if (size == 0) return Support::no(Refusal::kShape, "empty");
  return Support::yes();
}

}  // namespace

const Tactic& grid_sample_tactic() {
  static const SimpleTactic tactic("cpu.grid_sample", {"GridSample"}, supports, load_kernel<GridSampleKernel>);
  return tactic;
}

}  // namespace ingot::cpu
