// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/int8_core.h"

#include <algorithm>

#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {
namespace {

// The most columns whose sums wait for a program at once.
constexpr std::int64_t kProgramColumns = 1024;

std::int64_t padded_tap(const Int8Kernels& kernels, const KSplit& k) { return round_up(k.k_per_tap, kernels.unit); }

// Where the parts of a thread's scratch begin; the rows' own copies come last.
struct ScratchLayout {
  std::size_t wide, sums, strip, copy;
  ScratchLayout(const Int8Kernels& kernels, const KSplit& k, bool has_program) {
    const auto padded = [](std::int64_t bytes) { return static_cast<std::size_t>(round_up(bytes, 64)); };
    wide = padded(k.taps * kMaxTileRows * static_cast<std::int64_t>(sizeof(void*)));
    sums = wide + (kernels.widens ? padded(k.taps * kernels.rows * padded_tap(kernels, k) * 2) : 0);
    strip = sums + padded(kMaxTileRows * kernels.panel * 4);
    copy = strip + (has_program ? padded(kernels.rows * kProgramColumns * 4) : 0);
  }
};

// One tile's rows, ready for all panels.
class TileRows {
 public:
  TileRows(const Int8CoreArgs& args, std::byte* scratch, const ScratchLayout& layout)
      : args_(args),
        kernels_(*args.kernels),
        block_(args.k.block(0)),
        bytes_(reinterpret_cast<const std::uint8_t**>(scratch)),
        wide_(reinterpret_cast<std::int16_t*>(scratch + layout.wide)),
        copy_(reinterpret_cast<std::uint8_t*>(scratch + layout.copy)) {}

  void fill(std::int64_t row, int rows) {
    args_.rows->fill(row, rows, block_, bytes_, copy_);
    if (args_.row_factors != nullptr) add_rows(rows);
    if (!kernels_.widens) return;
    // The same table then holds the widened rows.
    std::int16_t* wide = wide_;
    const std::int64_t pitch = padded_tap(kernels_, args_.k);
    for (std::int64_t tap = 0; tap < block_.taps; ++tap)
      for (int i = 0; i < rows; ++i, wide += pitch) {
        const std::uint8_t*& place = bytes_[tap * kMaxTileRows + i];
        kernels_.widen(place, block_.k, args_.a_signed, wide);
        place = reinterpret_cast<const std::uint8_t*>(wide);
      }
  }
  [[nodiscard]] const void* const* table() const { return reinterpret_cast<const void* const*>(bytes_); }
  [[nodiscard]] const std::int32_t* sums() const { return args_.row_factors != nullptr ? sums_ : nullptr; }

 private:
  void add_rows(int rows) {
    for (int i = 0; i < rows; ++i) {
      std::uint32_t sum = 0;
      for (std::int64_t tap = 0; tap < block_.taps; ++tap)
        sum += static_cast<std::uint32_t>(kernels_.row_sum(bytes_[tap * kMaxTileRows + i], block_.k, args_.a_signed));
      sums_[i] = static_cast<std::int32_t>(sum);
    }
  }

  const Int8CoreArgs& args_;
  const Int8Kernels& kernels_;
  KBlock block_;
  const std::uint8_t** bytes_;
  std::int16_t* wide_;
  std::uint8_t* copy_;
  std::int32_t sums_[kMaxTileRows] = {};
};

}  // namespace

std::int64_t int8_panel_bytes(const Int8Kernels& kernels, const KSplit& k) {
  return k.taps * padded_tap(kernels, k) * kernels.panel;
}

std::size_t int8_thread_scratch_bytes(const Int8Kernels& kernels, const KSplit& k, std::int64_t copy_bytes,
                                      bool has_program) {
  return ScratchLayout(kernels, k, has_program).copy + static_cast<std::size_t>(round_up(copy_bytes, 64));
}

void int8_core_block(const Int8CoreArgs& args, std::int64_t m_begin, std::int64_t m_end, std::int64_t n_begin,
                     std::int64_t n_end, std::byte* thread_scratch) {
  if (m_begin >= m_end || n_begin >= n_end) return;
  const Int8Kernels& kernels = *args.kernels;
  const Int8Output& output = *args.output;
  const bool has_program = output.program != nullptr;
  const ScratchLayout layout(kernels, args.k, has_program);
  TileRows tile_rows(args, thread_scratch, layout);
  auto* strip = reinterpret_cast<std::int32_t*>(thread_scratch + layout.strip);

  const std::int64_t panel = kernels.panel;
  const std::int64_t panel_bytes = int8_panel_bytes(kernels, args.k);
  const std::int64_t panels = ceil_div(n_end - n_begin, panel);
  std::int64_t per_block = std::max<std::int64_t>(1, kBlockBytesB / std::max<std::int64_t>(panel_bytes, 1));
  if (has_program) per_block = std::min(per_block, kProgramColumns / panel);
  const std::int64_t n_blocks = ceil_div(panels, per_block);
  const std::int64_t m = m_end - m_begin;
  const std::int64_t tiles = ceil_div(m, kernels.rows);
  const auto out_bytes = static_cast<std::int64_t>(bits_of(output.type)) / 8;
  auto* out = static_cast<std::byte*>(output.data);

  Int8Tile tile;
  tile.a = tile_rows.table();
  tile.taps = args.k.taps;
  tile.k = args.k.k_per_tap;
  tile.sums = reinterpret_cast<std::int32_t*>(thread_scratch + layout.sums);
  tile.a_signed = args.a_signed;
  Int8Finish finish;
  finish.sums = tile.sums;
  finish.sums_stride = panel;
  finish.row_sums = tile_rows.sums();
  if (!has_program) {
    finish.stages = output.stages;
    finish.stage_count = output.stage_count;
    finish.out_type = output.type;
    finish.out_stride = output.ld;
  }
  for (std::int64_t n_block = 0; n_block < n_blocks; ++n_block) {
    const std::int64_t col_begin = n_begin + n_block * panels / n_blocks * panel;
    const std::int64_t col_end = std::min(n_end, n_begin + (n_block + 1) * panels / n_blocks * panel);
    if (has_program) finish.out_stride = col_end - col_begin;
    for (std::int64_t t = 0; t < tiles; ++t) {
      // Tiles of about equal height: a short last one would waste the bandwidth of the weights.
      const std::int64_t row = m_begin + t * m / tiles;
      tile.rows = finish.rows = static_cast<int>(m_begin + (t + 1) * m / tiles - row);
      tile_rows.fill(row, tile.rows);
      finish.row_index = row;
      for (std::int64_t col = col_begin; col < col_end; col += panel) {
        tile.b = args.panels + col / panel * panel_bytes;
        kernels.tile(tile);
        finish.cols = static_cast<int>(std::min(panel, col_end - col));
        finish.col_index = args.col_index + col;
        finish.add = args.add + finish.col_index;
        if (args.row_factors != nullptr) finish.row_factors = args.row_factors + finish.col_index;
        finish.out = has_program ? static_cast<void*>(strip + (col - col_begin))
                                 : out + (row * output.ld + finish.col_index) * out_bytes;
        kernels.finish(finish);
      }
      if (!has_program) continue;
      const std::int64_t first = args.col_index + col_begin;
      for (std::int64_t i = 0; i < tile.rows; ++i)
        output.program->run_row(output.operands, strip + i * finish.out_stride,
                                out + ((row + i) * output.ld + first) * out_bytes, finish.out_stride,
                                args.row_index + row + i, first);
    }
  }
}

}  // namespace ingot::cpu
