// SPDX-License-Identifier: Apache-2.0
// Integer tiles for AVX-512 with VNNI.
#include "backends/cpu/kernels/int8_targets.h"

#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")
namespace ingot::cpu {
namespace {

constexpr std::string_view kName = "vnni512";
constexpr int kLanes = 16;
// Not more: the row pointers take all integer registers.
#define INGOT_INT8_ROWS 12
constexpr int kRows = INGOT_INT8_ROWS;
constexpr int kUnit = 4;
constexpr bool kWidens = false;

using I = std::int32_t __attribute__((vector_size(64)));
using U = std::uint32_t __attribute__((vector_size(64)));

inline __attribute__((always_inline)) I dot(I sum, I a, I b) {
  return reinterpret_cast<I>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(a),
                                                 reinterpret_cast<__m512i>(b)));
}
inline __attribute__((always_inline)) I load_b(const std::int8_t* p) {
  return reinterpret_cast<I>(_mm512_load_si512(p));
}

#include "backends/cpu/kernels/int8_tile-inl.h"

}  // namespace

const Int8Kernels& int8_kernels_avx512() {
  static constexpr Int8Kernels kTable = kKernels;
  return kTable;
}

}  // namespace ingot::cpu
HWY_POP_ATTRIBUTES
#endif
