// SPDX-License-Identifier: Apache-2.0
// Operators over boxes of an image: RoiAlign, MaxRoiPool, NonMaxSuppression.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

// One sample between four pixels; no weight when it lies outside the image.
struct Corners {
  std::int64_t at[4] = {};
  double weight[4] = {};
};

Corners corners_of(double y, double x, std::int64_t height, std::int64_t width) {
  Corners corners;
  if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 && x <= static_cast<double>(width))) return corners;
  const auto locate = [](double v, std::int64_t size, std::int64_t& low, std::int64_t& high) {
    v = std::clamp(v, 0.0, static_cast<double>(size - 1));
    low = static_cast<std::int64_t>(v);
    high = std::min(low + 1, size - 1);
    return v - static_cast<double>(low);
  };
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
  const double fy = locate(y, height, top, bottom);
  const double fx = locate(x, width, left, right);
  return {{top * width + left, top * width + right, bottom * width + left, bottom * width + right},
          {(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx}};
}

Result<Outputs> evaluate_roi_align(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 4));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* rois, numeric_operand(call, 1, "rois", 2));
  INGOT_ASSIGN_OR_RETURN(const Ints batches, ints_operand(call, 2, "batch_indices"));
  const std::int64_t regions = rois->shape()[0];
  if (x->rank() != 4 || rois->shape() != Shape{regions, 4} || to_signed(batches.size()) != regions)
    return invalid_argument("operands of shapes {} and {} with {} batch indices do not fit", to_string(x->shape()),
                            to_string(rois->shape()), batches.size());
  const std::int64_t out_h = call.attrs->get_int("output_height", 1);
  const std::int64_t out_w = call.attrs->get_int("output_width", 1);
  const std::int64_t ratio = call.attrs->get_int("sampling_ratio", 0);
  const double scale = call.attrs->get_float("spatial_scale", 1);
  const bool half_pixel = call.attrs->get_string("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  const bool averages = call.attrs->get_string("mode", "avg") == "avg";
  if (out_h < 1 || out_w < 1 || ratio < 0) return invalid_argument("the output size is {} x {}", out_h, out_w);
  const std::int64_t channels = x->shape()[1], height = x->shape()[2], width = x->shape()[3];
  const std::vector<double> pixels = to_numbers<double>(*x);
  INGOT_ASSIGN_OR_RETURN(HostTensor out,
                         HostTensor::create(output_type(call, 0, x->dtype()), {regions, channels, out_h, out_w}));
  for (std::int64_t r = 0; r < regions; ++r) {
    const std::int64_t batch = batches[to_size(r)];
    if (batch < 0 || batch >= x->shape()[0])
      return invalid_argument("operand 2 (batch_indices) has {} for a batch of {}", batch, x->shape()[0]);
    double box[4];  // x1, y1, x2, y2
    for (std::int64_t k = 0; k < 4; ++k) box[k] = rois->as_double(r * 4 + k) * scale - (half_pixel ? 0.5 : 0);
    double box_w = box[2] - box[0], box_h = box[3] - box[1];
    if (!half_pixel) {
      box_w = std::max(box_w, 1.0);
      box_h = std::max(box_h, 1.0);
    }
    const double bin_h = box_h / static_cast<double>(out_h), bin_w = box_w / static_cast<double>(out_w);
    constexpr std::int64_t kMostSamples = 1 << 16;
    const auto samples = [&](double bin) { return ratio > 0 ? ratio : truncate_to_int(std::ceil(bin)); };
    const std::int64_t grid_h = samples(bin_h), grid_w = samples(bin_w);
    if (grid_h > kMostSamples || grid_w > kMostSamples)
      return invalid_argument("operand 1 (rois): region {} is too large", r);
    const double count = static_cast<double>(std::max(std::int64_t{1}, grid_h * grid_w));
    std::vector<Corners> points;
    for (std::int64_t bin = 0; bin < out_h * out_w; ++bin) {
      points.clear();
      const double first_y = box[1] + static_cast<double>(bin / out_w) * bin_h;
      const double first_x = box[0] + static_cast<double>(bin % out_w) * bin_w;
      for (std::int64_t i = 0; i < grid_h; ++i) {
        const double y = first_y + (static_cast<double>(i) + 0.5) * bin_h / static_cast<double>(grid_h);
        for (std::int64_t j = 0; j < grid_w; ++j)
          points.push_back(corners_of(y, first_x + (static_cast<double>(j) + 0.5) * bin_w / static_cast<double>(grid_w),
                                      height, width));
      }
      for (std::int64_t c = 0; c < channels; ++c) {
        const double* plane = pixels.data() + (batch * channels + c) * height * width;
        double sum = 0, top = points.empty() ? 0 : -HUGE_VAL;
        for (const Corners& point : points) {
          for (int k = 0; k < 4; ++k) {
            // mode max takes the largest of the weighted pixels, not of the interpolated samples.
            const double part = point.weight[k] * plane[point.at[k]];
            sum += part;
            top = std::max(top, part);
          }
        }
        out.set_double((r * channels + c) * out_h * out_w + bin, averages ? sum / count : top);
      }
    }
  }
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_max_roi_pool(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 4));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* rois, numeric_operand(call, 1, "rois", 2));
  const std::int64_t regions = rois->shape()[0];
  const Ints pooled = call.attrs->get_ints("pooled_shape", {});
  const double scale = call.attrs->get_float("spatial_scale", 1);
  if (x->rank() != 4 || rois->shape() != Shape{regions, 5} || pooled.size() != 2 || pooled[0] < 1 || pooled[1] < 1)
    return invalid_argument("operands of shapes {} and {} do not fit", to_string(x->shape()), to_string(rois->shape()));
  const std::int64_t channels = x->shape()[1], height = x->shape()[2], width = x->shape()[3];
  const std::vector<double> pixels = to_numbers<double>(*x);
  INGOT_ASSIGN_OR_RETURN(
      HostTensor out, HostTensor::create(output_type(call, 0, x->dtype()), {regions, channels, pooled[0], pooled[1]}));
  // The pixels of bin `i` of `bins` in [first, first + size).
  const auto range = [](std::int64_t first, std::int64_t size, std::int64_t i, std::int64_t bins, std::int64_t limit) {
    const double step = static_cast<double>(size) / static_cast<double>(bins);
    const auto low = static_cast<std::int64_t>(std::floor(static_cast<double>(i) * step)) + first;
    const auto high = static_cast<std::int64_t>(std::ceil(static_cast<double>(i + 1) * step)) + first;
    return std::pair{std::clamp(low, std::int64_t{0}, limit), std::clamp(high, std::int64_t{0}, limit)};
  };
  std::int64_t to = 0;
  for (std::int64_t r = 0; r < regions; ++r) {
    const std::int64_t batch = rois->as_int(r * 5);
    if (batch < 0 || batch >= x->shape()[0])
      return invalid_argument("operand 1 (rois): region {} is of image {} of {}", r, batch, x->shape()[0]);
    std::int64_t box[4];  // x1, y1, x2, y2
    for (std::int64_t k = 0; k < 4; ++k) {
      const double edge = std::round(rois->as_double(r * 5 + 1 + k) * scale);
      if (!(std::abs(edge) < 1e9)) return invalid_argument("operand 1 (rois): region {} has an edge at {}", r, edge);
      box[k] = static_cast<std::int64_t>(edge);
    }
    const std::int64_t box_w = std::max(box[2] - box[0] + 1, std::int64_t{1});
    const std::int64_t box_h = std::max(box[3] - box[1] + 1, std::int64_t{1});
    for (std::int64_t c = 0; c < channels; ++c) {
      const double* plane = pixels.data() + (batch * channels + c) * height * width;
      for (std::int64_t bin = 0; bin < pooled[0] * pooled[1]; ++bin, ++to) {
        const auto [top, bottom] = range(box[1], box_h, bin / pooled[1], pooled[0], height);
        const auto [left, right] = range(box[0], box_w, bin % pooled[1], pooled[1], width);
        double best = top >= bottom || left >= right ? 0 : -HUGE_VAL;
        for (std::int64_t h = top; h < bottom; ++h)
          for (std::int64_t w = left; w < right; ++w) best = std::max(best, plane[h * width + w]);
        out.set_double(to, best);
      }
    }
  }
  return outputs_of(std::move(out));
}

struct Box {
  double y1, x1, y2, x2;
  [[nodiscard]] double area() const { return (y2 - y1) * (x2 - x1); }
};

Box read_box(const double* v, bool center) {
  if (center) return {v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
  return {std::min(v[0], v[2]), std::min(v[1], v[3]), std::max(v[0], v[2]), std::max(v[1], v[3])};
}

double overlap(const Box& a, const Box& b) {
  const double height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const double width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (height <= 0 || width <= 0) return 0;
  const double both = height * width;
  const double either = a.area() + b.area() - both;
  return either <= 0 ? 0 : both / either;
}

Result<Outputs> evaluate_non_max_suppression(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* boxes, numeric_operand(call, 0, "boxes", 3));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* scores, numeric_operand(call, 1, "scores", 3));
  const std::int64_t batch = boxes->shape()[0], count = boxes->shape()[1];
  const std::int64_t classes = scores->shape()[1];
  if (boxes->shape() != Shape{batch, count, 4} || scores->shape() != Shape{batch, classes, count})
    return invalid_argument("operands of shapes {} and {} do not fit", to_string(boxes->shape()),
                            to_string(scores->shape()));
  std::int64_t most = 0;
  if (optional_operand(call, 2) != nullptr) {
    INGOT_ASSIGN_OR_RETURN(most, int_operand(call, 2, "max_output_boxes_per_class"));
  }
  INGOT_ASSIGN_OR_RETURN(const auto iou_threshold, vector_operand(call, 3, "iou_threshold", 1));
  INGOT_ASSIGN_OR_RETURN(const auto score_threshold, vector_operand(call, 4, "score_threshold", 1));
  const double most_overlap = iou_threshold.empty() ? 0 : iou_threshold[0];
  const bool center = call.attrs->get_int("center_point_box", 0) != 0;
  const std::vector<double> corners = to_numbers<double>(*boxes);
  const std::vector<double> score = to_numbers<double>(*scores);
  Ints selected;
  for (std::int64_t line = 0; line < batch * classes; ++line) {
    const double* own = score.data() + line * count;
    std::vector<std::int64_t> order;
    for (std::int64_t i = 0; i < count; ++i)
      if (score_threshold.empty() || own[i] > score_threshold[0]) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return own[a] > own[b]; });
    std::vector<Box> kept;
    for (const std::int64_t i : order) {
      if (to_signed(kept.size()) >= most) break;
      const Box box = read_box(corners.data() + (line / classes * count + i) * 4, center);
      if (std::any_of(kept.begin(), kept.end(), [&](const Box& k) { return overlap(box, k) > most_overlap; })) continue;
      kept.push_back(box);
      selected.insert(selected.end(), {line / classes, line % classes, i});
    }
  }
  return single_output(DType::i64, {to_signed(selected.size()) / 3, 3}, selected);
}

constexpr Row kRows[] = {
    {"RoiAlign", evaluate_roi_align},
    {"MaxRoiPool", evaluate_max_roi_pool},
    {"NonMaxSuppression", evaluate_non_max_suppression},
};

}  // namespace

std::span<const Row> region_rows() { return kRows; }

}  // namespace ingot::reference
