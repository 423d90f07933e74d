// SPDX-License-Identifier: Apache-2.0
// Deformable convolution in fp32, channels last, two spatial dimensions, as an implicit matrix product: every tap of a
// small tile of output pixels is sampled bilinearly, all its channels at once, into the rows that the product reads.
// No image-sized buffer is built. Coordinates are fp32; a sample at or beyond one pixel outside the image is 0, and so
// is each corner outside it.
//
// Layouts, scratch and threads as in conv.h; weights are packed by conv_pack().
#pragma once

#include "backends/cpu/kernels/conv.h"

namespace ingot::cpu {

// A tensor with `channels` values for each output pixel, in either layout.
struct PixelTensor {
  const float* data = nullptr;  // null: absent
  std::int64_t image_stride = 0, channel_stride = 0, pixel_stride = 0;

  static PixelTensor make(const float* data, std::int64_t channels, std::int64_t pixels, bool channels_last) {
    return channels_last ? PixelTensor{data, channels * pixels, 1, channels}
                         : PixelTensor{data, channels * pixels, pixels, 1};
  }
};

struct DeformShape {
  ConvShape conv;  // kernel[0] and in[0] are 1
  std::int64_t offset_groups = 1;
};

struct DeformOperands {
  const float* in = nullptr;
  std::int64_t in_ld = 0;
  PixelTensor offset;  // per offset group and tap: dy, dx
  PixelTensor mask;    // per offset group and tap a factor; may be absent
};

std::size_t deform_conv_scratch_bytes(const DeformShape& shape, int threads);
void deform_conv(const DeformShape& shape, const DeformOperands& operands, const float* packed, int panel, float* out,
                 std::int64_t out_ld, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel);

}  // namespace ingot::cpu
