// SPDX-License-Identifier: Apache-2.0
// Host code: the columns of a few hundred pixels at a time, then a product with the weights.
#include <algorithm>
#include <cmath>

#include "dcnv2_kernel.h"

namespace {

constexpr int64_t kPixels = 256;  // of a tile

float exponential(float x) { return std::exp(x); }

// Rows are the channels of a group, from `channel` on, times the taps.
void fillColumns(DCNv2Shape const& s, float const* image, float const* points, int64_t channel, int64_t first,
                 int64_t count, float* columns) {
  int64_t const groupIn = s.channels / s.groups;
  int64_t const shared = s.channels / s.deformableGroups;  // channels that read at the same places
  for (int64_t tap = 0; tap < s.taps(); ++tap) {
    for (int64_t begin = channel; begin < channel + groupIn;) {
      int64_t const end = std::min(channel + groupIn, (begin / shared + 1) * shared);
      for (int64_t p = 0; p < count; ++p) {
        DCNv2Sample const sample = locate(s, points, begin / shared, tap, first + p, exponential);
        for (int64_t c = begin; c < end; ++c)
          columns[((c - channel) * s.taps() + tap) * kPixels + p] = read(sample, image + c * s.height * s.width);
      }
      begin = end;
    }
  }
}

}  // namespace

int64_t dcnv2Workspace(DCNv2Shape const& shape) { return shape.depth() * kPixels; }

int32_t dcnv2Run(DCNv2Shape const& s, float const* input, float const* offsetMask, float const* weights,
                 float const* bias, float* output, float* workspace, cudaStream_t) {
  int64_t const groupIn = s.channels / s.groups;
  int64_t const groupOut = s.outChannels / s.groups;
  for (int64_t n = 0; n < s.batch; ++n) {
    float const* image = input + n * s.channels * s.height * s.width;
    float const* points = offsetMask + n * 3 * s.deformableGroups * s.taps() * s.pixels();
    for (int64_t g = 0; g < s.groups; ++g) {
      for (int64_t first = 0; first < s.pixels(); first += kPixels) {
        int64_t const count = std::min(kPixels, s.pixels() - first);
        fillColumns(s, image, points, g * groupIn, first, count, workspace);
        for (int64_t o = g * groupOut; o < (g + 1) * groupOut; ++o) {
          float* row = output + (n * s.outChannels + o) * s.pixels() + first;
          std::fill_n(row, count, bias[o]);
          for (int64_t k = 0; k < s.depth(); ++k) {
            float const weight = weights[o * s.depth() + k];
            for (int64_t p = 0; p < count; ++p) row[p] += weight * workspace[k * kPixels + p];
          }
        }
      }
    }
  }
  return 0;
}
