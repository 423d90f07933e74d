// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/depthwise.h"

#include "backends/cpu/kernels/conv_testing.h"
#include "base/thread_pool.h"

namespace ingot::cpu {
namespace {

using testing::ConvCase;

const testing::ConvKernel kDepthwise{depthwise_packed_bytes, depthwise_pack, depthwise_scratch_bytes, depthwise};

ConvCase window(std::int64_t channels, std::int64_t size, std::int64_t kernel, std::int64_t stride) {
  const std::int64_t pad = kernel / 2;
  return {.channels = channels,
          .outputs = channels,
          .groups = channels,
          .in = {1, size, size + 1},
          .kernel = {1, kernel, kernel},
          .stride = {1, stride, stride},
          .pad = {0, pad, pad},
          .pad_end = {0, pad, pad}};
}

TEST(Depthwise, WindowsAndStrides) {
  Serial serial;
  std::uint32_t seed = 1;
  for (const int panel : testing::panels())
    for (const std::int64_t kernel : {2, 3, 4, 5, 7})
      for (const std::int64_t stride : {1, 2, 3})
        for (const std::int64_t channels : {1, 16, 33})
          for (const std::int64_t size : {3, 12}) {
            ConvCase t = window(channels, size, kernel, stride);
            t.in_gap = seed % 3;
            t.batch = 1 + seed % 2;
            t.epilogue = {.bias = true, .clamp = seed % 2 == 0};
            testing::check_conv(kDepthwise, t, panel, serial, seed++);
          }
}

TEST(Depthwise, EpiloguesOnThreads) {
  ThreadPool pool(3);
  std::uint32_t seed = 1000;
  for (const int panel : testing::panels())
    for (const auto& epilogue : testing::epilogue_cases())
      for (const std::int64_t size : {2, 9}) {
        ConvCase t = window(70, size, 3, 1);
        t.epilogue = epilogue;
        testing::check_conv(kDepthwise, t, panel, pool, seed++);
        t.outputs = 140;
        testing::check_conv(kDepthwise, t, panel, pool, seed++);
      }
}

TEST(Depthwise, DilationRanksAndAsymmetricPads) {
  Serial serial;
  std::uint32_t seed = 2000;
  for (const int panel : testing::panels()) {
    ConvCase t = window(20, 11, 3, 1);
    t.dilation = {1, 2, 3};
    testing::check_conv(kDepthwise, t, panel, serial, seed++);
    t = window(20, 11, 5, 2);
    t.pad = {0, 0, 4};
    t.pad_end = {0, 3, 0};
    testing::check_conv(kDepthwise, t, panel, serial, seed++);
    t = {.batch = 2,
         .channels = 18,
         .outputs = 18,
         .groups = 18,
         .in = {1, 1, 31},
         .kernel = {1, 1, 9},
         .pad = {0, 0, 8}};
    testing::check_conv(kDepthwise, t, panel, serial, seed++);
    t = {.channels = 18,
         .outputs = 36,
         .groups = 18,
         .in = {4, 5, 6},
         .kernel = {3, 3, 3},
         .stride = {1, 2, 1},
         .pad = {1, 1, 1},
         .pad_end = {1, 1, 1}};
    testing::check_conv(kDepthwise, t, panel, serial, seed++);
    t.outputs = 18;
    testing::check_conv(kDepthwise, t, panel, serial, seed++);
  }
}

}  // namespace
}  // namespace ingot::cpu
