// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gemm_core.h"

#include <algorithm>

#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {
namespace {

// Multiply-adds below which a task is not worth handing out (about 10 us).
constexpr std::int64_t kMinTaskWork = 512 << 10;
constexpr std::int64_t kMinTaskColumns = 128;

std::int64_t table_entries(const KSplit& k) { return round_up(k.max_block_taps() * kMaxTileRows, 8); }

}  // namespace

KSplit::KSplit(std::int64_t tap_count, std::int64_t k_of_tap, std::int64_t limit)
    : taps(tap_count), k_per_tap(k_of_tap) {
  if (k_per_tap > limit) {
    pieces_per_tap = ceil_div(k_per_tap, limit);
  } else if (k_per_tap > 0) {
    const std::int64_t most = std::max<std::int64_t>(1, limit / k_per_tap);
    taps_per_block = ceil_div(taps, ceil_div(taps, most));
  }
}

std::int64_t KSplit::blocks() const {
  return pieces_per_tap > 1 ? taps * pieces_per_tap : ceil_div(taps, taps_per_block);
}

KBlock KSplit::block(std::int64_t index) const {
  if (pieces_per_tap > 1) {
    const std::int64_t piece = index % pieces_per_tap;
    const std::int64_t begin = piece * k_per_tap / pieces_per_tap;
    return {index / pieces_per_tap, 1, begin, (piece + 1) * k_per_tap / pieces_per_tap - begin};
  }
  const std::int64_t tap = index * taps_per_block;
  return {tap, std::min(taps_per_block, taps - tap), 0, k_per_tap};
}

std::int64_t KSplit::max_block_k() const {
  return pieces_per_tap > 1 ? ceil_div(k_per_tap, pieces_per_tap) : taps_per_block * k_per_tap;
}

std::size_t core_thread_scratch_bytes(const KSplit& k, std::int64_t copy_floats) {
  return static_cast<std::size_t>(table_entries(k)) * sizeof(const float*) +
         static_cast<std::size_t>(round_up(copy_floats, 16)) * sizeof(float);
}

std::size_t core_panel_bytes(const KSplit& k, int panel) {
  const std::int64_t one = std::max<std::int64_t>(k.max_block_k(), 1) * panel * 4;
  return static_cast<std::size_t>(std::max(one, kBlockBytesB));
}

void core_block(const CoreArgs& args, const Epilogue& epilogue, std::int64_t m_begin, std::int64_t m_end,
                std::int64_t n_begin, std::int64_t n_end, std::byte* thread_scratch) {
  if (m_begin >= m_end || n_begin >= n_end) return;
  const GemmKernels& kernels = gemm_kernels(args.panel);
  auto* table = reinterpret_cast<const float**>(thread_scratch);
  auto* copy =
      reinterpret_cast<float*>(thread_scratch + static_cast<std::size_t>(table_entries(args.k)) * sizeof(const float*));
  const std::int64_t panel = args.panel;
  const std::int64_t k_total = args.k.total();
  const std::int64_t blocks = args.k.blocks();
  const std::int64_t panel_bytes = std::max<std::int64_t>(args.k.max_block_k(), 1) * panel * 4;
  const std::int64_t panels = ceil_div(n_end - n_begin, panel);
  const std::int64_t n_blocks = ceil_div(panels, std::max<std::int64_t>(1, args.block_bytes_b / panel_bytes));
  const std::int64_t m = m_end - m_begin;
  const std::int64_t tiles = ceil_div(m, kernels.rows);

  GemmTile tile;
  tile.a = table;
  tile.ldc = args.ldc;
  for (std::int64_t n_block = 0; n_block < n_blocks; ++n_block) {
    const std::int64_t col_begin = n_begin + n_block * panels / n_blocks * panel;
    const std::int64_t col_end = std::min(n_end, n_begin + (n_block + 1) * panels / n_blocks * panel);
    for (std::int64_t b = 0; b < blocks; ++b) {
      const KBlock block = args.k.block(b);
      tile.taps = block.taps;
      tile.k = block.k;
      tile.first = b == 0;
      tile.last = b + 1 == blocks;
      const std::int64_t k_begin = block.tap * args.k.k_per_tap + block.offset;
      const std::int64_t k_stored = args.panels != nullptr ? block.taps * block.k : k_total;
      const float* from = args.panel_memory;
      if (args.panels != nullptr) {
        args.panels->fill(k_begin, k_stored, col_begin, col_end, args.panel_memory);
      } else {
        from = args.packed_b + col_begin * k_total + k_begin * panel;
      }
      for (std::int64_t t = 0; t < tiles; ++t) {
        // Tiles of about equal height: a short last one would waste the bandwidth of B.
        const std::int64_t row = m_begin + t * m / tiles;
        tile.rows = static_cast<int>(m_begin + (t + 1) * m / tiles - row);
        tile.row_index = args.row_index + row;
        args.rows->fill(row, tile.rows, block, table, copy);
        for (std::int64_t col = col_begin; col < col_end; col += panel) {
          tile.cols = static_cast<int>(std::min(panel, col_end - col));
          tile.col_index = args.col_index + col;
          tile.b = from + (col - col_begin) * k_stored;
          tile.c = args.c + row * args.ldc + col;
          kernels.tile(tile, epilogue);
        }
        if (tile.last && epilogue.row_fn != nullptr) {
          epilogue.row_fn(epilogue.row_ctx, {args.c + row * args.ldc + col_begin, tile.rows, args.ldc,
                                             col_end - col_begin, tile.row_index, args.col_index + col_begin});
        }
      }
    }
  }
}

TaskGrid::TaskGrid(std::int64_t rows, std::int64_t cols, std::int64_t k, std::int64_t batch, int panel_width,
                   int threads)
    : panel(panel_width), m(rows), n(cols) {
  const std::int64_t tiles = std::max<std::int64_t>(1, ceil_div(m, gemm_kernels(panel).rows));
  const std::int64_t panels = std::max<std::int64_t>(1, ceil_div(n, panel));
  if (threads <= 1) return;
  const std::int64_t work = m * n * std::max<std::int64_t>(k, 1);
  // A few tasks per thread so that an interrupted thread does not hold up the others.
  const std::int64_t wanted = std::min(ceil_div(4 * threads, batch), std::max<std::int64_t>(1, work / kMinTaskWork));
  // Every m chunk reads all of B's chunk, every n chunk all of A's: cut the longer side first, but leave enough columns
  // for a copied tile of A to pay.
  if (n > m) {
    n_chunks = std::min(wanted, std::max<std::int64_t>(1, n / kMinTaskColumns));
    m_chunks = std::min(tiles, ceil_div(wanted, n_chunks));
    n_chunks = std::min(panels, std::max(n_chunks, ceil_div(std::min<std::int64_t>(wanted, threads), m_chunks)));
  } else {
    m_chunks = std::min(tiles, wanted);
    n_chunks = std::min(panels, ceil_div(wanted, m_chunks));
  }
}

TaskGrid::Part TaskGrid::part(std::int64_t task) const {
  const std::int64_t panels = ceil_div(n, panel);
  const std::int64_t mi = task % m_chunks;
  const std::int64_t ni = task / m_chunks;
  return {mi * m / m_chunks, (mi + 1) * m / m_chunks, std::min(n, ni * panels / n_chunks * panel),
          std::min(n, (ni + 1) * panels / n_chunks * panel)};
}

}  // namespace ingot::cpu
