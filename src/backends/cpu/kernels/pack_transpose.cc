// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pack_transpose.h"

#include "backends/cpu/kernels/isa.h"
#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/pack_transpose.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::FixedTag<float, 4>;
using V = hn::Vec<D>;

HWY_INLINE void transpose_4x4(const float* in, std::int64_t in_ld, float* out, std::int64_t out_ld) {
  const D d;
  const hn::RepartitionToWide<D> wide;
  const V a = hn::LoadU(d, in);
  const V b = hn::LoadU(d, in + in_ld);
  const V c = hn::LoadU(d, in + 2 * in_ld);
  const V e = hn::LoadU(d, in + 3 * in_ld);
  const auto ab_low = hn::BitCast(wide, hn::InterleaveLower(d, a, b));
  const auto ab_high = hn::BitCast(wide, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(wide, hn::InterleaveLower(d, c, e));
  const auto ce_high = hn::BitCast(wide, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, ab_low, ce_low)), d, out);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, ab_low, ce_low)), d, out + out_ld);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, ab_high, ce_high)), d, out + 2 * out_ld);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, ab_high, ce_high)), d, out + 3 * out_ld);
}

}  // namespace

void transpose_of_target(std::int64_t rows, std::int64_t cols, const float* in, std::int64_t in_ld, float* out,
                         std::int64_t out_ld) {
  std::int64_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    float* to = out + row * out_ld;
    std::int64_t col = 0;
    for (; col + 4 <= cols; col += 4) transpose_4x4(in + col * in_ld + row, in_ld, to + col, out_ld);
    for (; col < cols; ++col)
      for (std::int64_t i = 0; i < 4; ++i) to[i * out_ld + col] = in[col * in_ld + row + i];
  }
  for (; row < rows; ++row)
    for (std::int64_t col = 0; col < cols; ++col) out[row * out_ld + col] = in[col * in_ld + row];
}

}  // namespace HWY_NAMESPACE
}  // namespace ingot::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/kernels/simd_select.h"

namespace ingot::cpu {

TransposeFn transpose_kernel(int panel) {
  return INGOT_SIMD_SELECT(transpose_of_target, panel_supported(panel) ? panel : best_panel());
}

}  // namespace ingot::cpu
#endif
