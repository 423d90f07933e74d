// SPDX-License-Identifier: Apache-2.0
// Weighted sums of elements at given places: what interpolation reads.
#pragma once

#include <cstdint>

namespace ingot::cpu {

inline constexpr std::int64_t kSamplePixels = 32;  // whose taps are held at once
inline constexpr int kSampleTaps = 64;             // a cubic in three dimensions

// By tap, then by pixel. Every offset is one inside the plane, whatever its weight.
struct TapTable {
  alignas(64) std::int32_t offset[kSampleTaps][kSamplePixels];
  alignas(64) float weight[kSampleTaps][kSamplePixels];
};

// y[p] = the sum of weight * plane[offset] over the taps of pixel p, for all kSamplePixels. A tap without weight counts
// for nothing, even where the plane is not finite.
void sample_plane(const float* plane, const TapTable& table, int taps, float* y);

}  // namespace ingot::cpu
