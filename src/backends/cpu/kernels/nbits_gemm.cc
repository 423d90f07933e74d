// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/nbits_gemm.h"

#include <algorithm>

#include "backends/cpu/kernels/gemm_core.h"
#include "backends/cpu/kernels/gemm_rows.h"

namespace ingot::cpu {
namespace {

// Up to this many rows, unpacking twice costs less than floats that go through the cache.
constexpr std::int64_t kMaxDirectRows = 2 * kMaxNbitsRows;

KSplit split_of(const NbitsMatrix& b) { return {1, b.k, kBlockK}; }

class UnpackedPanels final : public PanelSource {
 public:
  explicit UnpackedPanels(const NbitsMatrix& b) : b_(b), unpack_(nbits_kernels(b.panel).unpack) {}
  void fill(std::int64_t k_begin, std::int64_t k, std::int64_t col_begin, std::int64_t col_end,
            float* to) const override {
    for (std::int64_t col = col_begin; col < col_end; col += b_.panel, to += k * b_.panel)
      unpack_(b_, col / b_.panel, k_begin, k_begin + k, to);
  }

 private:
  const NbitsMatrix& b_;
  decltype(NbitsKernels::unpack) unpack_;
};

// Columns [begin, end) of all rows.
void multiply_direct(std::int64_t m, const float* a, std::int64_t lda, const NbitsMatrix& b, float* c, std::int64_t ldc,
                     const Epilogue& epilogue, std::int64_t begin, std::int64_t end, float* sums) {
  const NbitsKernels& kernels = nbits_kernels(b.panel);
  const GemmKernels& finish = gemm_kernels(b.panel);
  for (std::int64_t row = 0; row < m; row += kMaxNbitsRows) {
    const int rows = static_cast<int>(std::min<std::int64_t>(kMaxNbitsRows, m - row));
    const float* a_rows[kMaxNbitsRows];
    for (int i = 0; i < rows; ++i) a_rows[i] = a + (row + i) * lda;
    for (std::int64_t col = begin; col < end; col += b.panel) {
      kernels.sums(b, col / b.panel, a_rows, rows, sums);
      // A product of 1 and the sums does all that the epilogue asks.
      const float one = 1;
      const float* const table[] = {&one};
      GemmTile tile;
      tile.a = table;
      tile.k = 1;
      tile.ldc = ldc;
      tile.rows = 1;
      tile.cols = static_cast<int>(std::min<std::int64_t>(b.panel, end - col));
      tile.col_index = col;
      for (int i = 0; i < rows; ++i) {
        tile.b = sums + i * b.panel;
        tile.c = c + (row + i) * ldc + col;
        tile.row_index = row + i;
        finish.tile(tile, epilogue);
      }
    }
  }
  if (epilogue.row_fn != nullptr) epilogue.row_fn(epilogue.row_ctx, {c + begin, m, ldc, end - begin, 0, begin});
}

std::size_t thread_scratch_bytes(const NbitsMatrix& b, std::int64_t m) {
  if (m <= kMaxDirectRows) return sizeof(float) * kMaxNbitsRows * static_cast<std::size_t>(b.panel);
  const KSplit k = split_of(b);
  return core_thread_scratch_bytes(k, copy_floats(k)) + core_panel_bytes(k, b.panel);
}

}  // namespace

std::size_t nbits_gemm_scratch_bytes(const NbitsMatrix& b, std::int64_t m, int threads) {
  return thread_scratch_bytes(b, m) * static_cast<std::size_t>(threads);
}

void nbits_gemm(std::int64_t m, const float* a, std::int64_t lda, const NbitsMatrix& b, float* c, std::int64_t ldc,
                const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
  if (m == 0 || b.n == 0) return;
  TaskGrid grid(m, b.n, b.k, 1, b.panel, parallel.threads());
  // Each chunk of rows unpacks B for itself.
  const std::int64_t tasks = grid.tasks();
  grid.n_chunks = std::min(b.panels(), tasks);
  grid.m_chunks = m <= kMaxDirectRows ? 1 : std::min(grid.m_chunks, ceil_div(tasks, grid.n_chunks));
  const KSplit k = split_of(b);
  const std::size_t per_thread = thread_scratch_bytes(b, m);
  const UnpackedPanels panels(b);
  const MatrixRows rows(StridedMatrix<float>{a, lda}, k, stride_conflicts(lda));
  parallel.run(grid.tasks(), [&](std::int64_t task, int thread) {
    const TaskGrid::Part part = grid.part(task);
    std::byte* const mine = scratch + static_cast<std::size_t>(thread) * per_thread;
    if (m <= kMaxDirectRows) {
      multiply_direct(m, a, lda, b, c, ldc, epilogue, part.n_begin, part.n_end, reinterpret_cast<float*>(mine));
      return;
    }
    CoreArgs args{m, b.n, k, &rows, nullptr, b.panel, c, ldc, 0, 0};
    args.panels = &panels;
    args.panel_memory = reinterpret_cast<float*>(mine);
    core_block(args, epilogue, part.m_begin, part.m_end, part.n_begin, part.n_end, mine + core_panel_bytes(k, b.panel));
  });
}

}  // namespace ingot::cpu
