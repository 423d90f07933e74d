// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/depthwise_block.h"

#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/depthwise_block.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include "backends/cpu/kernels/simd_clamp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr std::int64_t kLanes = HWY_MAX_BYTES / static_cast<std::int64_t>(sizeof(float));

template <bool Tail>
struct Channels {
  D d;
  hn::Mask<D> mask;
  explicit Channels(std::int64_t count) : mask(hn::FirstN(d, static_cast<std::size_t>(count))) {}
  HWY_INLINE V load(const float* p) const { return Tail ? hn::MaskedLoad(mask, d, p) : hn::LoadU(d, p); }
  HWY_INLINE void store(V v, float* p) const {
    if (Tail) {
      hn::BlendedStore(v, mask, d, p);
    } else {
      hn::StoreU(v, d, p);
    }
  }
};

// One vector of channels of a block of W pixels. KW == 0: any window, W is 1.
template <int KW, int S, int W, bool Tail>
HWY_INLINE void vector_of_channels(const DepthwiseBlock& b, const Epilogue& e, std::int64_t c,
                                   const Channels<Tail>& lanes) {
  const D d;
  V acc[W];
  const V bias = e.bias != nullptr ? lanes.load(e.bias + b.col_index + c) : hn::Zero(d);
  for (int j = 0; j < W; ++j) acc[j] = bias;
  if (e.row_bias != nullptr)
    for (int j = 0; j < W; ++j) acc[j] = hn::Add(acc[j], hn::Set(d, e.row_bias[b.row_index + j]));
  if (e.residual != nullptr) {
    const float* residual = e.residual + b.row_index * e.residual_stride + b.col_index + c;
    for (int j = 0; j < W; ++j, residual += e.residual_stride) acc[j] = hn::Add(acc[j], lanes.load(residual));
  }

  const float* const* pixels = b.pixels;
  for (std::int64_t line = 0; line < b.lines; ++line, pixels += b.columns) {
    const float* weights = b.weights[line] + c;
    if constexpr (KW == 0) {
      for (std::int64_t x = 0; x < b.kernel_w; ++x)
        acc[0] = hn::MulAdd(hn::LoadU(d, weights + x * b.weight_pitch), lanes.load(pixels[x] + c), acc[0]);
    } else {
      V w[KW];
#pragma GCC unroll 8
      for (int x = 0; x < KW; ++x) w[x] = hn::LoadU(d, weights + x * b.weight_pitch);
        // Each input pixel is loaded once and used by every window of the block that holds it.
#pragma GCC unroll 32
      for (int x = 0; x < (W - 1) * S + KW; ++x) {
        const V v = lanes.load(pixels[x] + c);
#pragma GCC unroll 8
        for (int j = 0; j < W; ++j)
          if (x - j * S >= 0 && x - j * S < KW) acc[j] = hn::MulAdd(w[x - j * S], v, acc[j]);
      }
    }
  }

  if (e.clamps_low())
    for (int j = 0; j < W; ++j) acc[j] = at_least(d, acc[j], e.clamp_min);
  if (e.clamps_high())
    for (int j = 0; j < W; ++j) acc[j] = at_most(d, acc[j], e.clamp_max);
  for (int j = 0; j < W; ++j) lanes.store(acc[j], b.out + j * b.out_ld + c);
}

template <int KW, int S, int W>
void block_kernel(const DepthwiseBlock& b, const Epilogue& e) {
  std::int64_t c = 0;
  const Channels<false> whole(kLanes);
  for (; c + kLanes <= b.channels; c += kLanes) vector_of_channels<KW, S, W>(b, e, c, whole);
  if (c < b.channels) vector_of_channels<KW, S, W>(b, e, c, Channels<true>(b.channels - c));
}

struct Row {
  int kernel_w, stride_w, width;
  DepthwiseFn fn;
};
#define INGOT_DEPTHWISE(kw, s) \
  {kw, s, 7, block_kernel<kw, s, 7>}, { kw, s, 3, block_kernel<kw, s, 3> }
constexpr Row kRows[] = {INGOT_DEPTHWISE(3, 1), INGOT_DEPTHWISE(3, 2), INGOT_DEPTHWISE(5, 1),
                         INGOT_DEPTHWISE(5, 2), INGOT_DEPTHWISE(7, 1), INGOT_DEPTHWISE(7, 2)};
#undef INGOT_DEPTHWISE

}  // namespace

DepthwiseFn depthwise_kernel_of_target(std::int64_t kernel_w, std::int64_t stride_w, std::int64_t width) {
  for (const Row& row : kRows)
    if (row.kernel_w == kernel_w && row.stride_w == stride_w && row.width == width) return row.fn;
  return width == 1 ? block_kernel<0, 1, 1> : nullptr;
}

}  // namespace HWY_NAMESPACE
}  // namespace ingot::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/kernels/simd_select.h"

namespace ingot::cpu {

DepthwiseFn depthwise_kernel(int panel, std::int64_t kernel_w, std::int64_t stride_w, std::int64_t dilation_w,
                             std::int64_t width) {
  if (dilation_w != 1 && width != 1) return nullptr;
  return INGOT_SIMD_SELECT(depthwise_kernel_of_target, panel)(kernel_w, stride_w, width);
}

}  // namespace ingot::cpu
#endif
