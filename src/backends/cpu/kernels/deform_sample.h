// SPDX-License-Identifier: Apache-2.0
// Bilinear samples of a channels-last image, all channels of a pixel at once. Internal to the folder.
#pragma once

#include <cstdint>

namespace ingot::cpu {

// Four pixels (their first channel wanted) and their weights.
struct DeformSample {
  const float* corner[4];
  float weight[4];
};

// out[i * pitch + c] = sum over corners of sample i's weight * corner[c], for c < count. `next`: the samples of the
// call to come, of as many rows and channels, or null.
using DeformSampleFn = void (*)(const DeformSample* samples, const DeformSample* next, int rows, std::int64_t count,
                                float* out, std::int64_t pitch);
DeformSampleFn deform_sample_fn(int panel);

// A pixel (its first channel wanted) and its factor.
struct WeightedPixel {
  const float* pixel;
  float weight;
};

// out[c] = sum over the pixels of weight * pixel[c], for c < count; added to what is there when `add`.
using WeightedSumFn = void (*)(const WeightedPixel* pixels, int pixel_count, std::int64_t count, bool add, float* out);
WeightedSumFn weighted_sum_fn(int panel);

}  // namespace ingot::cpu
