// SPDX-License-Identifier: Apache-2.0
// Integer tiles of 128-bit vectors for any machine.
#include "backends/cpu/kernels/int8_targets.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ingot::cpu {
namespace {

constexpr std::string_view kName = "portable";
constexpr int kLanes = 4;
#define INGOT_INT8_ROWS 6
#define INGOT_INT8_DEPTHWISE_BYTES nullptr
constexpr int kRows = INGOT_INT8_ROWS;
constexpr int kUnit = 2;
constexpr bool kWidens = true;

using I = std::int32_t __attribute__((vector_size(16)));
using U = std::uint32_t __attribute__((vector_size(16)));
using Pairs = std::int16_t __attribute__((vector_size(16)));

inline __attribute__((always_inline)) I dot(I sum, I a, I b) {
#if defined(__SSE2__)
  return sum + reinterpret_cast<I>(_mm_madd_epi16(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  // The halves of each lane, sign-extended.
  return sum + ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}
inline __attribute__((always_inline)) I load_b(const std::int8_t* p) {
  std::int8_t __attribute__((vector_size(8))) bytes;
  __builtin_memcpy(&bytes, p, sizeof(bytes));
  return reinterpret_cast<I>(__builtin_convertvector(bytes, Pairs));
}

#include "backends/cpu/kernels/int8_tile-inl.h"

}  // namespace

const Int8Kernels& int8_kernels_portable() {
  static constexpr Int8Kernels kTable = kKernels;
  return kTable;
}

}  // namespace ingot::cpu
