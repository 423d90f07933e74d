// SPDX-License-Identifier: Apache-2.0
// GridSample for any number of spatial axes.
#include <algorithm>
#include <cmath>

#include "reference/families.h"
#include "reference/window.h"

namespace ingot::reference {

namespace {

enum class Padding { kZeros, kBorder, kReflection };

struct Sampling {
  Padding padding = Padding::kZeros;
  bool align_corners = false;
  bool nearest = false;
  bool cubic = false;
};

// Reflects x at both ends of [low, high] until it lies inside.
double reflect(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double phase = std::fmod(std::abs(x - low), 2 * range);
  return phase <= range ? low + phase : high - (phase - range);
}

double low_end(const Sampling& how) { return how.align_corners ? 0 : -0.5; }
double high_end(const Sampling& how, std::int64_t size) {
  return static_cast<double>(size) - (how.align_corners ? 1 : 0.5);
}

double padded(const Sampling& how, double x, std::int64_t size) {
  if (how.padding == Padding::kZeros || (x >= low_end(how) && x <= high_end(how, size))) return x;
  if (how.padding == Padding::kBorder) return std::clamp(x, 0.0, static_cast<double>(size - 1));
  return reflect(x, low_end(how), high_end(how, size));
}

struct Tap {
  std::int64_t position = 0;  // -1: outside, worth 0
  double weight = 0;
};

std::vector<Tap> taps_of(const Sampling& how, double coordinate, std::int64_t size) {
  const double in = static_cast<double>(size);
  double x = how.align_corners ? (coordinate + 1) / 2 * (in - 1) : ((coordinate + 1) * in - 1) / 2;
  if (how.nearest) x = std::nearbyint(x);
  // A cubic's taps are put on the border one by one, so that it goes on being a curve up to there.
  if (!how.cubic || how.padding != Padding::kBorder) x = padded(how, x, size);
  if (!std::isfinite(x)) return {{-1, 0}};
  const auto tap = [&](double position, double weight) {
    position = std::nearbyint(padded(how, position, size));
    const bool inside = position >= 0 && position < in;
    return Tap{inside ? truncate_to_int(position) : -1, weight};
  };
  if (how.nearest) return {tap(x, 1)};
  const double base = std::floor(x);
  const double r = x - base;
  if (!how.cubic) return {tap(base, 1 - r), tap(base + 1, r)};
  constexpr double kA = -0.75;
  const auto inner = [](double d) { return ((kA + 2) * d - (kA + 3)) * d * d + 1; };
  const auto outer = [](double d) { return ((d - 5) * d + 8) * d * kA - 4 * kA; };
  return {tap(base - 1, outer(r + 1)), tap(base, inner(r)), tap(base + 1, inner(1 - r)), tap(base + 2, outer(2 - r))};
}

double interpolate(const double* plane, const Shape& strides, const std::vector<std::vector<Tap>>& taps) {
  Shape counts;
  for (const auto& list : taps) counts.push_back(to_signed(list.size()));
  Shape index(counts.size(), 0);
  double sum = 0;
  do {
    double weight = 1;
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < taps.size(); ++axis) {
      const Tap& tap = taps[axis][to_size(index[axis])];
      weight *= tap.position < 0 ? 0 : tap.weight;
      offset += std::max(tap.position, std::int64_t{0}) * strides[axis];
    }
    if (weight != 0) sum += weight * plane[offset];
  } while (next_index(index, counts));
  return sum;
}

Result<Outputs> evaluate_grid_sample(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 3));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* grid, numeric_operand(call, 1, "grid", 3));
  const Shape fine = spatial_of(x->shape());
  const auto rank = to_signed(fine.size());
  if (grid->rank() != x->rank() || grid->shape()[0] != x->shape()[0] || grid->shape().back() != rank)
    return invalid_argument("operand 1 (grid) of shape {} does not fit operand 0 (X) of shape {}",
                            to_string(grid->shape()), to_string(x->shape()));
  const std::string mode = call.attrs->get_string("mode", "linear");
  const std::string padding = call.attrs->get_string("padding_mode", "zeros");
  Sampling how;
  how.padding = padding == "border"       ? Padding::kBorder
                : padding == "reflection" ? Padding::kReflection
                                          : Padding::kZeros;
  how.align_corners = call.attrs->get_int("align_corners", 0) != 0;
  how.nearest = mode == "nearest";
  how.cubic = mode == "cubic";
  Shape shape{x->shape()[0], x->shape()[1]};
  shape.insert(shape.end(), grid->shape().begin() + 1, grid->shape().end() - 1);
  if (product(fine) == 0) return invalid_argument("operand 0 (X) of shape {} is empty", to_string(x->shape()));
  const std::int64_t channels = shape[1];
  const std::int64_t in_plane = product(fine);
  const std::int64_t out_plane = product(shape, 2, shape.size());
  const Shape strides = strides_of(fine);
  const std::vector<double> values = to_numbers<double>(*x);
  const std::vector<double> points = to_numbers<double>(*grid);
  std::vector<double> y(to_size(product(shape)));
  std::vector<std::vector<Tap>> taps(fine.size());
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t o = 0; o < out_plane; ++o) {
      // The grid names the last axis first.
      for (std::int64_t axis = 0; axis < rank; ++axis)
        taps[to_size(axis)] =
            taps_of(how, points[to_size((n * out_plane + o) * rank + rank - 1 - axis)], fine[to_size(axis)]);
      for (std::int64_t c = 0; c < channels; ++c)
        y[to_size((n * channels + c) * out_plane + o)] =
            interpolate(values.data() + (n * channels + c) * in_plane, strides, taps);
    }
  }
  if (!is_float(x->dtype())) {  // a cubic swings beyond its points
    const Limits limits = limits_of(x->dtype());
    for (double& value : y) value = std::clamp(value, limits.lowest_float, limits.highest_float);
  }
  return single_output(output_type(call, 0, x->dtype()), std::move(shape), y);
}

constexpr Row kRows[] = {{"GridSample", evaluate_grid_sample}};

}  // namespace

std::span<const Row> grid_sample_rows() { return kRows; }

}  // namespace ingot::reference
