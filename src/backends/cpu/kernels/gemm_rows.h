// SPDX-License-Identifier: Apache-2.0
// Row sources of plain matrices. Internal to the folder.
#pragma once

#include <cstdint>
#include <cstring>

#include "backends/cpu/kernels/gemm_core.h"
#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {

// Rows `stride` elements apart that fall on too few sets of a first-level cache (4 KiB per way) to stay there together.
template <typename T = float>
constexpr bool stride_conflicts(std::int64_t stride) {
  return stride * static_cast<std::int64_t>(sizeof(T)) % 2048 == 0;
}

// The pitch of copied rows: a multiple of the cache line, not of a larger power of two.
template <typename T = float>
constexpr std::int64_t copy_pitch(const KSplit& k) {
  constexpr std::int64_t kLine = 64 / sizeof(T);
  return round_up(k.max_block_k(), kLine) + kLine;
}
inline std::int64_t copy_floats(const KSplit& k) { return copy_pitch(k) * kMaxTileRows; }

template <typename T>
struct StridedMatrix {
  using Element = T;
  const T* data;
  std::int64_t ld;
  [[nodiscard]] const T* row(std::int64_t index) const { return data + index * ld; }
};

struct PointerMatrix {
  using Element = float;
  const float* const* rows;
  [[nodiscard]] const float* row(std::int64_t index) const { return rows[index]; }
};

// Rows of one tap that are read where they lie, or copied to a dense tile when the layout is bad for the cache.
template <typename Matrix>
class MatrixRows final : public RowSourceOf<typename Matrix::Element> {
 public:
  using T = typename Matrix::Element;
  MatrixRows(const Matrix& matrix, const KSplit& k, bool copies)
      : matrix_(matrix), pitch_(copy_pitch<T>(k)), copies_(copies) {}

  void fill(std::int64_t first, int rows, const KBlock& block, const T** table, T* copy) const override {
    for (int i = 0; i < rows; ++i) table[i] = matrix_.row(first + i) + block.offset;
    if (!copies_) return;
    for (int i = 0; i < rows; ++i, copy += pitch_) {
      std::memcpy(copy, table[i], static_cast<std::size_t>(block.k) * sizeof(T));
      table[i] = copy;
    }
  }

 private:
  Matrix matrix_;
  std::int64_t pitch_;
  bool copies_;
};

}  // namespace ingot::cpu
