// SPDX-License-Identifier: Apache-2.0
// Integer tiles for AVX2: vpmaddubsw would saturate, so bytes are widened to 16 bits, whose pairs of products are
// exact.
#include "backends/cpu/kernels/int8_targets.h"

#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

HWY_PUSH_ATTRIBUTES("avx2,fma")
namespace ingot::cpu {
namespace {

constexpr std::string_view kName = "avx2";
constexpr int kLanes = 8;
#define INGOT_INT8_ROWS 6
#define INGOT_INT8_DEPTHWISE_BYTES nullptr
constexpr int kRows = INGOT_INT8_ROWS;
constexpr int kUnit = 2;
constexpr bool kWidens = true;

using I = std::int32_t __attribute__((vector_size(32)));
using U = std::uint32_t __attribute__((vector_size(32)));

inline __attribute__((always_inline)) I dot(I sum, I a, I b) {
  return sum + reinterpret_cast<I>(_mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}
inline __attribute__((always_inline)) I load_b(const std::int8_t* p) {
  return reinterpret_cast<I>(_mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(p))));
}

#include "backends/cpu/kernels/int8_tile-inl.h"

}  // namespace

const Int8Kernels& int8_kernels_avx2() {
  static constexpr Int8Kernels kTable = kKernels;
  return kTable;
}

}  // namespace ingot::cpu
HWY_POP_ATTRIBUTES
#endif
