// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/conv.h"

#include "backends/cpu/kernels/conv_testing.h"
#include "base/thread_pool.h"

namespace ingot::cpu {
namespace {

using testing::ConvCase;
using testing::Random;

const testing::ConvKernel kImplicit{conv_packed_bytes, conv_pack, conv_scratch_bytes, conv};

void check(const ConvCase& t, int panel, Parallel& parallel, std::uint32_t seed) {
  testing::check_conv(kImplicit, t, panel, parallel, seed);
}

std::vector<ConvCase> cases() {
  return {
      {.channels = 3, .outputs = 20, .in = {1, 17, 19}, .kernel = {1, 7, 7}, .stride = {1, 2, 2}, .pad = {0, 3, 3}},
      {.channels = 1, .outputs = 9, .in = {1, 11, 13}, .kernel = {1, 5, 3}, .pad = {0, 2, 1}, .pad_end = {0, 1, 0}},
      {.batch = 2,
       .channels = 4,
       .outputs = 33,
       .in = {1, 9, 9},
       .kernel = {1, 3, 3},
       .dilation = {1, 2, 2},
       .pad = {0, 2, 2},
       .pad_end = {0, 2, 2}},
      {.batch = 2,
       .channels = 16,
       .outputs = 40,
       .in = {1, 8, 7},
       .kernel = {1, 3, 3},
       .pad = {0, 1, 1},
       .pad_end = {0, 1, 1}},
      {.channels = 17,
       .outputs = 65,
       .in = {1, 10, 9},
       .kernel = {1, 3, 2},
       .stride = {1, 3, 2},
       .pad = {0, 0, 2},
       .pad_end = {0, 2, 0}},
      {.channels = 36,
       .outputs = 30,
       .groups = 3,
       .in = {1, 6, 8},
       .kernel = {1, 3, 3},
       .pad = {0, 1, 1},
       .pad_end = {0, 1, 1}},
      {.channels = 64,
       .outputs = 6,
       .groups = 2,
       .in = {1, 6, 5},
       .kernel = {1, 3, 3},
       .dilation = {1, 1, 3},
       .pad = {0, 1, 3},
       .pad_end = {0, 1, 3}},
      {.channels = 8, .outputs = 8, .groups = 8, .in = {1, 6, 5}, .kernel = {1, 3, 3}},
      {.batch = 3, .channels = 24, .outputs = 17, .in = {1, 1, 1}},
      {.batch = 2, .channels = 40, .outputs = 50, .in = {1, 7, 7}, .stride = {1, 2, 2}},
      {.batch = 2,
       .channels = 512,
       .outputs = 70,
       .in = {1, 4, 4},
       .kernel = {1, 3, 3},
       .pad = {0, 1, 1},
       .pad_end = {0, 1, 1}},
      {.channels = 700, .outputs = 34, .in = {1, 3, 4}, .kernel = {1, 2, 2}},
      {.batch = 2,
       .channels = 10,
       .outputs = 12,
       .in = {1, 1, 40},
       .kernel = {1, 1, 9},
       .stride = {1, 1, 2},
       .pad = {0, 0, 8}},
      {.channels = 20,
       .outputs = 12,
       .in = {5, 6, 7},
       .kernel = {3, 3, 3},
       .stride = {2, 1, 1},
       .pad = {1, 1, 1},
       .pad_end = {1, 1, 1}},
      {.channels = 3,
       .outputs = 12,
       .in = {5, 6, 7},
       .kernel = {3, 2, 3},
       .dilation = {2, 1, 1},
       .pad = {1, 0, 1},
       .pad_end = {1, 1, 1}},
      // A window wholly in the padding.
      {.channels = 16, .outputs = 8, .in = {1, 3, 3}, .kernel = {1, 2, 2}, .pad = {0, 3, 3}, .pad_end = {0, 3, 3}},
      {.channels = 3, .outputs = 8, .in = {1, 3, 3}, .kernel = {1, 2, 3}, .pad = {0, 4, 5}, .pad_end = {0, 3, 5}},
  };
}

TEST(Conv, Shapes) {
  Serial serial;
  std::uint32_t seed = 1;
  for (const int panel : testing::panels())
    for (ConvCase t : cases())
      for (const std::int64_t gap : {0, 3}) {
        t.in_gap = gap;
        t.epilogue = {.bias = true};
        check(t, panel, serial, seed++);
      }
}

TEST(Conv, Epilogues) {
  Serial serial;
  std::uint32_t seed = 100;
  for (const int panel : testing::panels())
    for (const auto& epilogue : testing::epilogue_cases()) {
      ConvCase t{.channels = 64,
                 .outputs = 40,
                 .in = {1, 6, 6},
                 .kernel = {1, 3, 3},
                 .pad = {0, 1, 1},
                 .pad_end = {0, 1, 1},
                 .epilogue = epilogue};
      check(t, panel, serial, seed++);
      t.groups = 2;
      check(t, panel, serial, seed++);
    }
}

TEST(Conv, RandomShapesOnThreads) {
  ThreadPool pool(3);
  Random random(7);
  for (std::uint32_t seed = 1000; seed < 1040; ++seed) {
    ConvCase t;
    t.groups = random.in(0, 2) == 0 ? 2 : 1;
    t.batch = random.in(1, 2);
    t.channels = t.groups * random.in(1, 40);
    t.outputs = t.groups * random.in(1, 50);
    for (std::size_t i = 0; i < 3; ++i) {
      t.kernel[i] = random.in(1, i == 0 ? 2 : 3);
      t.stride[i] = random.in(1, 2);
      t.dilation[i] = random.in(1, 2);
      t.pad[i] = random.in(0, 2);
      t.pad_end[i] = random.in(0, 2);
      t.in[i] = random.in(i == 0 ? 3 : 5, i == 0 ? 4 : 9);
    }
    t.in_gap = random.in(0, 1) * 2;
    t.epilogue = {.bias = true, .residual = true, .clamp = true, .row_fn = true};
    for (const int panel : testing::panels()) check(t, panel, pool, seed);
  }
}

}  // namespace
}  // namespace ingot::cpu
