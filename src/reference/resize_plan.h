// SPDX-License-Identifier: Apache-2.0
// Where the elements of a Resize come from. Every mode of interpolation is separable: each axis has, for every result
// position, a few source positions with weights.
#pragma once

#include "reference/evaluate.h"

namespace ingot::reference {

struct ResizeAxis {
  std::int64_t in = 0;
  std::int64_t out = 0;
  double scale = 1;
  double roi_start = 0;
  double roi_end = 1;
  [[nodiscard]] bool untouched() const { return in == out && scale == 1 && roi_start == 0 && roi_end == 1; }
};

struct ResizeTaps {
  std::vector<std::int64_t> positions;
  std::vector<double> weights;
  bool outside = false;  // tf_crop_and_resize: the result is extrapolation_value
};

struct ResizePlan {
  std::vector<ResizeAxis> axes;
  std::vector<std::vector<ResizeTaps>> taps;  // by axis, then by result position
  bool nearest = false;                       // every position has one tap, of weight 1
  bool any_outside = false;
  double extrapolation = 0;

  [[nodiscard]] Shape out_shape() const;
};

// Of the attributes and the operands 1 to 3 (roi, scales, sizes) of a call, for data of this shape.
Result<ResizePlan> plan_resize(const Call& call, const Shape& x);

}  // namespace ingot::reference
