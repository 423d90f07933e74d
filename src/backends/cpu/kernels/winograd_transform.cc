// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/winograd_transform.h"

#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/winograd_transform.cc"
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

HWY_INLINE V constant(double x) { return hn::Set(D(), static_cast<float>(x)); }

constexpr double kA = kWinogradA;
constexpr double kB = kWinogradB;

// One-dimensional transforms; `to` may not be `from`.
template <int Tile>
struct Transform;

template <>
struct Transform<2> {
  static HWY_INLINE void input(const V* from, V* to) {
    to[0] = hn::Sub(from[0], from[2]);
    to[1] = hn::Add(from[2], from[1]);
    to[2] = hn::Sub(from[2], from[1]);
    to[3] = hn::Sub(from[3], from[1]);
  }
  static HWY_INLINE void output(const V* from, V* to) {
    to[0] = hn::Add(from[0], hn::Add(from[1], from[2]));
    to[1] = hn::Add(from[3], hn::Sub(from[1], from[2]));
  }
};

template <>
struct Transform<4> {
  static HWY_INLINE void input(const V* from, V* to) {
    const V sum = constant(kA * kA + kB * kB);
    const V product = constant(kA * kA * kB * kB);
    to[0] = hn::MulAdd(product, from[0], hn::NegMulAdd(sum, from[2], from[4]));
    to[5] = hn::MulAdd(product, from[1], hn::NegMulAdd(sum, from[3], from[5]));
    pair(kA, kB, from, to + 1);
    pair(kB, kA, from, to + 3);
  }
  static HWY_INLINE void output(const V* from, V* to) {
    const V sum_a = hn::Add(from[1], from[2]);
    const V sum_b = hn::Add(from[3], from[4]);
    const V difference_a = hn::Sub(from[1], from[2]);
    const V difference_b = hn::Sub(from[3], from[4]);
    to[0] = hn::Add(from[0], hn::Add(sum_a, sum_b));
    to[1] = hn::MulAdd(constant(kA), difference_a, hn::Mul(constant(kB), difference_b));
    to[2] = hn::MulAdd(constant(kA * kA), sum_a, hn::Mul(constant(kB * kB), sum_b));
    to[3] = hn::MulAdd(constant(kA * kA * kA), difference_a, hn::MulAdd(constant(kB * kB * kB), difference_b, from[5]));
  }

 private:
  // The values at +p and -p; q is the other pair's point.
  static HWY_INLINE void pair(double p, double q, const V* from, V* to) {
    const V even = hn::NegMulAdd(constant(q * q), from[2], from[4]);
    const V odd = hn::Mul(constant(p), hn::NegMulAdd(constant(q * q), from[1], from[3]));
    to[0] = hn::Add(even, odd);
    to[1] = hn::Sub(even, odd);
  }
};

template <int Tile, bool Tail>
HWY_INLINE void input_vector(const float* const* pixels, std::int64_t c, std::int64_t channels, float* out,
                             std::int64_t pitch) {
  constexpr int kAlpha = Tile + 2;
  const D d;
  const auto mask = hn::FirstN(d, static_cast<std::size_t>(channels - c));
  V half[kAlpha][kAlpha];  // [column][transformed row]
#pragma GCC unroll 8
  for (int x = 0; x < kAlpha; ++x) {
    V column[kAlpha];
#pragma GCC unroll 8
    for (int y = 0; y < kAlpha; ++y) {
      const float* p = pixels[y * kAlpha + x] + c;
      column[y] = Tail ? hn::MaskedLoad(mask, d, p) : hn::LoadU(d, p);
    }
    Transform<Tile>::input(column, half[x]);
  }
#pragma GCC unroll 8
  for (int y = 0; y < kAlpha; ++y) {
    V line[kAlpha];
    V done[kAlpha];
#pragma GCC unroll 8
    for (int x = 0; x < kAlpha; ++x) line[x] = half[x][y];
    Transform<Tile>::input(line, done);
#pragma GCC unroll 8
    for (int x = 0; x < kAlpha; ++x) hn::StoreU(done[x], d, out + (y * kAlpha + x) * pitch + c);
  }
}

template <int Tile>
void input_tile(const float* const* pixels, std::int64_t channels, float* out, std::int64_t pitch) {
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) input_vector<Tile, false>(pixels, c, channels, out, pitch);
  if (c < channels) input_vector<Tile, true>(pixels, c, channels, out, pitch);
}

template <int Tile, bool Tail>
HWY_INLINE void output_vector(const WinogradOutput& t, const Epilogue& e, std::int64_t c) {
  constexpr int kAlpha = Tile + 2;
  const D d;
  const auto mask = hn::FirstN(d, static_cast<std::size_t>(t.columns - c));
  const auto load = [&](const float* p) HWY_ATTR { return Tail ? hn::MaskedLoad(mask, d, p) : hn::LoadU(d, p); };
  V half[kAlpha][Tile];  // [column][row]
#pragma GCC unroll 8
  for (int x = 0; x < kAlpha; ++x) {
    V column[kAlpha];
#pragma GCC unroll 8
    for (int y = 0; y < kAlpha; ++y) column[y] = hn::LoadU(d, t.products + (y * kAlpha + x) * t.pitch + c);
    Transform<Tile>::output(column, half[x]);
  }
  V result[Tile][Tile];
#pragma GCC unroll 4
  for (int y = 0; y < Tile; ++y) {
    V line[kAlpha];
#pragma GCC unroll 8
    for (int x = 0; x < kAlpha; ++x) line[x] = half[x][y];
    Transform<Tile>::output(line, result[y]);
  }
  const V bias = e.bias != nullptr ? load(e.bias + t.col_index + c) : hn::Zero(d);
  for (int y = 0; y < t.height; ++y) {
    for (int x = 0; x < t.width; ++x) {
      V v = hn::Add(result[y][x], bias);
      const std::int64_t row = t.row_index + y * t.rows_per_line + x;
      if (e.row_bias != nullptr) v = hn::Add(v, hn::Set(d, e.row_bias[row]));
      if (e.residual != nullptr) v = hn::Add(v, load(e.residual + row * e.residual_stride + t.col_index + c));
      v = at_most(d, at_least(d, v, e.clamp_min), e.clamp_max);
      float* out = t.out + y * t.out_line + x * t.out_ld + c;
      if (Tail) {
        hn::BlendedStore(v, mask, d, out);
      } else {
        hn::StoreU(v, d, out);
      }
    }
  }
}

template <int Tile>
void output_tile(const WinogradOutput& t, const Epilogue& e) {
  std::int64_t c = 0;
  for (; c + kLanes <= t.columns; c += kLanes) output_vector<Tile, false>(t, e, c);
  if (c < t.columns) output_vector<Tile, true>(t, e, c);
}

}  // namespace

WinogradKernels winograd_kernels_of_target(int tile) {
  if (tile == 4) return {input_tile<4>, output_tile<4>};
  return {input_tile<2>, output_tile<2>};
}

}  // namespace HWY_NAMESPACE
}  // namespace ingot::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/kernels/simd_select.h"

namespace ingot::cpu {

WinogradKernels winograd_kernels(int panel, int tile) {
  return INGOT_SIMD_SELECT(winograd_kernels_of_target, panel)(tile);
}

}  // namespace ingot::cpu
#endif
