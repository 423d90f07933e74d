// SPDX-License-Identifier: Apache-2.0
// Places of bilinear samples, many at once. Internal to the folder.
#pragma once

#include <cstdint>

namespace ingot::cpu {

// Samples of images of one size, and what belongs to each. Corners: top left, top right, bottom left, bottom right.
struct DeformPlaces {
  static constexpr int kCount = 16;
  // Given: coordinates in pixels, and a factor of all weights.
  alignas(64) float y[kCount] = {};
  alignas(64) float x[kCount] = {};
  alignas(64) float factor[kCount] = {};
  // Found: the corners' weights, 0 unless -1 < y < height and -1 < x < width (so with NaN); their pixels' indices in
  // the image, -1 outside of it.
  alignas(64) float weight[4][kCount];
  alignas(64) std::int32_t pixel[4][kCount];
};

// height * width fits 31 bits.
using DeformLocateFn = void (*)(DeformPlaces& places, std::int32_t height, std::int32_t width);
DeformLocateFn deform_locate_fn(int panel);

}  // namespace ingot::cpu
