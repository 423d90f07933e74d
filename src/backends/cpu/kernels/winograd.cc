// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/winograd.h"

#include <algorithm>

#include "backends/cpu/kernels/gemm_core.h"
#include "backends/cpu/kernels/gemm_rows.h"
#include "backends/cpu/kernels/pack.h"
#include "backends/cpu/kernels/winograd_transform.h"
#include "base/status.h"

namespace ingot::cpu {
namespace {

// What the transformed tiles of a block, their products included, may take of the second-level cache.
constexpr std::int64_t kBlockBytes = 640 << 10;
// Rows of a product: fewer make it wait for the weights, more do not help. A block has at least kMinBlockTiles, and
// threads get blocks of their own only when each has kMinOwnTiles.
constexpr std::int64_t kMinBlockTiles = 16;
constexpr std::int64_t kMinOwnTiles = 12;
constexpr std::int64_t kMaxBlockTiles = 4 * kMaxTileRows;
// Output channels of one round of products.
constexpr std::int64_t kMaxColumns = 64;

struct Plan {
  std::int64_t tile, alpha, points;
  std::int64_t tiles_h, tiles_w, tiles;  // of all images
  std::int64_t block_tiles, blocks;
  std::int64_t columns;  // of one round of products
  std::int64_t rounds;
  bool shared;  // all threads work on one block: transform it together, then share the output channels
  KSplit k;
  std::int64_t v_ld, v_pitch;  // transformed input [point][tile][channel]
  std::int64_t m_pitch;        // products [point][tile][column]

  Plan(const ConvShape& shape, int tile_size, int panel, int threads)
      : tile(tile_size),
        alpha(tile_size + 2),
        points(alpha * alpha),
        tiles_h(ceil_div(shape.out[1], tile)),
        tiles_w(ceil_div(shape.out[2], tile)),
        tiles(shape.batch * shape.out[0] * tiles_h * tiles_w),
        columns(std::min(round_up(shape.out_channels, panel), std::max<std::int64_t>(panel, kMaxColumns))),
        k(1, shape.in_channels, kBlockK),
        v_ld(round_up(shape.in_channels, 16)) {
    if (stride_conflicts(4 * v_ld)) v_ld += 16;
    const std::int64_t tile_bytes = points * (v_ld + columns) * 4;
    const std::int64_t fit = std::clamp<std::int64_t>(kBlockBytes / tile_bytes, kMinBlockTiles, kMaxBlockTiles);
    const std::int64_t balanced = round_up(ceil_div(tiles, fit), threads);
    shared = threads > 1 && tiles < balanced * kMinOwnTiles;
    blocks = std::max<std::int64_t>(1, shared ? ceil_div(tiles, kMaxBlockTiles) : balanced);
    block_tiles = std::max<std::int64_t>(1, ceil_div(tiles, blocks));
    // A round of one panel keeps more threads busy when they share the output channels.
    if (shared) columns = panel;
    rounds = ceil_div(shape.out_channels, columns);
    // Odd multiples of a cache line between points, lest all of them fall on the same sets.
    v_pitch = block_tiles * v_ld + 16;
    m_pitch = block_tiles * columns + 16;
  }

  [[nodiscard]] std::size_t v_bytes() const { return static_cast<std::size_t>(points * v_pitch) * sizeof(float); }
  [[nodiscard]] std::size_t m_bytes() const { return static_cast<std::size_t>(points * m_pitch) * sizeof(float); }
  [[nodiscard]] std::size_t thread_bytes() const {
    return m_bytes() + core_thread_scratch_bytes(k, 0) + (shared ? 0 : v_bytes());
  }
};

std::size_t zeros_bytes(const ConvShape& shape) {
  return static_cast<std::size_t>(round_up(shape.in_channels, 16)) * sizeof(float);
}

struct Call {
  const ConvShape& shape;
  const Plan& plan;
  const float* in;
  std::int64_t in_ld;
  const float* packed;
  int panel;
  float* out;
  std::int64_t out_ld;
  const Epilogue& epilogue;
  const float* zeros;
  WinogradKernels kernels;

  // Image, line and column of a tile's first output pixel.
  struct Place {
    std::int64_t image, h, w;
  };
  [[nodiscard]] Place place(std::int64_t tile) const {
    return {tile / (plan.tiles_h * plan.tiles_w), tile / plan.tiles_w % plan.tiles_h * plan.tile,
            tile % plan.tiles_w * plan.tile};
  }

  void transform(std::int64_t tile, float* v) const {
    const auto [image, out_h, out_w] = place(tile);
    const float* base = in + image * shape.in[1] * shape.in[2] * in_ld;
    const float* pixels[kMaxWinogradAlpha * kMaxWinogradAlpha];
    const float** pixel = pixels;
    for (std::int64_t y = 0; y < plan.alpha; ++y) {
      const std::int64_t h = out_h - shape.pad_begin[1] + y;
      for (std::int64_t x = 0; x < plan.alpha; ++x) {
        const std::int64_t w = out_w - shape.pad_begin[2] + x;
        const bool inside = h >= 0 && h < shape.in[1] && w >= 0 && w < shape.in[2];
        *pixel++ = inside ? base + (h * shape.in[2] + w) * in_ld : zeros;
      }
    }
    kernels.input(pixels, shape.in_channels, v, plan.v_pitch);
  }

  // Output channels of one round for `count` tiles from `first`, whose transformed input is v.
  void multiply(std::int64_t first, std::int64_t count, std::int64_t round, const float* v, std::byte* scratch) const {
    auto* m = reinterpret_cast<float*>(scratch);
    std::byte* core_scratch = scratch + plan.m_bytes();
    const std::int64_t begin = round * plan.columns;
    const std::int64_t end = std::min(shape.out_channels, begin + plan.columns);
    const std::int64_t weights_pitch = round_up(shape.out_channels, panel) * shape.in_channels;
    for (std::int64_t point = 0; point < plan.points; ++point) {
      const MatrixRows rows(StridedMatrix<float>{v + point * plan.v_pitch, plan.v_ld}, plan.k, false);
      // Columns up to the panel's end: the output transform reads whole vectors.
      const CoreArgs args{count,
                          round_up(end, panel),
                          plan.k,
                          &rows,
                          packed + point * weights_pitch,
                          panel,
                          m + point * plan.m_pitch - begin,
                          plan.columns,
                          0,
                          0};
      core_block(args, {}, 0, count, begin, args.n, core_scratch);
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const auto [image, h, w] = place(first + i);
      WinogradOutput tile;
      tile.products = m + i * plan.columns;
      tile.pitch = plan.m_pitch;
      tile.columns = end - begin;
      tile.row_index = (image * shape.out[1] + h) * shape.out[2] + w;
      tile.rows_per_line = shape.out[2];
      tile.out = out + tile.row_index * out_ld + begin;
      tile.out_ld = out_ld;
      tile.out_line = shape.out[2] * out_ld;
      tile.height = static_cast<int>(std::min(plan.tile, shape.out[1] - h));
      tile.width = static_cast<int>(std::min(plan.tile, shape.out[2] - w));
      tile.col_index = begin;
      kernels.output(tile, epilogue);
      if (epilogue.row_fn == nullptr) continue;
      for (int y = 0; y < tile.height; ++y)
        epilogue.row_fn(epilogue.row_ctx, {tile.out + y * tile.out_line, tile.width, out_ld, tile.columns,
                                           tile.row_index + y * shape.out[2], begin});
    }
  }
};

// Weight transform of one axis: G[point] applied to three taps.
double transformed(const double* taps, std::int64_t tile, std::int64_t point) {
  if (tile == 2) {
    if (point == 0) return taps[0];
    if (point == 3) return taps[2];
    return (taps[0] + (point == 1 ? taps[1] : -taps[1]) + taps[2]) / 2;
  }
  if (point == 5) return taps[2];
  if (point == 0) return taps[0] / (kWinogradA * kWinogradA * kWinogradB * kWinogradB);
  const double p = point < 3 ? kWinogradA : kWinogradB;
  const double q = point < 3 ? kWinogradB : kWinogradA;
  const double x = point % 2 == 1 ? p : -p;
  return (taps[0] + x * taps[1] + x * x * taps[2]) / (2 * p * p * (p * p - q * q));
}

}  // namespace

bool winograd_supports(const ConvShape& shape) {
  return shape.groups == 1 && shape.kernel == std::array<std::int64_t, 3>{1, 3, 3} &&
         shape.stride == std::array<std::int64_t, 3>{1, 1, 1} && shape.dilation[1] == 1 && shape.dilation[2] == 1 &&
         shape.in[0] == shape.out[0] && shape.pad_begin[0] == 0;
}

std::size_t winograd_packed_bytes(const ConvShape& shape, int tile, int panel) {
  return static_cast<std::size_t>((tile + 2) * (tile + 2)) *
         packed_b_bytes(shape.in_channels, shape.out_channels, panel);
}

void winograd_pack(const ConvShape& shape, const float* weights, int tile, int panel, float* packed) {
  const std::int64_t alpha = tile + 2;
  const std::int64_t padded = round_up(shape.out_channels, panel);
  const std::int64_t pitch = padded * shape.in_channels;
  for (std::int64_t o = 0; o < padded; ++o) {
    for (std::int64_t c = 0; c < shape.in_channels; ++c) {
      double taps[3][3] = {};
      if (o < shape.out_channels)
        for (int i = 0; i < 9; ++i)
          taps[i / 3][i % 3] = static_cast<double>(weights[(o * shape.in_channels + c) * 9 + i]);
      float* to = packed + (o / panel * shape.in_channels + c) * panel + o % panel;
      for (std::int64_t y = 0; y < alpha; ++y) {
        double line[3];
        for (int x = 0; x < 3; ++x) {
          const double column[3] = {taps[0][x], taps[1][x], taps[2][x]};
          line[x] = transformed(column, tile, y);
        }
        for (std::int64_t x = 0; x < alpha; ++x)
          to[(y * alpha + x) * pitch] = static_cast<float>(transformed(line, tile, x));
      }
    }
  }
}

std::size_t winograd_scratch_bytes(const ConvShape& shape, int tile, int panel, int threads) {
  const Plan plan(shape, tile, panel, threads);
  return zeros_bytes(shape) + (plan.shared ? plan.v_bytes() : 0) +
         static_cast<std::size_t>(threads) * plan.thread_bytes();
}

void winograd(const ConvShape& shape, const float* in, std::int64_t in_ld, const float* packed, int tile, int panel,
              float* out, std::int64_t out_ld, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
  INGOT_CHECK(tile == 2 || tile == 4, "no Winograd transform for tiles of {}", tile);
  const Plan plan(shape, tile, panel, parallel.threads());
  auto* zeros = reinterpret_cast<float*>(scratch);
  std::fill(zeros, zeros + zeros_bytes(shape) / sizeof(float), 0.F);
  scratch += zeros_bytes(shape);
  const Call call{shape, plan, in, in_ld, packed, panel, out, out_ld, epilogue, zeros, winograd_kernels(panel, tile)};

  if (!plan.shared) {
    parallel.run(plan.blocks, [&](std::int64_t block, int thread) {
      const std::int64_t first = block * plan.tiles / plan.blocks;
      const std::int64_t count = (block + 1) * plan.tiles / plan.blocks - first;
      std::byte* mine = scratch + static_cast<std::size_t>(thread) * plan.thread_bytes();
      auto* v = reinterpret_cast<float*>(mine);
      for (std::int64_t i = 0; i < count; ++i) call.transform(first + i, v + i * plan.v_ld);
      for (std::int64_t round = 0; round < plan.rounds; ++round)
        call.multiply(first, count, round, v, mine + plan.v_bytes());
    });
    return;
  }
  auto* v = reinterpret_cast<float*>(scratch);
  scratch += plan.v_bytes();
  for (std::int64_t block = 0; block < plan.blocks; ++block) {
    const std::int64_t first = block * plan.tiles / plan.blocks;
    const std::int64_t count = (block + 1) * plan.tiles / plan.blocks - first;
    parallel.run(count, [&](std::int64_t i, int) { call.transform(first + i, v + i * plan.v_ld); });
    parallel.run(plan.rounds, [&](std::int64_t round, int thread) {
      call.multiply(first, count, round, v, scratch + static_cast<std::size_t>(thread) * plan.thread_bytes());
    });
  }
}

}  // namespace ingot::cpu
