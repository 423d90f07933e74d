// SPDX-License-Identifier: Apache-2.0
// The blocked matrix product that dense kernels share. Internal to the folder.
//
// A kernel describes where rows of A come from (RowSource); the core blocks over K so that a tile of A stays in the
// first-level cache, over N so that the block of packed B stays in the second-level cache, splits M and N between
// threads, and applies the epilogue.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/epilogue.h"
#include "backends/cpu/kernels/gemm_tile.h"
#include "base/parallel.h"

namespace ingot::cpu {

// A stretch of K: whole taps, or a part of one tap.
struct KBlock {
  std::int64_t tap = 0;
  std::int64_t taps = 1;
  std::int64_t offset = 0;  // within the tap; 0 when taps > 1
  std::int64_t k = 0;       // per tap
};

// K = taps * k_per_tap cut into blocks of about equal size.
struct KSplit {
  std::int64_t taps = 1;
  std::int64_t k_per_tap = 0;
  std::int64_t taps_per_block = 1;  // when > 1, pieces_per_tap is 1
  std::int64_t pieces_per_tap = 1;

  KSplit() = default;
  // Blocks of at most `limit` wherever one tap fits in it.
  KSplit(std::int64_t taps, std::int64_t k_per_tap, std::int64_t limit);

  [[nodiscard]] std::int64_t total() const { return taps * k_per_tap; }
  [[nodiscard]] std::int64_t blocks() const;
  [[nodiscard]] KBlock block(std::int64_t index) const;
  [[nodiscard]] std::int64_t max_block_taps() const { return taps_per_block; }
  [[nodiscard]] std::int64_t max_block_k() const;  // over all the taps of a block
};

// The default limit of a K block: a tile of kMaxTileRows rows of it takes about two thirds of a 32 KiB cache.
inline constexpr std::int64_t kBlockK = 384;

// Gives the rows of A, tile by tile.
template <typename T>
class RowSourceOf {
 public:
  virtual ~RowSourceOf() = default;
  // Sets table[t * kMaxTileRows + i] to block.k elements for tap block.tap + t of row `row + i`, which stay valid until
  // the next call with the same buffers. `copy` is as large as the kernel's scratch was asked for. Of bytes, a multiple
  // of four can be read; what lies beyond block.k may be anything.
  virtual void fill(std::int64_t row, int rows, const KBlock& block, const T** table, T* copy) const = 0;
};
using RowSource = RowSourceOf<float>;

// Gives B where it is not packed floats, block by block.
class PanelSource {
 public:
  virtual ~PanelSource() = default;
  // Rows [k_begin, k_begin + k) of the panels that begin at columns [col_begin, col_end), as pack_b lays out a matrix
  // of k rows.
  virtual void fill(std::int64_t k_begin, std::int64_t k, std::int64_t col_begin, std::int64_t col_end,
                    float* to) const = 0;
};

// The part of the second-level cache that a block of packed B may take; rows are filled once for each block.
inline constexpr std::int64_t kBlockBytesB = 448 << 10;

struct CoreArgs {
  std::int64_t m = 0;
  std::int64_t n = 0;
  KSplit k;
  const RowSource* rows = nullptr;
  const float* packed_b = nullptr;  // unless there are `panels`
  int panel = 0;
  float* c = nullptr;
  std::int64_t ldc = 0;
  // Added to the indices that the epilogue sees. `c` points at the element (row_index, col_index) of the output.
  std::int64_t row_index = 0;
  std::int64_t col_index = 0;
  std::int64_t block_bytes_b = kBlockBytesB;
  const PanelSource* panels = nullptr;
  float* panel_memory = nullptr;  // of the thread, for a block of B: core_panel_bytes()
};

// Scratch of one thread: the pointer table, then the copy buffer.
std::size_t core_thread_scratch_bytes(const KSplit& k, std::int64_t copy_floats);

// For a block of B that a PanelSource makes, with the default size of blocks.
std::size_t core_panel_bytes(const KSplit& k, int panel);

// One part of the product, [m_begin, m_end) x [n_begin, n_end), on the calling thread; n_begin is a multiple of panel.
void core_block(const CoreArgs& args, const Epilogue& epilogue, std::int64_t m_begin, std::int64_t m_end,
                std::int64_t n_begin, std::int64_t n_end, std::byte* thread_scratch);

// How a product is cut into tasks.
struct TaskGrid {
  std::int64_t m_chunks = 1;
  std::int64_t n_chunks = 1;
  int panel = 8;
  std::int64_t m = 0;
  std::int64_t n = 0;

  TaskGrid(std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t batch, int panel, int threads);
  [[nodiscard]] std::int64_t tasks() const { return m_chunks * n_chunks; }
  struct Part {
    std::int64_t m_begin, m_end, n_begin, n_end;
  };
  // Tasks that share a block of B follow each other.
  [[nodiscard]] Part part(std::int64_t task) const;
};

}  // namespace ingot::cpu
