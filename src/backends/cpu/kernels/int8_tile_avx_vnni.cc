// SPDX-License-Identifier: Apache-2.0
// Integer tiles for AVX-VNNI, which processors without AVX-512 have.
#include "backends/cpu/kernels/int8_targets.h"

#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

HWY_PUSH_ATTRIBUTES("avx2,fma,avxvnni")
namespace ingot::cpu {
namespace {

constexpr std::string_view kName = "vnni256";
constexpr int kLanes = 8;
#define INGOT_INT8_ROWS 6
#define INGOT_INT8_DEPTHWISE_BYTES nullptr
constexpr int kRows = INGOT_INT8_ROWS;
constexpr int kUnit = 4;
constexpr bool kWidens = false;

using I = std::int32_t __attribute__((vector_size(32)));
using U = std::uint32_t __attribute__((vector_size(32)));

inline __attribute__((always_inline)) I dot(I sum, I a, I b) {
  return reinterpret_cast<I>(_mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(sum), reinterpret_cast<__m256i>(a),
                                                     reinterpret_cast<__m256i>(b)));
}
inline __attribute__((always_inline)) I load_b(const std::int8_t* p) {
  return reinterpret_cast<I>(_mm256_load_si256(reinterpret_cast<const __m256i*>(p)));
}

#include "backends/cpu/kernels/int8_tile-inl.h"

}  // namespace

const Int8Kernels& int8_kernels_avx_vnni() {
  static constexpr Int8Kernels kTable = kKernels;
  return kTable;
}

}  // namespace ingot::cpu
HWY_POP_ATTRIBUTES
#endif
