// SPDX-License-Identifier: Apache-2.0
// Checks any convolution kernel with the common interface against a direct sum in double precision.
#pragma once

#include <array>
#include <cstdint>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/kernel_testing.h"
#include "base/parallel.h"

namespace ingot::cpu::testing {

struct ConvCase {
  std::int64_t batch = 1;
  std::int64_t channels = 1;
  std::int64_t outputs = 1;
  std::int64_t groups = 1;
  std::array<std::int64_t, 3> in = {1, 1, 1};
  std::array<std::int64_t, 3> kernel = {1, 1, 1};
  std::array<std::int64_t, 3> stride = {1, 1, 1};
  std::array<std::int64_t, 3> dilation = {1, 1, 1};
  std::array<std::int64_t, 3> pad = {0, 0, 0};
  std::array<std::int64_t, 3> pad_end = {0, 0, 0};
  std::int64_t in_gap = 0;
  EpilogueCase epilogue = {};

  [[nodiscard]] ConvShape shape() const {
    ConvShape s{batch, channels, outputs, groups, in, {}, kernel, stride, dilation, pad};
    for (std::size_t i = 0; i < 3; ++i)
      s.out[i] = (in[i] + pad[i] + pad_end[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1;
    return s;
  }
};

struct ConvKernel {
  std::size_t (*packed_bytes)(const ConvShape&, int panel);
  void (*pack)(const ConvShape&, const float* weights, int panel, float* packed);
  std::size_t (*scratch_bytes)(const ConvShape&, std::int64_t in_ld, int panel, int threads);
  void (*run)(const ConvShape&, const float* in, std::int64_t in_ld, const float* packed, int panel, float* out,
              std::int64_t out_ld, const Epilogue&, std::byte* scratch, Parallel&);
};

// The sum of one output element.
inline Sum conv_sum(const ConvShape& s, const Buffer& in, std::int64_t in_ld, const Buffer& weights, std::int64_t row,
                    std::int64_t output) {
  const auto value = [](const Buffer& b, std::int64_t i) {
    return static_cast<double>(b[static_cast<std::size_t>(i)]);
  };
  const std::int64_t image = row / s.out_pixels();
  const std::array<std::int64_t, 3> at = {row / (s.out[1] * s.out[2]) % s.out[0], row / s.out[2] % s.out[1],
                                          row % s.out[2]};
  const std::int64_t first = output / s.group_out() * s.group_in();
  Sum sum;
  for (std::int64_t tap = 0; tap < s.window(); ++tap) {
    const std::array<std::int64_t, 3> k = {tap / (s.kernel[1] * s.kernel[2]), tap / s.kernel[2] % s.kernel[1],
                                           tap % s.kernel[2]};
    std::int64_t pixel = image;
    bool inside = true;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::int64_t p = at[i] * s.stride[i] - s.pad_begin[i] + k[i] * s.dilation[i];
      inside = inside && p >= 0 && p < s.in[i];
      pixel = pixel * s.in[i] + p;
    }
    if (!inside) continue;
    for (std::int64_t c = 0; c < s.group_in(); ++c)
      sum.add(value(in, pixel * in_ld + first + c), value(weights, (output * s.group_in() + c) * s.window() + tap));
  }
  return sum;
}

inline void check_conv(const ConvKernel& kernel, const ConvCase& t, int panel, Parallel& parallel, std::uint32_t seed,
                       double factor = 1) {
  const ConvShape s = t.shape();
  SCOPED_TRACE(::testing::Message() << "batch " << s.batch << " channels " << s.in_channels << " outputs "
                                    << s.out_channels << " groups " << s.groups << " in " << s.in[0] << "x" << s.in[1]
                                    << "x" << s.in[2] << " kernel " << s.kernel[0] << "x" << s.kernel[1] << "x"
                                    << s.kernel[2] << " panel " << panel << " threads " << parallel.threads()
                                    << " seed " << seed);
  Random random(seed);
  const std::int64_t in_ld = s.in_channels + t.in_gap;
  const std::int64_t out_ld = s.out_channels + 5;
  const std::int64_t rows = s.batch * s.out_pixels();
  // Without the last pixel's gap: the kernel may not read it.
  const Buffer in = random.buffer(s.batch * s.in_pixels() * in_ld - t.in_gap);
  const Buffer weights = random.buffer(s.out_channels * s.group_in() * s.window());
  Buffer packed = scratch(kernel.packed_bytes(s, panel));
  kernel.pack(s, weights.data(), panel, packed.data());
  EXPECT_TRUE(packed.intact());
  Buffer out(static_cast<std::size_t>(rows * out_ld));
  EpilogueFixture fixture(t.epilogue, rows, s.out_channels, random);
  const Epilogue epilogue = fixture.make(out, rows, out_ld);
  Buffer work = scratch(kernel.scratch_bytes(s, in_ld, panel, parallel.threads()));
  kernel.run(s, in.data(), in_ld, packed.data(), panel, out.data(), out_ld, epilogue, work.bytes(), parallel);
  EXPECT_TRUE(work.intact());
  EXPECT_TRUE(matches(
      out, rows, s.out_channels, out_ld, fixture,
      [&](std::int64_t row, std::int64_t output) { return conv_sum(s, in, in_ld, weights, row, output); }, factor));
}

}  // namespace ingot::cpu::testing
