// SPDX-License-Identifier: Apache-2.0
// DCNv3: for each output pixel and group of channels, a weighted sum of the input at points that a window's grid and
// learned offsets give. Channels last; x before y, and the window's columns before its rows, unlike DeformConv.
#include <array>
#include <cmath>

#include "reference/families.h"
#include "reference/window.h"

namespace ingot::reference {

namespace {

struct Points {
  Window window;
  std::int64_t groups = 1, count = 0;  // points of a group
  double scale = 1;
  bool remove_center = false;
};

Result<Points> read_points(const Attrs& attrs, std::int64_t channels) {
  Points points;
  const Ints kernel = attrs.get_ints("kernel_shape", {});
  INGOT_ASSIGN_OR_RETURN(points.window, read_window(attrs, Shape(kernel.begin(), kernel.end())));
  points.groups = attrs.get_int("group", 1);
  points.scale = attrs.get_float("offset_scale", 1);
  points.remove_center = attrs.get_int("remove_center", 0) != 0;
  if (kernel.size() != 2 || points.groups < 1 || channels % points.groups != 0)
    return invalid_argument("{} channels do not fit {} groups and a window of {} dimensions", channels, points.groups,
                            kernel.size());
  points.count = kernel[0] * kernel[1] - (points.remove_center ? 1 : 0);
  return points;
}

// The values of all channels of a group at a place, times a factor, are added to `sum`.
void add_sample(const double* image, const Shape& x, double at_y, double at_x, double factor, std::int64_t first,
                std::span<double> sum) {
  if (!(at_y > -1 && at_x > -1 && at_y < static_cast<double>(x[1]) && at_x < static_cast<double>(x[2]))) return;
  const double top = std::floor(at_y), left = std::floor(at_x);
  for (const int corner : {0, 1, 2, 3}) {
    const double row = top + corner / 2, column = left + corner % 2;
    if (row < 0 || column < 0 || row >= static_cast<double>(x[1]) || column >= static_cast<double>(x[2])) continue;
    const double weight = (1 - std::abs(at_y - row)) * (1 - std::abs(at_x - column)) * factor;
    const std::int64_t pixel = static_cast<std::int64_t>(row) * x[2] + static_cast<std::int64_t>(column);
    for (std::size_t c = 0; c < sum.size(); ++c)
      sum[c] += weight * image[pixel * x[3] + first + static_cast<std::int64_t>(c)];
  }
}

Result<Outputs> evaluate_points(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x_tensor, numeric_operand(call, 0, "X", 4));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* offset_tensor, numeric_operand(call, 1, "offset", 4));
  const HostTensor* mask_tensor = optional_operand(call, 2);
  const Shape& x_shape = x_tensor->shape();
  if (x_shape.size() != 4) return invalid_argument("X must have 4 dimensions, not {}", x_shape.size());
  const std::int64_t channels = x_shape[3];
  INGOT_ASSIGN_OR_RETURN(Points points, read_points(*call.attrs, channels));
  Window& window = points.window;
  INGOT_ASSIGN_OR_RETURN(const Shape coarse, resolve_coarse(*call.attrs, {x_shape[1], x_shape[2]}, window));
  const Shape& offset_shape = offset_tensor->shape();
  const std::int64_t all = points.groups * points.count;
  const bool merged = mask_tensor == nullptr;
  const Shape leading{x_shape[0], coarse[0], coarse[1]};
  const bool fits = offset_shape.size() == 4 && Shape(offset_shape.begin(), offset_shape.end() - 1) == leading &&
                    (merged ? offset_shape[3] >= 3 * all : offset_shape[3] == 2 * all);
  if (!fits)
    return invalid_argument("operand 1 (offset) has shape {}; {} pixels of {} points are needed",
                            to_string(offset_shape), to_string(leading), all);
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> mask,
                         vector_operand(call, 2, "mask", merged ? 0 : product(leading) * all));
  const std::vector<double> x = to_numbers<double>(*x_tensor);
  const std::vector<double> offsets = to_numbers<double>(*offset_tensor);
  const std::int64_t per_group = channels / points.groups;
  std::vector<double> y(to_size(product(leading) * channels), 0);
  // Without offsets the middle of the window stays where it is, whatever the scale.
  std::array<double, 2> middle{};
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
    middle[i] = static_cast<double>(window.dilations[i] * (window.kernel[i] - 1) / 2);
  for (std::int64_t pixel = 0; pixel < product(leading); ++pixel) {
    const std::int64_t row = pixel / coarse[1] % coarse[0], column = pixel % coarse[1];
    const double* image = x.data() + pixel / (coarse[0] * coarse[1]) * x_shape[1] * x_shape[2] * channels;
    const double y0 =
        middle[0] * (1 - points.scale) + static_cast<double>(row * window.strides[0] - window.pads_begin[0]);
    const double x0 =
        middle[1] * (1 - points.scale) + static_cast<double>(column * window.strides[1] - window.pads_begin[1]);
    for (std::int64_t g = 0; g < points.groups; ++g) {
      const double* offset = offsets.data() + pixel * offset_shape[3] + g * points.count * (merged ? 3 : 2);
      const double* factor = merged ? offset + 2 * points.count : mask.data() + pixel * all + g * points.count;
      const std::span<double> sum(y.data() + pixel * channels + g * per_group, to_size(per_group));
      for (std::int64_t i = 0; i < window.kernel[1]; ++i) {
        for (std::int64_t j = 0; j < window.kernel[0]; ++j) {
          if (points.remove_center && i == window.kernel[1] / 2 && j == window.kernel[0] / 2) continue;
          const double at_x = x0 + (static_cast<double>(i * window.dilations[1]) + offset[0]) * points.scale;
          const double at_y = y0 + (static_cast<double>(j * window.dilations[0]) + offset[1]) * points.scale;
          add_sample(image, x_shape, at_y, at_x, *factor, g * per_group, sum);
          offset += 2;
          ++factor;
        }
      }
    }
  }
  return single_output(output_type(call, 0, x_tensor->dtype()), {x_shape[0], coarse[0], coarse[1], channels}, y);
}

constexpr Row kRows[] = {{"DCNv3", evaluate_points}};

}  // namespace

std::span<const Row> deform_points_rows() { return kRows; }

}  // namespace ingot::reference
