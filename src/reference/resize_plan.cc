// SPDX-License-Identifier: Apache-2.0
#include "reference/resize_plan.h"

#include <algorithm>
#include <cmath>

#include "reference/indexing.h"
#include "reference/operands.h"

namespace ingot::reference {
namespace {

// roi, scales or sizes as a value per listed axis.
Result<std::vector<double>> axis_values(const Call& call, std::size_t index, std::string_view name, std::size_t count) {
  const HostTensor* operand = optional_operand(call, index);
  if (operand == nullptr || operand->elements() == 0) return std::vector<double>{};
  return vector_operand(call, index, name, to_signed(count));
}

// scale * size as a float when scales are floats: 0.7f * 10 is 7, not a little less.
std::int64_t scaled_size(double scale, std::int64_t size, DType scales) {
  const double product = scales == DType::f64
                             ? scale * static_cast<double>(size)
                             : static_cast<double>(static_cast<float>(scale) * static_cast<float>(size));
  return truncate_to_int(std::floor(product));
}

Result<std::vector<ResizeAxis>> read_axes(const Call& call, const Shape& x) {
  Ints all;
  for (std::size_t axis = 0; axis < x.size(); ++axis) all.push_back(to_signed(axis));
  INGOT_ASSIGN_OR_RETURN(const auto listed, normalize_axes(call.attrs->get_ints("axes", all), x.size(), "axes: axis"));
  INGOT_ASSIGN_OR_RETURN(const auto scales, axis_values(call, 2, "scales", listed.size()));
  INGOT_ASSIGN_OR_RETURN(const auto sizes, axis_values(call, 3, "sizes", listed.size()));
  if (scales.empty() == sizes.empty() && !listed.empty())
    return invalid_argument("exactly one of the operands 2 (scales) and 3 (sizes) must be given");
  std::vector<double> roi;
  if (call.attrs->get_string("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize") {
    INGOT_ASSIGN_OR_RETURN(roi, axis_values(call, 1, "roi", 2 * listed.size()));
    if (roi.empty() && !listed.empty()) return invalid_argument("operand 1 (roi) is missing");
  }
  std::vector<ResizeAxis> axes(x.size());
  for (std::size_t d = 0; d < axes.size(); ++d) axes[d].in = axes[d].out = x[d];
  const std::string policy = call.attrs->get_string("keep_aspect_ratio_policy", "stretch");
  double common = policy == "not_larger" ? limits_of(DType::f64).highest_float : 0;
  const auto is_empty = [&](std::size_t axis) { return axes[axis].in == 0; };
  if (std::all_of(listed.begin(), listed.end(), is_empty)) common = 1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (is_empty(listed[i])) continue;  // and stays empty
    const double ratio = sizes[i] / static_cast<double>(axes[listed[i]].in);
    common = policy == "not_larger" ? std::min(common, ratio) : std::max(common, ratio);
  }
  for (std::size_t i = 0; i < listed.size(); ++i) {
    ResizeAxis& axis = axes[listed[i]];
    const auto in = static_cast<double>(axis.in);
    if (!scales.empty()) {
      axis.scale = scales[i];
      axis.out = scaled_size(axis.scale, axis.in, call.inputs[2]->dtype());
    } else if (policy == "stretch") {
      axis.out = truncate_to_int(sizes[i]);
      axis.scale = axis.in == 0 ? 1 : sizes[i] / in;  // an empty axis may stay empty
    } else {
      axis.scale = common > 0 ? common : 1;
      axis.out = truncate_to_int(std::floor(common * in + 0.5));
    }
    constexpr std::int64_t kMost = std::int64_t{1} << 30;  // positions are listed
    if (!(axis.scale > 0) || axis.out < 0 || axis.out > std::max(kMost, axis.in) || (axis.in == 0 && axis.out != 0))
      return invalid_argument("axis {} of operand 0 (X) cannot go from {} to {}", listed[i], axis.in, axis.out);
    if (!roi.empty()) {
      axis.roi_start = roi[i];
      axis.roi_end = roi[listed.size() + i];
    }
  }
  return axes;
}

// Where result position `at` lies in the source.
double source_coordinate(std::string_view mode, const ResizeAxis& axis, double at) {
  const auto in = static_cast<double>(axis.in);
  const double length = axis.scale * in;
  if (mode == "asymmetric") return at / axis.scale;
  if (mode == "align_corners") return length == 1 ? 0 : at * (in - 1) / (length - 1);
  if (mode == "pytorch_half_pixel" && axis.out <= 1) return 0;
  if (mode == "tf_crop_and_resize") {
    if (axis.out <= 1) return 0.5 * (axis.roi_start + axis.roi_end) * (in - 1);
    return axis.roi_start * (in - 1) +
           at * (axis.roi_end - axis.roi_start) * (in - 1) / (static_cast<double>(axis.out) - 1);
  }
  const double half_pixel = (at + 0.5) / axis.scale - 0.5;
  if (mode == "half_pixel_symmetric") return in / 2 * (1 - static_cast<double>(axis.out) / length) + half_pixel;
  return half_pixel;
}

double nearest(std::string_view mode, double x) {
  if (mode == "floor") return std::floor(x);
  if (mode == "ceil") return std::ceil(x);
  if (mode == "round_prefer_ceil") return std::floor(x + 0.5);
  return std::ceil(x - 0.5);
}

double filter(bool cubic, double a, double x) {
  x = std::abs(x);
  if (!cubic) return std::max(0.0, 1 - x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
  return 0;
}

struct Interpolation {
  std::string mode, coordinates, nearest_mode;
  bool antialias = false, exclude_outside = false;
  double cubic_a = -0.75, extrapolation = 0;
};

ResizeTaps taps_at(const Interpolation& how, const ResizeAxis& axis, std::int64_t at) {
  ResizeTaps taps;
  const double x = source_coordinate(how.coordinates, axis, static_cast<double>(at));
  const auto last = static_cast<double>(axis.in - 1);
  taps.outside = how.coordinates == "tf_crop_and_resize" && (x < 0 || x > last);
  const auto clamped = [&](double position) { return truncate_to_int(std::clamp(position, 0.0, last)); };
  if (how.mode == "nearest") {
    taps.positions = {clamped(nearest(how.nearest_mode, x))};
    taps.weights = {1};
    return taps;
  }
  // Going down with antialias, the filter is stretched over more of the source.
  const double stretch = how.antialias ? std::min(axis.scale, 1.0) : 1;
  const double reach = (how.mode == "cubic" ? 2 : 1) / stretch;
  double sum = 0;
  for (double position = std::floor(x - reach) + 1; position < x + reach; ++position) {
    const bool outside = position < 0 || position > last;
    const double weight =
        outside && how.exclude_outside ? 0 : filter(how.mode == "cubic", how.cubic_a, (position - x) * stretch);
    taps.positions.push_back(clamped(position));
    taps.weights.push_back(weight);
    sum += weight;
  }
  if (sum != 0)
    for (double& weight : taps.weights) weight /= sum;
  return taps;
}

}  // namespace

Shape ResizePlan::out_shape() const {
  Shape shape;
  for (const ResizeAxis& axis : axes) shape.push_back(axis.out);
  return shape;
}

Result<ResizePlan> plan_resize(const Call& call, const Shape& x) {
  ResizePlan plan;
  INGOT_ASSIGN_OR_RETURN(plan.axes, read_axes(call, x));
  const Attrs& attrs = *call.attrs;
  const Interpolation how{attrs.get_string("mode", "nearest"),
                          attrs.get_string("coordinate_transformation_mode", "half_pixel"),
                          attrs.get_string("nearest_mode", "round_prefer_floor"),
                          attrs.get_int("antialias", 0) != 0,
                          attrs.get_int("exclude_outside", 0) != 0,
                          attrs.get_float("cubic_coeff_a", -0.75),
                          attrs.get_float("extrapolation_value", 0)};
  if (how.mode != "nearest" && how.mode != "linear" && how.mode != "cubic")
    return invalid_argument("mode \"{}\" is none of nearest, linear, cubic", how.mode);
  plan.nearest = how.mode == "nearest";
  plan.extrapolation = how.extrapolation;
  INGOT_RETURN_IF_ERROR(HostTensor::create(DType::u8, plan.out_shape()).status());
  plan.taps.resize(plan.axes.size());
  for (std::size_t d = 0; d < plan.axes.size(); ++d) {
    for (std::int64_t i = 0; i < plan.axes[d].out; ++i) {
      plan.taps[d].push_back(plan.axes[d].untouched() ? ResizeTaps{{i}, {1}, false} : taps_at(how, plan.axes[d], i));
      plan.any_outside = plan.any_outside || plan.taps[d].back().outside;
    }
  }
  return plan;
}

}  // namespace ingot::reference
