// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/nbits_gemm.h"

#include "backends/cpu/kernels/kernel_testing.h"
#include "base/thread_pool.h"

namespace ingot::cpu {
namespace {

using testing::Buffer;
using testing::EpilogueCase;
using testing::EpilogueFixture;
using testing::Random;
using testing::Sum;

// Random numbers as the layout has them, and what they stand for.
struct Weights {
  NbitsMatrix matrix;
  std::vector<std::uint32_t> words;
  std::vector<float> scales;
  std::vector<std::int8_t> zero_points;

  Weights(int bits, int panel, std::int64_t k, std::int64_t n, std::int64_t block, bool zeros, Random& random) {
    matrix.bits = bits;
    matrix.panel = panel;
    matrix.k = k;
    matrix.n = n;
    matrix.block = block;
    words.resize(static_cast<std::size_t>(matrix.panels() * matrix.panel_words()));
    for (std::uint32_t& word : words) word = static_cast<std::uint32_t>(random.in(0, 0xffffffff));
    scales.resize(static_cast<std::size_t>(matrix.panels() * matrix.panel_blocks()));
    for (float& scale : scales) scale = random.value();
    zero_points.resize(zeros ? scales.size() : 0);
    const std::int64_t middle = std::int64_t{1} << (bits - 1);
    for (std::int8_t& point : zero_points) point = static_cast<std::int8_t>(random.in(-middle, middle - 1));
    matrix.words = words.data();
    matrix.scales = scales.data();
    if (zeros) matrix.zero_points = zero_points.data();
  }

  [[nodiscard]] double at(std::int64_t k, std::int64_t n) const {
    const std::int64_t panel = n / matrix.panel, lane = n % matrix.panel, per_word = matrix.rows_per_word();
    const std::uint32_t word =
        words[static_cast<std::size_t>(panel * matrix.panel_words() + k / per_word * matrix.panel + lane)];
    auto value = static_cast<std::int64_t>(word >> (k % per_word * matrix.bits) & ((1U << matrix.bits) - 1));
    if (value >= std::int64_t{1} << (matrix.bits - 1)) value -= std::int64_t{1} << matrix.bits;
    const auto block = static_cast<std::size_t>(panel * matrix.panel_blocks() + k / matrix.block * matrix.panel + lane);
    const double zero = zero_points.empty() ? 0 : zero_points[block];
    return (static_cast<double>(value) - zero) * static_cast<double>(scales[block]);
  }
};

struct Case {
  std::int64_t m, n, k, block;
  EpilogueCase epilogue;
};

void check(const Case& t, int bits, int panel, bool zeros, Parallel& parallel, std::uint32_t seed) {
  SCOPED_TRACE(::testing::Message() << "m " << t.m << " n " << t.n << " k " << t.k << " block " << t.block << " bits "
                                    << bits << " zero points " << zeros << " panel " << panel << " threads "
                                    << parallel.threads() << " seed " << seed);
  Random random(seed);
  const std::int64_t lda = t.k + seed % 2, ldc = t.n + 5;
  const Buffer a = random.buffer(t.m * lda);
  const Weights b(bits, panel, t.k, t.n, t.block, zeros, random);
  Buffer c(static_cast<std::size_t>(t.m * ldc));
  EpilogueFixture fixture(t.epilogue, t.m, t.n, random);
  const Epilogue epilogue = fixture.make(c, t.m, ldc);
  Buffer scratch = testing::scratch(nbits_gemm_scratch_bytes(b.matrix, t.m, parallel.threads()));
  nbits_gemm(t.m, a.data(), lda, b.matrix, c.data(), ldc, epilogue, scratch.bytes(), parallel);
  EXPECT_TRUE(scratch.intact());
  EXPECT_TRUE(testing::matches(c, t.m, t.n, ldc, fixture, [&](std::int64_t row, std::int64_t col) {
    Sum sum;
    for (std::int64_t k = 0; k < t.k; ++k)
      sum.add(static_cast<double>(a[static_cast<std::size_t>(row * lda + k)]), b.at(k, col));
    return sum;
  }));
}

TEST(NbitsGemm, BlocksAndOddShapes) {
  Serial serial;
  std::uint32_t seed = 1;
  for (const int panel : testing::panels())
    for (const int bits : {4, 8})
      for (const bool zeros : {false, true})
        for (const std::int64_t m : {1, 2, 3, 4, 7, 9, 64})
          for (const auto& [n, k, block] : {std::tuple<std::int64_t, std::int64_t, std::int64_t>{1, 1, 16},
                                            {33, 16, 16},
                                            {70, 45, 16},
                                            {40, 203, 32},
                                            {31, 500, 128},
                                            {17, 300, 256},
                                            {9, 21, 21}})
            check({m, n, k, block, {.bias = true}}, bits, panel, zeros, serial, seed++);
}

TEST(NbitsGemm, Epilogues) {
  Serial serial;
  std::uint32_t seed = 1000;
  for (const int panel : testing::panels())
    for (const EpilogueCase& epilogue : testing::epilogue_cases())
      for (const std::int64_t m : {1, 6, 33}) check({m, 70, 64, 32, epilogue}, 4, panel, true, serial, seed++);
}

TEST(NbitsGemm, ThreadsAndConflictingStrides) {
  ThreadPool pool(3);
  std::uint32_t seed = 2000;
  for (const int panel : testing::panels())
    for (const Case& t : {Case{1, 1000, 1024, 32, {}},
                          {5, 700, 900, 64, {}},
                          {300, 65, 512, 16, {.row_fn = true}},
                          {130, 260, 700, 128, {.clamp = true}},
                          {0, 5, 32, 16, {}}})
      check(t, 4, panel, true, pool, seed++);
}

}  // namespace
}  // namespace ingot::cpu
