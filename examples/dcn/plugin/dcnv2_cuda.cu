// SPDX-License-Identifier: Apache-2.0
// One launch fills the columns of an image, one multiplies them with the weights. Loops over the grid, so that no size
// exceeds what a launch may have.
#include <algorithm>

#include "dcnv2_kernel.h"

namespace {

constexpr int kThreads = 256;

__device__ float exponential(float x) { return expf(x); }

__global__ void fillColumns(DCNv2Shape s, float const* image, float const* points, float* columns) {
  int64_t const shared = s.channels / s.deformableGroups;  // channels that read at the same places
  int64_t const total = s.deformableGroups * s.taps() * s.pixels();
  for (int64_t i = blockIdx.x * int64_t{kThreads} + threadIdx.x; i < total; i += gridDim.x * int64_t{kThreads}) {
    int64_t const pixel = i % s.pixels(), tap = i / s.pixels() % s.taps(), group = i / s.pixels() / s.taps();
    DCNv2Sample const sample = locate(s, points, group, tap, pixel, exponential);
    for (int64_t c = group * shared; c < (group + 1) * shared; ++c)
      columns[(c * s.taps() + tap) * s.pixels() + pixel] = read(sample, image + c * s.height * s.width);
  }
}

__global__ void multiply(DCNv2Shape s, float const* columns, float const* weights, float const* bias, float* output) {
  int64_t const total = s.outChannels * s.pixels();
  for (int64_t i = blockIdx.x * int64_t{kThreads} + threadIdx.x; i < total; i += gridDim.x * int64_t{kThreads}) {
    int64_t const o = i / s.pixels();
    float const* column = columns + o / (s.outChannels / s.groups) * s.depth() * s.pixels() + i % s.pixels();
    float sum = bias[o];
    for (int64_t k = 0; k < s.depth(); ++k) sum += weights[o * s.depth() + k] * column[k * s.pixels()];
    output[i] = sum;
  }
}

int blocks(int64_t total) { return static_cast<int>(std::min<int64_t>((total + kThreads - 1) / kThreads, 1 << 20)); }

}  // namespace

int64_t dcnv2Workspace(DCNv2Shape const& s) { return s.channels * s.taps() * s.pixels(); }

int32_t dcnv2Run(DCNv2Shape const& s, float const* input, float const* offsetMask, float const* weights,
                 float const* bias, float* output, float* workspace, cudaStream_t stream) {
  if (s.outChannels * s.pixels() == 0) return 0;
  for (int64_t n = 0; n < s.batch; ++n) {
    float const* image = input + n * s.channels * s.height * s.width;
    float const* points = offsetMask + n * 3 * s.deformableGroups * s.taps() * s.pixels();
    fillColumns<<<blocks(s.deformableGroups * s.taps() * s.pixels()), kThreads, 0, stream>>>(s, image, points, workspace);
    multiply<<<blocks(s.outChannels * s.pixels()), kThreads, 0, stream>>>(s, workspace, weights, bias,
                                                                          output + n * s.outChannels * s.pixels());
  }
  return cudaGetLastError() == cudaSuccess ? 0 : 1;
}
