// SPDX-License-Identifier: Apache-2.0
// Deformable convolution on every instruction set against a direct sum in double precision.
#include "backends/cpu/kernels/deform_conv.h"

#include <gtest/gtest.h>

#include "backends/cpu/kernels/kernel_testing.h"
#include "base/thread_pool.h"

namespace ingot::cpu {
namespace {

using testing::Buffer;
using testing::EpilogueCase;
using testing::EpilogueFixture;
using testing::Random;
using testing::Sum;

struct DeformCase {
  ConvShape conv;
  std::int64_t offset_groups = 1;
  bool mask = true, channels_last = true;
  float reach = 2;  // of the offsets, in pixels
  EpilogueCase epilogue = {};
};

ConvShape conv_of(std::int64_t batch, std::int64_t channels, std::int64_t outputs, std::int64_t groups,
                  std::array<std::int64_t, 2> in, std::array<std::int64_t, 2> kernel, std::int64_t stride = 1,
                  std::int64_t dilation = 1, std::array<std::int64_t, 2> pad = {1, 1}) {
  ConvShape s{batch,
              channels,
              outputs,
              groups,
              {1, in[0], in[1]},
              {1, 1, 1},
              {1, kernel[0], kernel[1]},
              {1, stride, stride},
              {1, dilation, dilation},
              {0, pad[0], pad[1]}};
  for (std::size_t i = 1; i < 3; ++i)
    s.out[i] = (s.in[i] + 2 * s.pad_begin[i] - s.dilation[i] * (s.kernel[i] - 1) - 1) / s.stride[i] + 1;
  return s;
}

double at(const Buffer& b, std::int64_t i) { return static_cast<double>(b[static_cast<std::size_t>(i)]); }

float value_of(const PixelTensor& t, std::int64_t image, std::int64_t pixel, std::int64_t channel) {
  return t.data[image * t.image_stride + channel * t.channel_stride + pixel * t.pixel_stride];
}

// The coordinates of a sample are fp32 by contract; all that follows is exact.
Sum deform_sum(const DeformCase& t, const DeformOperands& operands, const Buffer& in, const Buffer& weights,
               std::int64_t row, std::int64_t output) {
  const ConvShape& s = t.conv;
  const std::int64_t image = row / s.out_pixels(), pixel = row % s.out_pixels();
  const std::int64_t first = output / s.group_out() * s.group_in();
  Sum sum;
  for (std::int64_t tap = 0; tap < s.window(); ++tap) {
    for (std::int64_t c = 0; c < s.group_in(); ++c) {
      const std::int64_t group = (first + c) / (s.in_channels / t.offset_groups), index = group * s.window() + tap;
      const std::int64_t y0 = pixel / s.out[2] * s.stride[1] - s.pad_begin[1] + tap / s.kernel[2] * s.dilation[1];
      const std::int64_t x0 = pixel % s.out[2] * s.stride[2] - s.pad_begin[2] + tap % s.kernel[2] * s.dilation[2];
      const float y = static_cast<float>(y0) + value_of(operands.offset, image, pixel, 2 * index);
      const float x = static_cast<float>(x0) + value_of(operands.offset, image, pixel, 2 * index + 1);
      if (!(y > -1 && x > -1 && y < static_cast<float>(s.in[1]) && x < static_cast<float>(s.in[2]))) continue;
      const double factor = t.mask ? static_cast<double>(value_of(operands.mask, image, pixel, index)) : 1;
      const double w = at(weights, (output * s.group_in() + c) * s.window() + tap);
      const double top = std::floor(static_cast<double>(y)), left = std::floor(static_cast<double>(x));
      for (int corner = 0; corner < 4; ++corner) {
        const auto cy = static_cast<std::int64_t>(top) + corner / 2, cx = static_cast<std::int64_t>(left) + corner % 2;
        if (cy < 0 || cx < 0 || cy >= s.in[1] || cx >= s.in[2]) continue;
        const double v = static_cast<double>(y) - top, u = static_cast<double>(x) - left;
        const double share = (corner / 2 == 0 ? 1 - v : v) * (corner % 2 == 0 ? 1 - u : u);
        sum.add(share * factor * at(in, ((image * s.in[1] + cy) * s.in[2] + cx) * s.in_channels + first + c), w);
      }
    }
  }
  return sum;
}

// Some of the offsets are what a network should never give, or lie exactly on a border.
void disturb(Buffer& offset, Random& random, const ConvShape& s) {
  const float specials[] = {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(),
                            3e9F,
                            -3e9F,
                            1e30F,
                            -1,
                            0,
                            -0.F,
                            static_cast<float>(s.in[1]),
                            -static_cast<float>(s.in[2])};
  for (std::size_t i = 0; i < offset.size(); ++i)
    if (random.in(0, 9) == 0)
      offset[i] = specials[static_cast<std::size_t>(random.in(0, static_cast<std::int64_t>(std::size(specials)) - 1))];
}

void check(const DeformCase& t, int panel, Parallel& parallel, std::uint32_t seed) {
  const ConvShape& s = t.conv;
  SCOPED_TRACE(::testing::Message() << "channels " << s.in_channels << " outputs " << s.out_channels << " groups "
                                    << s.groups << " offset groups " << t.offset_groups << " in " << s.in[1] << "x"
                                    << s.in[2] << " panel " << panel << " seed " << seed);
  Random random(seed);
  const Buffer in = random.buffer(s.batch * s.in_pixels() * s.in_channels);
  const Buffer weights = random.buffer(s.out_channels * s.group_in() * s.window());
  const std::int64_t taps = t.offset_groups * s.window(), rows = s.batch * s.out_pixels();
  Buffer offset = random.buffer(rows * taps * 2);
  for (std::size_t i = 0; i < offset.size(); ++i) offset[i] *= t.reach;
  disturb(offset, random, s);
  const Buffer mask = random.buffer(rows * taps);
  DeformOperands operands;
  operands.in = in.data();
  operands.in_ld = s.in_channels;
  operands.offset = PixelTensor::make(offset.data(), 2 * taps, s.out_pixels(), t.channels_last);
  if (t.mask) operands.mask = PixelTensor::make(mask.data(), taps, s.out_pixels(), t.channels_last);

  Buffer packed = testing::scratch(conv_packed_bytes(s, panel));
  conv_pack(s, weights.data(), panel, packed.data());
  const DeformShape shape{s, t.offset_groups};
  Buffer memory = testing::scratch(deform_conv_scratch_bytes(shape, parallel.threads()));
  const std::int64_t out_ld = s.out_channels + 5;
  Buffer out(static_cast<std::size_t>(rows * out_ld));
  EpilogueFixture fixture(t.epilogue, rows, s.out_channels, random);
  const Epilogue epilogue = fixture.make(out, rows, out_ld);
  deform_conv(shape, operands, packed.data(), panel, out.data(), out_ld, epilogue, memory.bytes(), parallel);
  EXPECT_TRUE(memory.intact());
  // A term is rounded six times before it is added: its weight thrice, the factor, the pixel, the sum of corners.
  EXPECT_TRUE(testing::matches(
      out, rows, s.out_channels, out_ld, fixture,
      [&](std::int64_t row, std::int64_t output) { return deform_sum(t, operands, in, weights, row, output); }, 2));
}

std::vector<DeformCase> cases() {
  return {
      {conv_of(1, 8, 16, 1, {9, 11}, {3, 3})},
      {.conv = conv_of(2, 6, 10, 2, {7, 5}, {3, 2}, 2, 1, {1, 0}), .offset_groups = 3, .channels_last = false},
      {.conv = conv_of(1, 12, 7, 1, {10, 13}, {3, 3}, 1, 2, {2, 2}), .offset_groups = 4, .mask = false},
      {.conv = conv_of(3, 40, 33, 1, {5, 6}, {1, 1}, 1, 1, {0, 0}), .reach = 20, .epilogue = {.bias = true}},
      {.conv = conv_of(1, 5, 3, 1, {1, 1}, {3, 3}), .channels_last = false},
      // Longer than a block of K; runs of channels with offsets of their own inside one.
      {.conv = conv_of(1, 400, 8, 1, {4, 4}, {3, 3}), .offset_groups = 2},
      {.conv = conv_of(1, 96, 40, 1, {6, 9}, {5, 5}, 1, 1, {2, 2}),
       .offset_groups = 8,
       .mask = false,
       .epilogue = {.bias = true, .residual = true, .clamp = true, .row_fn = true}},
      {.conv = conv_of(2, 4, 4, 4, {8, 8}, {3, 3}), .offset_groups = 4},
  };
}

TEST(DeformConv, ShapesOffsetsAndEpilogues) {
  Serial serial;
  ThreadPool pool(2);
  std::uint32_t seed = 1;
  for (const int panel : testing::panels())
    for (const DeformCase& t : cases())
      for (Parallel* parallel : {static_cast<Parallel*>(&serial), static_cast<Parallel*>(&pool)})
        check(t, panel, *parallel, seed++);
}

TEST(DeformConv, EmptyBatchDoesNothing) {
  Serial serial;
  for (const int panel : testing::panels()) check({.conv = conv_of(0, 8, 8, 1, {4, 4}, {3, 3})}, panel, serial, 7);
}

}  // namespace
}  // namespace ingot::cpu
