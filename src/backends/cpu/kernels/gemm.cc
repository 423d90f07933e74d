// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gemm.h"

#include "backends/cpu/kernels/gemm_core.h"
#include "backends/cpu/kernels/gemm_rows.h"

namespace ingot::cpu {
namespace {

KSplit split_of(std::int64_t k) { return {1, k, kBlockK}; }

void run(const CoreArgs& args, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
  const TaskGrid grid(args.m, args.n, args.k.total(), 1, args.panel, parallel.threads());
  const std::size_t per_thread = core_thread_scratch_bytes(args.k, copy_floats(args.k));
  parallel.run(grid.tasks(), [&](std::int64_t task, int thread) {
    const TaskGrid::Part part = grid.part(task);
    core_block(args, epilogue, part.m_begin, part.m_end, part.n_begin, part.n_end,
               scratch + static_cast<std::size_t>(thread) * per_thread);
  });
}

std::int64_t product(const std::array<std::int64_t, 2>& batch) { return batch[0] * batch[1]; }

// Copying pays when a row conflicts with its neighbours in the cache and is read for several panels.
bool copies_rows(const GemmShape& shape, std::int64_t lda, int panel) {
  return stride_conflicts(lda) && shape.m > 1 && shape.n >= 2 * panel;
}

// A thread packs for itself when there are enough products to go round; otherwise all pack first, then all multiply.
bool packs_per_thread(const BatchGemmShape& shape, int threads) {
  const std::int64_t count = product(shape.batch);
  return threads <= 1 || count >= 4 * threads || count % threads == 0;
}

}  // namespace

std::size_t gemm_scratch_bytes(const GemmShape& shape, int /*panel*/, int threads) {
  const KSplit k = split_of(shape.k);
  return core_thread_scratch_bytes(k, copy_floats(k)) * static_cast<std::size_t>(threads);
}

void gemm(const GemmShape& shape, const float* a, std::int64_t lda, const float* packed_b, int panel, float* c,
          std::int64_t ldc, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
  const KSplit k = split_of(shape.k);
  const MatrixRows rows(StridedMatrix<float>{a, lda}, k, copies_rows(shape, lda, panel));
  run({shape.m, shape.n, k, &rows, packed_b, panel, c, ldc, 0, 0}, epilogue, scratch, parallel);
}

void gemm_rows(const GemmShape& shape, const float* const* a_rows, const float* packed_b, int panel, float* c,
               std::int64_t ldc, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
  const KSplit k = split_of(shape.k);
  const MatrixRows rows(PointerMatrix{a_rows}, k, shape.m > 1 && shape.n >= 2 * panel);
  run({shape.m, shape.n, k, &rows, packed_b, panel, c, ldc, 0, 0}, epilogue, scratch, parallel);
}

std::size_t batch_gemm_scratch_bytes(const BatchGemmShape& shape, int panel, int threads) {
  const std::int64_t copies = packs_per_thread(shape, threads) ? threads : product(shape.batch);
  return gemm_scratch_bytes({shape.m, shape.n, shape.k}, panel, threads) +
         static_cast<std::size_t>(copies) * packed_b_bytes(shape.k, shape.n, panel);
}

void batch_gemm(const BatchGemmShape& shape, const BatchMatrix<const float>& a, const BatchMatrix<const float>& b,
                const BatchMatrix<float>& c, int panel, const Epilogue& epilogue, std::byte* scratch,
                Parallel& parallel) {
  const int threads = parallel.threads();
  const KSplit k = split_of(shape.k);
  const std::size_t per_thread = core_thread_scratch_bytes(k, copy_floats(k));
  const std::size_t packed_floats = packed_b_bytes(shape.k, shape.n, panel) / sizeof(float);
  auto* packed = reinterpret_cast<float*>(scratch + per_thread * static_cast<std::size_t>(threads));
  const auto offset = [&](const auto& matrix, std::int64_t index) {
    return index / shape.batch[1] * matrix.batch_stride[0] + index % shape.batch[1] * matrix.batch_stride[1];
  };
  const auto pack = [&](std::int64_t index, float* out) {
    pack_b(shape.k, shape.n, b.data + offset(b, index), b.ld, shape.b_transposed, panel, out);
  };
  const auto multiply = [&](std::int64_t index, const TaskGrid::Part& part, const float* packed_b, int thread) {
    const MatrixRows rows(StridedMatrix<float>{a.data + offset(a, index), a.ld}, k,
                          copies_rows({shape.m, shape.n, shape.k}, a.ld, panel));
    const CoreArgs args{shape.m, shape.n,         k, &rows, packed_b, panel, c.data + offset(c, index),
                        c.ld,    index * shape.m, 0};
    core_block(args, epilogue, part.m_begin, part.m_end, part.n_begin, part.n_end,
               scratch + static_cast<std::size_t>(thread) * per_thread);
  };

  const std::int64_t count = product(shape.batch);
  if (count == 0) return;
  if (packs_per_thread(shape, threads)) {
    parallel.run(count, [&](std::int64_t index, int thread) {
      float* mine = packed + static_cast<std::size_t>(thread) * packed_floats;
      pack(index, mine);
      multiply(index, {0, shape.m, 0, shape.n}, mine, thread);
    });
    return;
  }
  parallel.run(count,
               [&](std::int64_t index, int) { pack(index, packed + static_cast<std::size_t>(index) * packed_floats); });
  const TaskGrid grid(shape.m, shape.n, shape.k, count, panel, threads);
  parallel.run(count * grid.tasks(), [&](std::int64_t task, int thread) {
    const std::int64_t index = task / grid.tasks();
    multiply(index, grid.part(task % grid.tasks()), packed + static_cast<std::size_t>(index) * packed_floats, thread);
  });
}

}  // namespace ingot::cpu
