// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/deform_points.h"

#include "backends/cpu/kernels/deform_sample.h"
#include "backends/cpu/kernels/task_split.h"

namespace ingot::cpu {
namespace {

constexpr int kMaxPixels = 128;  // summed in one go

class Sampler {
 public:
  Sampler(const DeformPointsShape& shape, const DeformPointsOperands& operands, WeightedSumFn sum)
      : s_(shape), operands_(operands), sum_(sum), per_group_(shape.channels / shape.groups) {
    for (std::size_t i = 0; i < 2; ++i) {
      const auto middle = static_cast<float>(s_.dilation[i] * (s_.kernel[i] - 1) / 2);
      origin_[i] = middle - middle * s_.offset_scale;
    }
  }

  void run(std::int64_t pixel, float* out) const {
    const std::int64_t row = pixel / s_.out[1] % s_.out[0], column = pixel % s_.out[1];
    const float* image = operands_.in + pixel / (s_.out[0] * s_.out[1]) * s_.in[0] * s_.in[1] * s_.channels;
    const float y0 = origin_[0] + static_cast<float>(row * s_.stride[0] - s_.pad[0]);
    const float x0 = origin_[1] + static_cast<float>(column * s_.stride[1] - s_.pad[1]);
    const std::int64_t points = s_.points();
    const bool merged = operands_.mask == nullptr;
    for (std::int64_t g = 0; g < s_.groups; ++g) {
      const float* offset = operands_.offset + pixel * operands_.offset_pitch + g * points * (merged ? 3 : 2);
      const float* factor = merged ? offset + 2 * points : operands_.mask + (pixel * s_.groups + g) * points;
      WeightedPixel pixels[kMaxPixels];
      int count = 0;
      bool add = false;
      float* to = out + g * per_group_;
      for (std::int64_t i = 0; i < s_.kernel[1]; ++i) {
        for (std::int64_t j = 0; j < s_.kernel[0]; ++j) {
          if (s_.remove_center && i == s_.kernel[1] / 2 && j == s_.kernel[0] / 2) continue;
          const float x = x0 + (static_cast<float>(i * s_.dilation[1]) + offset[0]) * s_.offset_scale;
          const float y = y0 + (static_cast<float>(j * s_.dilation[0]) + offset[1]) * s_.offset_scale;
          count = add_corners(image + g * per_group_, y, x, *factor, pixels, count);
          offset += 2;
          ++factor;
          if (count <= kMaxPixels - 4) continue;
          sum_(pixels, count, per_group_, add, to);
          add = true;
          count = 0;
        }
      }
      sum_(pixels, count, per_group_, add, to);
    }
  }

 private:
  int add_corners(const float* image, float y, float x, float factor, WeightedPixel* pixels, int count) const {
    // Also false for NaN; beyond it the coordinates fit an integer.
    if (!(y > -1.F && x > -1.F && y < static_cast<float>(s_.in[0]) && x < static_cast<float>(s_.in[1]))) return count;
    const auto floor_of = [](float value) {
      const auto whole = static_cast<std::int64_t>(value);
      return whole - (static_cast<float>(whole) > value ? 1 : 0);
    };
    const std::int64_t top = floor_of(y), left = floor_of(x);
    const float v = y - static_cast<float>(top), u = x - static_cast<float>(left);
    const float weight[4] = {(1.F - v) * (1.F - u) * factor, (1.F - v) * u * factor, v * (1.F - u) * factor,
                             v * u * factor};
    for (int corner = 0; corner < 4; ++corner) {
      const std::int64_t row = top + corner / 2, column = left + corner % 2;
      if (row < 0 || column < 0 || row >= s_.in[0] || column >= s_.in[1]) continue;
      pixels[count++] = {image + (row * s_.in[1] + column) * s_.channels, weight[corner]};
    }
    return count;
  }

  const DeformPointsShape& s_;
  const DeformPointsOperands& operands_;
  WeightedSumFn sum_;
  std::int64_t per_group_;
  std::array<float, 2> origin_{};  // of the window's first point relative to the output pixel's place
};

}  // namespace

void deform_points(const DeformPointsShape& shape, const DeformPointsOperands& operands, float* out, int panel,
                   Parallel& parallel) {
  const Sampler sampler(shape, operands, weighted_sum_fn(panel));
  const TaskSplit split(shape.pixels(), shape.pixels() * shape.channels * shape.points() * 4, parallel.threads());
  parallel.run(split.tasks(), [&](std::int64_t task, int) {
    for (std::int64_t pixel = split.begin(task); pixel < split.end(task); ++pixel)
      sampler.run(pixel, out + pixel * shape.channels);
  });
}

}  // namespace ingot::cpu
