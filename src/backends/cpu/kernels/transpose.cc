// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/transpose.h"

#include <algorithm>

#include "backends/cpu/kernels/simd_targets.h"
#include "backends/cpu/kernels/task_split.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/transpose.cc"
// foreach_target.h has to come first.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int64_t kRows = HWY_MAX_BYTES / static_cast<std::int64_t>(sizeof(std::uint32_t));
using D = hn::FixedTag<std::uint32_t, HWY_MAX_BYTES / sizeof(std::uint32_t)>;
using V = hn::Vec<D>;

// Four columns of the rows at `in`, `in + step`, ...: as many as a vector has blocks of four elements.
HWY_INLINE V load_rows(const std::uint32_t* in, [[maybe_unused]] std::int64_t step) {
  const hn::FixedTag<std::uint32_t, 4> d4;
#if HWY_MAX_BYTES == 64
  const hn::Half<D> half;
  return hn::Combine(D(), hn::Combine(half, hn::LoadU(d4, in + 3 * step), hn::LoadU(d4, in + 2 * step)),
                     hn::Combine(half, hn::LoadU(d4, in + step), hn::LoadU(d4, in)));
#elif HWY_MAX_BYTES == 32
  return hn::Combine(D(), hn::LoadU(d4, in + step), hn::LoadU(d4, in));
#else
  return hn::LoadU(d4, in);
#endif
}

// kRows rows by four columns. Each store is of whole vectors, with AVX-512 of whole cache lines: where strides are
// powers of two, lines that are written in parts would be driven out of the cache between them.
HWY_INLINE void transpose_strip(const std::uint32_t* in, std::int64_t in_stride, std::uint32_t* out,
                                std::int64_t out_stride) {
  const D d;
  const hn::RepartitionToWide<D> wide;
  const V a = load_rows(in, 4 * in_stride);
  const V b = load_rows(in + in_stride, 4 * in_stride);
  const V c = load_rows(in + 2 * in_stride, 4 * in_stride);
  const V e = load_rows(in + 3 * in_stride, 4 * in_stride);
  const auto ab_low = hn::BitCast(wide, hn::InterleaveLower(d, a, b));
  const auto ab_high = hn::BitCast(wide, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(wide, hn::InterleaveLower(d, c, e));
  const auto ce_high = hn::BitCast(wide, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, ab_low, ce_low)), d, out);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, ab_low, ce_low)), d, out + out_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, ab_high, ce_high)), d, out + 2 * out_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, ab_high, ce_high)), d, out + 3 * out_stride);
}

}  // namespace

void transpose_words(const std::uint32_t* in, std::int64_t in_stride, std::int64_t rows, std::int64_t cols,
                     std::uint32_t* out, std::int64_t out_stride) {
  std::int64_t r = 0;
  for (; r + kRows <= rows; r += kRows) {
    std::int64_t c = 0;
    for (; c + 4 <= cols; c += 4)
      transpose_strip(in + r * in_stride + c, in_stride, out + c * out_stride + r, out_stride);
    for (; c < cols; ++c)
      for (std::int64_t i = 0; i < kRows; ++i) out[c * out_stride + r + i] = in[(r + i) * in_stride + c];
  }
  for (; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) out[c * out_stride + r] = in[r * in_stride + c];
}

}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(transpose_words);

namespace {

// Small squares so that both sides' cache lines are used whole while they are there; the fixed size lets the compiler
// keep a square in vector registers.
template <typename T>
void transpose_typed(const T* in, std::int64_t in_stride, std::int64_t rows, std::int64_t cols, T* out,
                     std::int64_t out_stride) {
  constexpr std::int64_t kSquare = 8;
  std::int64_t r = 0;
  for (; r + kSquare <= rows; r += kSquare) {
    std::int64_t c = 0;
    for (; c + kSquare <= cols; c += kSquare) {
      T square[kSquare][kSquare];
      for (std::int64_t i = 0; i < kSquare; ++i)
        for (std::int64_t j = 0; j < kSquare; ++j) square[j][i] = in[(r + i) * in_stride + c + j];
      for (std::int64_t j = 0; j < kSquare; ++j)
        for (std::int64_t i = 0; i < kSquare; ++i) out[(c + j) * out_stride + r + i] = square[j][i];
    }
    for (; c < cols; ++c)
      for (std::int64_t i = 0; i < kSquare; ++i) out[c * out_stride + r + i] = in[(r + i) * in_stride + c];
  }
  for (; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) out[c * out_stride + r] = in[r * in_stride + c];
}

}  // namespace

void transpose_block(const std::byte* in, std::int64_t in_stride, std::size_t element_bytes, std::int64_t rows,
                     std::int64_t cols, std::byte* out, std::int64_t out_stride) {
  const auto run = [&]<typename T>(T) {
    transpose_typed(reinterpret_cast<const T*>(in), in_stride, rows, cols, reinterpret_cast<T*>(out), out_stride);
  };
  switch (element_bytes) {
    case 1: return run(std::uint8_t{});
    case 2: return run(std::uint16_t{});
    case 4:
      HWY_DYNAMIC_DISPATCH(transpose_words)
      (reinterpret_cast<const std::uint32_t*>(in), in_stride, rows, cols, reinterpret_cast<std::uint32_t*>(out),
       out_stride);
      return;
    default: return run(std::uint64_t{});
  }
}

void transpose_matrices(const void* in, std::size_t element_bytes, std::int64_t batch, std::int64_t rows,
                        std::int64_t cols, void* out, Parallel& parallel) {
  constexpr std::int64_t kTile = 64;
  const std::int64_t row_tiles = ceil_div(rows, kTile);
  const std::int64_t col_tiles = ceil_div(cols, kTile);
  const TaskSplit split(batch * row_tiles * col_tiles, batch * rows * cols * 2, parallel.threads());
  parallel.run(split.tasks(), [&](std::int64_t task, int) {
    for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
      const std::int64_t b = unit / (row_tiles * col_tiles);
      const std::int64_t r = unit / col_tiles % row_tiles * kTile;
      const std::int64_t c = unit % col_tiles * kTile;
      const std::int64_t from = (b * rows + r) * cols + c;
      const std::int64_t to = (b * cols + c) * rows + r;
      transpose_block(static_cast<const std::byte*>(in) + static_cast<std::size_t>(from) * element_bytes, cols,
                      element_bytes, std::min(kTile, rows - r), std::min(kTile, cols - c),
                      static_cast<std::byte*>(out) + static_cast<std::size_t>(to) * element_bytes, rows);
    }
  });
}

}  // namespace ingot::cpu
#endif
