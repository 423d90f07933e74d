// SPDX-License-Identifier: Apache-2.0
// RowProgram: an expression as the row function of an Epilogue: x0 is the row segment, x1... broadcast to the output.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/kernels/epilogue.h"
#include "backends/cpu/kernels/expr_vector.h"
#include "tensor/dim.h"

namespace ingot::cpu {

class RowProgram {
 public:
  static constexpr std::size_t kMaxOperands = 16;

  // program: at most kMaxOperands inputs; must outlive this. For run(), x0 and the result are f32. operands: shapes of
  // x1..., each of which broadcasts to `out`, whose last dimension is the columns.
  RowProgram(const VectorProgram& program, const Shape& out, std::span<const Shape> operands);

  // What Epilogue::row_ctx points at.
  struct Call {
    const RowProgram* program = nullptr;
    const void* const* operands = nullptr;  // x1...
  };
  // An Epilogue::RowFn.
  static void run(const void* call, const Epilogue::Piece& piece);
  // Of `count` elements x0 of one row, (row_index, col_begin) being the first one's place in the output. `out` may be
  // `in` where both types are equally wide.
  void run_row(const void* const* operands, const void* in, void* out, std::int64_t count, std::int64_t row_index,
               std::int64_t col_begin) const;

 private:
  struct Operand {
    struct Level {
      std::int64_t size = 1, stride = 0;
    };
    std::vector<Level> levels;  // of the row index, innermost first
    std::int64_t column_stride = 0;
    std::size_t element_bytes = 4;
  };
  const VectorProgram* program_;
  std::vector<Operand> operands_;
};

}  // namespace ingot::cpu
