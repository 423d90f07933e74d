// SPDX-License-Identifier: Apache-2.0
// DCNv3 and DCNv4 in fp32, channels last: a group of channels of an output pixel is a weighted sum of bilinear samples.
// Each point becomes at most four pixels with factors, and the sum runs over those once, all channels of the group at a
// time. Coordinates are fp32; a sample at or beyond one pixel outside the image is 0, and so is each corner outside it.
#pragma once

#include <array>
#include <cstdint>

#include "base/parallel.h"

namespace ingot::cpu {

struct DeformPointsShape {
  std::int64_t batch = 1, channels = 0, groups = 1;
  std::array<std::int64_t, 2> in{}, out{}, kernel{}, stride{}, dilation{}, pad{};  // {h, w}
  float offset_scale = 1;
  bool remove_center = false;

  [[nodiscard]] std::int64_t points() const { return kernel[0] * kernel[1] - (remove_center ? 1 : 0); }
  [[nodiscard]] std::int64_t pixels() const { return batch * out[0] * out[1]; }
};

struct DeformPointsOperands {
  const float* in = nullptr;
  const float* offset = nullptr;  // of each pixel `offset_pitch` values
  std::int64_t offset_pitch = 0;
  const float* mask = nullptr;  // null: factors stand behind the offsets of their group
};

void deform_points(const DeformPointsShape& shape, const DeformPointsOperands& operands, float* out, int panel,
                   Parallel& parallel);

}  // namespace ingot::cpu
