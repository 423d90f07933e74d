// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/transpose.h"

#include <algorithm>

#include "backends/cpu/kernels/task_split.h"

namespace ingot::cpu {
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
    case 4: return run(std::uint32_t{});
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
