// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/resize_plan.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/axes.h"

namespace ingot::cpu {
namespace {

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

ResizeTable make_table(const Attrs& attrs, double scale, std::int64_t in, std::int64_t out) {
  ResizeTable table;
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

}  // namespace

Result<ResizePlan> plan_resize(const Attrs& attrs, std::span<const Operand> inputs, std::span<const Operand> outputs) {
  ResizePlan plan;
  const Shape& in = inputs[0].shape;
  const Shape& out = outputs[0].shape;
  if (in.size() != out.size() || in.empty() || element_count(in) == 0)
    return invalid_argument("Resize: {} to {}", to_string(in), to_string(out));
  std::vector<double> scales(in.size(), 1);
  for (std::size_t i = 0; i < in.size(); ++i) scales[i] = static_cast<double>(out[i]) / static_cast<double>(in[i]);
  if (const TensorPtr given = inputs.size() > 2 ? inputs[2].value : nullptr; given && given->elements() > 0) {
    const Ints axes = attrs.get_ints("axes", {});
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
  plan.outer = product(in, 0, first);
  plan.inner = product(in, last + 1, in.size());
  if (last > first) {
    plan.in_h = in[first];
    plan.out_h = out[first];
  }
  plan.in_w = in[last];
  plan.out_w = out[last];
  plan.rows = last > first ? make_table(attrs, scales[first], in[first], out[first]) : ResizeTable{{0}, {0}, {0}};
  plan.columns = make_table(attrs, scales[last], in[last], out[last]);
  return plan;
}

Support resize_support(const Problem& problem) {
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

}  // namespace ingot::cpu
