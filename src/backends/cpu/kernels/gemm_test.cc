// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gemm.h"

#include "backends/cpu/kernels/kernel_testing.h"
#include "base/thread_pool.h"

namespace ingot::cpu {
namespace {

using testing::Buffer;
using testing::EpilogueCase;
using testing::EpilogueFixture;
using testing::Random;
using testing::Sum;

double at(const Buffer& b, std::int64_t i) { return static_cast<double>(b[static_cast<std::size_t>(i)]); }

struct Case {
  GemmShape shape;
  int panel;
  EpilogueCase epilogue;
  bool transposed = false;
  bool pointers = false;
  std::int64_t extra_lda = 0;
};

void check(const Case& t, Parallel& parallel, std::uint32_t seed) {
  const std::int64_t m = t.shape.m, n = t.shape.n, k = t.shape.k;
  SCOPED_TRACE(::testing::Message() << "m " << m << " n " << n << " k " << k << " panel " << t.panel << " threads "
                                    << parallel.threads() << " seed " << seed);
  Random random(seed);
  const std::int64_t lda = k + t.extra_lda;
  const std::int64_t ldb = (t.transposed ? k : n) + 1;
  const std::int64_t ldc = n + 5;
  const Buffer a = random.buffer(m * lda);
  const Buffer b = random.buffer((t.transposed ? n : k) * ldb);
  Buffer packed = testing::scratch(packed_b_bytes(k, n, t.panel));
  pack_b(k, n, b.data(), ldb, t.transposed, t.panel, packed.data());
  ASSERT_TRUE(packed.intact());
  Buffer c(static_cast<std::size_t>(m * ldc));
  EpilogueFixture fixture(t.epilogue, m, n, random);
  const Epilogue epilogue = fixture.make(c, m, ldc);
  Buffer scratch = testing::scratch(gemm_scratch_bytes(t.shape, t.panel, parallel.threads()));
  if (t.pointers) {
    std::vector<const float*> rows;
    for (std::int64_t i = 0; i < m; ++i) rows.push_back(a.data() + (m - 1 - i) * lda);
    gemm_rows(t.shape, rows.data(), packed.data(), t.panel, c.data(), ldc, epilogue, scratch.bytes(), parallel);
  } else {
    gemm(t.shape, a.data(), lda, packed.data(), t.panel, c.data(), ldc, epilogue, scratch.bytes(), parallel);
  }
  EXPECT_TRUE(scratch.intact());
  EXPECT_TRUE(testing::matches(c, m, n, ldc, fixture, [&](std::int64_t r, std::int64_t col) {
    Sum sum;
    const std::int64_t row = t.pointers ? m - 1 - r : r;
    for (std::int64_t i = 0; i < k; ++i)
      sum.add(at(a, row * lda + i), at(b, t.transposed ? col * ldb + i : i * ldb + col));
    return sum;
  }));
}

TEST(Gemm, OddShapes) {
  Serial serial;
  std::uint32_t seed = 1;
  for (const int panel : testing::panels())
    for (const std::int64_t m : {1, 2, 3, 7, 15, 16, 31, 64})
      for (const std::int64_t n : {1, 2, 7, 15, 16, 17, 31, 33, 64, 129})
        for (const std::int64_t k : {1, 2, 3, 17, 64}) {
          check({{m, n, k}, panel, {.bias = true}, seed % 2 == 0, seed % 3 == 0, seed % 5}, serial, seed);
          ++seed;
        }
}

TEST(Gemm, Epilogues) {
  Serial serial;
  std::uint32_t seed = 100;
  for (const int panel : testing::panels())
    for (const EpilogueCase& epilogue : testing::epilogue_cases())
      for (const GemmShape& shape : {GemmShape{5, 40, 9}, {33, 129, 1000}, {1, 70, 12}, {20, 24, 0}})
        check({shape, panel, epilogue}, serial, seed++);
}

TEST(Gemm, ThreadsAndConflictingStrides) {
  ThreadPool pool(3);
  std::uint32_t seed = 200;
  for (const int panel : testing::panels())
    for (const GemmShape& shape : {GemmShape{49, 300, 512}, {300, 65, 129}, {1, 1000, 1024}, {130, 260, 700}})
      for (const std::int64_t extra : {0, 3})
        check({shape, panel, {.bias = true, .clamp = true, .row_fn = true}, false, false, extra}, pool, seed++);
}

TEST(Gemm, EmptyDimensionsDoNothing) {
  Serial serial;
  for (const int panel : testing::panels()) {
    check({{0, 5, 5}, panel, {}}, serial, 1);
    check({{5, 0, 5}, panel, {}}, serial, 2);
  }
}

TEST(Gemm, NanPassesTheClamp) {
  Serial serial;
  for (const int panel : testing::panels()) {
    Buffer packed = testing::scratch(packed_b_bytes(1, 1, panel));
    const float b = 1;
    pack_b(1, 1, &b, 1, false, panel, packed.data());
    const float a = std::numeric_limits<float>::quiet_NaN();
    float c = 0;
    Epilogue epilogue;
    epilogue.clamp_min = 0;
    Buffer scratch = testing::scratch(gemm_scratch_bytes({1, 1, 1}, panel, 1));
    gemm({1, 1, 1}, &a, 1, packed.data(), panel, &c, 1, epilogue, scratch.bytes(), serial);
    EXPECT_TRUE(std::isnan(c)) << "panel " << panel;
  }
}

void check_batch(const BatchGemmShape& shape, int panel, const EpilogueCase& which, Parallel& parallel,
                 std::uint32_t seed) {
  const std::int64_t outer = shape.batch[0], inner = shape.batch[1];
  const std::int64_t m = shape.m, n = shape.n, k = shape.k;
  SCOPED_TRACE(::testing::Message() << "batch " << outer << "x" << inner << " m " << m << " n " << n << " k " << k
                                    << " panel " << panel << " transposed " << shape.b_transposed << " threads "
                                    << parallel.threads() << " seed " << seed);
  Random random(seed);
  // A as attention's [outer, m, inner, k]; B dense per outer and shared over inner; C dense.
  const BatchMatrix<const float> a{nullptr, inner * k, {m * inner * k, k}};
  const BatchMatrix<const float> b{nullptr, shape.b_transposed ? k : n, {k * n, 0}};
  const Buffer a_data = random.buffer(outer * m * inner * k);
  const Buffer b_data = random.buffer(outer * k * n);
  const std::int64_t rows = outer * inner * m;
  Buffer c(static_cast<std::size_t>(rows * n));
  EpilogueFixture fixture(which, rows, n, random);
  const Epilogue epilogue = fixture.make(c, rows, n);
  Buffer scratch = testing::scratch(batch_gemm_scratch_bytes(shape, panel, parallel.threads()));
  batch_gemm(shape, {a_data.data(), a.ld, a.batch_stride}, {b_data.data(), b.ld, b.batch_stride},
             {c.data(), n, {inner * m * n, m * n}}, panel, epilogue, scratch.bytes(), parallel);
  EXPECT_TRUE(scratch.intact());
  EXPECT_TRUE(testing::matches(c, rows, n, n, fixture, [&](std::int64_t r, std::int64_t col) {
    const std::int64_t o = r / (inner * m);
    const std::int64_t a_row = o * m * inner * k + r / m % inner * k + r % m * inner * k;
    Sum sum;
    for (std::int64_t i = 0; i < k; ++i)
      sum.add(at(a_data, a_row + i), at(b_data, o * k * n + (shape.b_transposed ? col * k + i : i * n + col)));
    return sum;
  }));
}

TEST(BatchGemm, LayoutsThreadsAndEpilogues) {
  Serial serial;
  ThreadPool pool(2);
  std::uint32_t seed = 300;
  for (const int panel : testing::panels())
    for (const bool transposed : {false, true})
      for (const EpilogueCase& which : testing::epilogue_cases())
        for (Parallel* parallel : {static_cast<Parallel*>(&serial), static_cast<Parallel*>(&pool)})
          for (const auto& [batch, m, n, k] : {std::tuple{std::array<std::int64_t, 2>{2, 3}, 17, 33, 64},
                                               std::tuple{std::array<std::int64_t, 2>{1, 1}, 130, 47, 13},
                                               std::tuple{std::array<std::int64_t, 2>{1, 3}, 1, 65, 5}})
            check_batch({batch, m, n, k, transposed}, panel, which, *parallel, seed++);
}

}  // namespace
}  // namespace ingot::cpu
