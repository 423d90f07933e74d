// SPDX-License-Identifier: Apache-2.0
// Row sources of plain matrices. Internal to the folder.
#pragma once

#include <cstdint>
#include <cstring>

#include "backends/cpu/kernels/gemm_core.h"
#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {

// Rows `stride` floats apart that fall on too few sets of a first-level cache (4 KiB per way) to stay there together.
constexpr bool stride_conflicts(std::int64_t stride) { return stride % 512 == 0; }

// The pitch of copied rows: a multiple of the cache line, not of a larger power of two.
inline std::int64_t copy_pitch(const KSplit& k) { return round_up(k.max_block_k(), 16) + 16; }
inline std::int64_t copy_floats(const KSplit& k) { return copy_pitch(k) * kMaxTileRows; }

// Rows of one tap that are read where they lie, or copied to a dense tile when the layout is bad for the cache.
class CopyableRows : public RowSource {
 public:
  CopyableRows(const KSplit& k, bool copies) : pitch_(copy_pitch(k)), copies_(copies) {}

  void fill(std::int64_t first, int rows, const KBlock& block, const float** table, float* copy) const final {
    for (int i = 0; i < rows; ++i) {
      const float* source = row(first + i) + block.offset;
      if (copies_) {
        float* out = copy + i * pitch_;
        std::memcpy(out, source, static_cast<std::size_t>(block.k) * sizeof(float));
        source = out;
      }
      table[i] = source;
    }
  }

 private:
  [[nodiscard]] virtual const float* row(std::int64_t index) const = 0;
  std::int64_t pitch_;
  bool copies_;
};

// Rows at a constant stride.
class StridedRows final : public CopyableRows {
 public:
  StridedRows(const float* a, std::int64_t lda, const KSplit& k, bool copies)
      : CopyableRows(k, copies), a_(a), lda_(lda) {}

 private:
  [[nodiscard]] const float* row(std::int64_t index) const override { return a_ + index * lda_; }
  const float* a_;
  std::int64_t lda_;
};

}  // namespace ingot::cpu
