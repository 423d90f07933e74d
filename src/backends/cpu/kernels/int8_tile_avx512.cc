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
#define INGOT_INT8_DEPTHWISE_BYTES depthwise_bytes
constexpr int kRows = INGOT_INT8_ROWS;
constexpr int kUnit = 4;
constexpr bool kWidens = false;

using I = std::int32_t __attribute__((vector_size(64)));
using U = std::uint32_t __attribute__((vector_size(64)));

inline __attribute__((always_inline)) I dot(I sum, I a, I b) {
  return reinterpret_cast<I>(
      _mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}
inline __attribute__((always_inline)) I load_b(const std::int8_t* p) {
  return reinterpret_cast<I>(_mm512_load_si512(p));
}

// Four taps of 64 channels meet by interleaving their bytes, so that one instruction adds four products per channel.
template <bool Signed>
void depthwise_bytes_as(const Int8DepthwiseTile& t) {
  const __mmask64 mask = t.cols >= 64 ? ~__mmask64{0} : (__mmask64{1} << t.cols) - 1;
  const __m512i flip = _mm512_set1_epi8(Signed ? -128 : 0);
  for (int row = 0; row < t.rows; ++row) {
    __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    const auto* w = static_cast<const std::int8_t*>(t.weights);
    for (std::int64_t tap = 0; tap < t.taps; tap += 4, w += 256) {
      __m512i x[4];
#pragma GCC unroll 4
      for (int e = 0; e < 4; ++e) {
        // A tap too many has weights of zero.
        const std::int64_t at = tap + e < t.taps ? tap + e : tap;
        x[e] = _mm512_maskz_loadu_epi8(mask, t.a[at * kMaxTileRows + row] + t.a_offset);
        if (Signed) x[e] = _mm512_xor_si512(x[e], flip);
      }
      const __m512i low01 = _mm512_unpacklo_epi8(x[0], x[1]);
      const __m512i high01 = _mm512_unpackhi_epi8(x[0], x[1]);
      const __m512i low23 = _mm512_unpacklo_epi8(x[2], x[3]);
      const __m512i high23 = _mm512_unpackhi_epi8(x[2], x[3]);
      sum[0] = _mm512_dpbusd_epi32(sum[0], _mm512_unpacklo_epi16(low01, low23), _mm512_load_si512(w));
      sum[1] = _mm512_dpbusd_epi32(sum[1], _mm512_unpackhi_epi16(low01, low23), _mm512_load_si512(w + 64));
      sum[2] = _mm512_dpbusd_epi32(sum[2], _mm512_unpacklo_epi16(high01, high23), _mm512_load_si512(w + 128));
      sum[3] = _mm512_dpbusd_epi32(sum[3], _mm512_unpackhi_epi16(high01, high23), _mm512_load_si512(w + 192));
    }
    // Quarter l of vector j holds channels 16 * l + 4 * j.
    std::int32_t* out = t.sums + row * kDepthwisePanel;
    const __m512i a = _mm512_shuffle_i32x4(sum[0], sum[1], 0x44);
    const __m512i b = _mm512_shuffle_i32x4(sum[2], sum[3], 0x44);
    const __m512i c = _mm512_shuffle_i32x4(sum[0], sum[1], 0xEE);
    const __m512i d = _mm512_shuffle_i32x4(sum[2], sum[3], 0xEE);
    _mm512_store_si512(out, _mm512_shuffle_i32x4(a, b, 0x88));
    _mm512_store_si512(out + 16, _mm512_shuffle_i32x4(a, b, 0xDD));
    _mm512_store_si512(out + 32, _mm512_shuffle_i32x4(c, d, 0x88));
    _mm512_store_si512(out + 48, _mm512_shuffle_i32x4(c, d, 0xDD));
  }
}
void depthwise_bytes(const Int8DepthwiseTile& t) {
  if (t.a_signed)
    depthwise_bytes_as<true>(t);
  else
    depthwise_bytes_as<false>(t);
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
