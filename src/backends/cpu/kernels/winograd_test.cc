// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/winograd.h"

#include "backends/cpu/kernels/conv_testing.h"
#include "base/thread_pool.h"

namespace ingot::cpu {
namespace {

using testing::ConvCase;
using testing::Random;

template <int Tile>
const testing::ConvKernel kWinograd{
    [](const ConvShape& shape, int panel) { return winograd_packed_bytes(shape, Tile, panel); },
    [](const ConvShape& shape, const float* weights, int panel, float* packed) {
      winograd_pack(shape, weights, Tile, panel, packed);
    },
    [](const ConvShape& shape, std::int64_t, int panel, int threads) {
      return winograd_scratch_bytes(shape, Tile, panel, threads);
    },
    [](const ConvShape& shape, const float* in, std::int64_t in_ld, const float* packed, int panel, float* out,
       std::int64_t out_ld, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
      winograd(shape, in, in_ld, packed, Tile, panel, out, out_ld, epilogue, scratch, parallel);
    }};

// The transforms add terms that cancel: elements may be off by more than a plain sum of the same terms.
constexpr double kGrowth = 8;

void check(const ConvCase& t, int panel, Parallel& parallel, std::uint32_t seed) {
  ASSERT_TRUE(winograd_supports(t.shape()));
  testing::check_conv(kWinograd<2>, t, panel, parallel, seed, kGrowth);
  testing::check_conv(kWinograd<4>, t, panel, parallel, seed, kGrowth);
}

ConvCase square(std::int64_t channels, std::int64_t outputs, std::int64_t h, std::int64_t w) {
  return {.channels = channels,
          .outputs = outputs,
          .in = {1, h, w},
          .kernel = {1, 3, 3},
          .pad = {0, 1, 1},
          .pad_end = {0, 1, 1}};
}

TEST(Winograd, ShapesAndThreads) {
  Serial serial;
  ThreadPool pool(3);
  std::uint32_t seed = 1;
  for (const int panel : testing::panels())
    for (const std::int64_t channels : {1, 33, 130})
      for (const std::int64_t outputs : {1, 70})
        for (const auto& [h, w] : {std::pair{1, 1}, {7, 7}, {9, 14}}) {
          ConvCase t = square(channels, outputs, h, w);
          t.batch = 1 + seed % 2;
          t.in_gap = seed % 3;
          t.pad[1 + seed % 2] = seed % 3;
          t.epilogue = {.bias = true, .clamp = seed % 2 == 0};
          if (h == 1) t.pad = {0, 1, 1};
          check(t, panel, seed % 2 == 0 ? static_cast<Parallel&>(serial) : pool, seed);
          ++seed;
        }
}

TEST(Winograd, Epilogues) {
  Serial serial;
  ThreadPool pool(2);
  std::uint32_t seed = 1000;
  for (const int panel : testing::panels())
    for (const auto& epilogue : testing::epilogue_cases()) {
      ConvCase t = square(20, 40, 18, 17);
      t.epilogue = epilogue;
      check(t, panel, serial, seed++);
      check(t, panel, pool, seed++);
    }
}

TEST(Winograd, ErrorStaysFarBelowTheOutputsRms) {
  Serial serial;
  const ConvShape shape = square(128, 8, 12, 12).shape();
  Random random(5);
  const testing::Buffer in = random.buffer(shape.in_pixels() * shape.in_channels);
  const testing::Buffer weights = random.buffer(shape.out_channels * shape.in_channels * 9);
  const int panel = best_panel();
  testing::Buffer packed = testing::scratch(winograd_packed_bytes(shape, 4, panel));
  winograd_pack(shape, weights.data(), 4, panel, packed.data());
  testing::Buffer out(static_cast<std::size_t>(shape.out_pixels() * shape.out_channels));
  testing::Buffer scratch = testing::scratch(winograd_scratch_bytes(shape, 4, panel, 1));
  winograd(shape, in.data(), shape.in_channels, packed.data(), 4, panel, out.data(), shape.out_channels, {},
           scratch.bytes(), serial);
  double squares = 0;
  double worst = 0;
  for (std::int64_t row = 0; row < shape.out_pixels(); ++row)
    for (std::int64_t o = 0; o < shape.out_channels; ++o) {
      const double want = testing::conv_sum(shape, in, shape.in_channels, weights, row, o).value;
      squares += want * want;
      const auto got = static_cast<double>(out[static_cast<std::size_t>(row * shape.out_channels + o)]);
      worst = std::max(worst, std::fabs(got - want));
    }
  EXPECT_LT(worst, 2e-5 * std::sqrt(squares / static_cast<double>(out.size())));
}

TEST(Winograd, RefusesWhatItCannotDo) {
  ConvShape shape = square(8, 8, 8, 8).shape();
  EXPECT_TRUE(winograd_supports(shape));
  shape.stride[2] = 2;
  EXPECT_FALSE(winograd_supports(shape));
  shape = square(8, 8, 8, 8).shape();
  shape.groups = 2;
  EXPECT_FALSE(winograd_supports(shape));
  shape = square(8, 8, 8, 8).shape();
  shape.dilation[1] = 2;
  EXPECT_FALSE(winograd_supports(shape));
}

}  // namespace
}  // namespace ingot::cpu
