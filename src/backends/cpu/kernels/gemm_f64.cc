// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gemm_f64.h"

#include <algorithm>

#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/gemm_f64.cc"
// foreach_target.h has to come first.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using V = hn::Vec<D>;

constexpr int kRows = 4;
constexpr int kVectors = 3;

std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(D())); }

std::int64_t panel_width() { return kVectors * lanes(); }

template <int kCount>
void tile(const MatrixF64& a, std::int64_t k, const double* panel, std::int64_t columns, double* c, std::int64_t ldc) {
  const D d;
  const std::int64_t step = lanes();
  V sums[kCount][kVectors];
  for (auto& row : sums)
    for (V& sum : row) sum = hn::Zero(d);
  for (std::int64_t i = 0; i < k; ++i, panel += kVectors * step) {
    V b[kVectors];
    for (int v = 0; v < kVectors; ++v) b[v] = hn::LoadU(d, panel + v * step);
    for (int r = 0; r < kCount; ++r) {
      const V x = hn::Set(d, a.data[r * a.row + i * a.column]);
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(x, b[v], sums[r][v]);
    }
  }
  if (columns == kVectors * step) {
    for (int r = 0; r < kCount; ++r)
      for (int v = 0; v < kVectors; ++v) hn::StoreU(sums[r][v], d, c + r * ldc + v * step);
    return;
  }
  double buffer[kVectors * HWY_MAX_BYTES / sizeof(double)];
  for (int r = 0; r < kCount; ++r) {
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sums[r][v], d, buffer + v * step);
    std::copy_n(buffer, columns, c + r * ldc);
  }
}

void product(const MatrixF64& a, std::int64_t m, std::int64_t k, const double* panel, std::int64_t columns, double* c,
             std::int64_t ldc) {
  std::int64_t row = 0;
  const auto at = [&] { return MatrixF64{a.data + row * a.row, a.row, a.column}; };
  for (; row + kRows <= m; row += kRows) tile<kRows>(at(), k, panel, columns, c + row * ldc, ldc);
  for (; row < m; ++row) tile<1>(at(), k, panel, columns, c + row * ldc, ldc);
}

}  // namespace

std::int64_t panel_width_target() { return panel_width(); }
void product_target(const MatrixF64& a, std::int64_t m, std::int64_t k, const double* panel, std::int64_t columns,
                    double* c, std::int64_t ldc) {
  product(a, m, k, panel, columns, c, ldc);
}

}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(panel_width_target);
HWY_EXPORT(product_target);

std::int64_t gemm_f64_panel() { return HWY_DYNAMIC_DISPATCH(panel_width_target)(); }

void pack_f64(const MatrixF64& b, std::int64_t k, std::int64_t n, std::int64_t first, double* panel) {
  const std::int64_t width = gemm_f64_panel();
  const std::int64_t columns = std::min(width, n - first);
  for (std::int64_t i = 0; i < k; ++i, panel += width) {
    const double* from = b.data + i * b.row + first * b.column;
    for (std::int64_t j = 0; j < columns; ++j) panel[j] = from[j * b.column];
    std::fill(panel + columns, panel + width, 0.0);
  }
}

void gemm_f64(const MatrixF64& a, std::int64_t m, std::int64_t k, const double* panel, std::int64_t columns, double* c,
              std::int64_t ldc) {
  HWY_DYNAMIC_DISPATCH(product_target)(a, m, k, panel, columns, c, ldc);
}

}  // namespace ingot::cpu
#endif
