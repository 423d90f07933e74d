// SPDX-License-Identifier: Apache-2.0
// What dcnv2_cpu.cpp and dcnv2_cuda.cu share: the sizes of one call, and the value that a tap reads.
#pragma once

#include <cstdint>

#include "NvInfer.h"

#ifdef __CUDACC__
#define DCN_BOTH __host__ __device__
#else
#define DCN_BOTH
#endif

struct DCNv2Shape {
  int64_t batch, channels, height, width;  // of the input
  int64_t outChannels, groups, deformableGroups;
  int64_t kernel[2], stride[2], padding[2], dilation[2];
  int64_t outHeight, outWidth;

  DCN_BOTH int64_t taps() const { return kernel[0] * kernel[1]; }
  DCN_BOTH int64_t pixels() const { return outHeight * outWidth; }
  // Rows of the column matrix that the weights of one group multiply.
  DCN_BOTH int64_t depth() const { return channels / groups * taps(); }
};

// Four places of a plane and their weights, the mask among them. Where a weight is 0 there need not be a place.
struct DCNv2Sample {
  int64_t place[4];
  float weight[4];
};

// Where a tap of a deformable group reads for an output pixel. `points` are an image's offsets and mask: dy and dx for
// each deformable group and tap, then for each the logit of the mask.
DCN_BOTH inline DCNv2Sample locate(DCNv2Shape const& s, float const* points, int64_t group, int64_t tap, int64_t pixel,
                                   float (*exponential)(float)) {
  int64_t const point = group * s.taps() + tap;
  int64_t const row = pixel / s.outWidth * s.stride[0] - s.padding[0] + tap / s.kernel[1] * s.dilation[0];
  int64_t const column = pixel % s.outWidth * s.stride[1] - s.padding[1] + tap % s.kernel[1] * s.dilation[1];
  float const y = static_cast<float>(row) + points[2 * point * s.pixels() + pixel];
  float const x = static_cast<float>(column) + points[(2 * point + 1) * s.pixels() + pixel];
  DCNv2Sample sample{};
  // Written so that NaN is outside too.
  if (!(y > -1 && x > -1 && y < static_cast<float>(s.height) && x < static_cast<float>(s.width))) return sample;
  // y + 1 is positive, so that truncating it rounds down.
  int64_t const top = static_cast<int64_t>(y + 1) - 1;
  int64_t const left = static_cast<int64_t>(x + 1) - 1;
  float const v = y - static_cast<float>(top);
  float const u = x - static_cast<float>(left);
  float const logit = points[(2 * s.deformableGroups * s.taps() + point) * s.pixels() + pixel];
  float const mask = 1 / (1 + exponential(-logit));
  for (int64_t i = 0; i < 4; ++i) {
    int64_t const r = top + i / 2, c = left + i % 2;
    if (r < 0 || c < 0 || r >= s.height || c >= s.width) continue;
    sample.place[i] = r * s.width + c;
    sample.weight[i] = (i / 2 ? v : 1 - v) * (i % 2 ? u : 1 - u) * mask;
  }
  return sample;
}

DCN_BOTH inline float read(DCNv2Sample const& sample, float const* plane) {
  float value = 0;
  for (int i = 0; i < 4; ++i)
    if (sample.weight[i] != 0) value += sample.weight[i] * plane[sample.place[i]];
  return value;
}

// Floats of workspace.
int64_t dcnv2Workspace(DCNv2Shape const& shape);
// 0, or what went wrong. Input, weights and output as in Conv of ONNX.
int32_t dcnv2Run(DCNv2Shape const& shape, float const* input, float const* offsetMask, float const* weights,
                 float const* bias, float* output, float* workspace, cudaStream_t stream);
