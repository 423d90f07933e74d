// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/row_program.h"

#include <algorithm>

#include "backends/cpu/kernels/broadcast.h"

namespace ingot::cpu {

RowProgram::RowProgram(const VectorProgram& program, const Shape& out, std::span<const Shape> operands)
    : program_(&program) {
  for (std::size_t k = 0; k < operands.size(); ++k) {
    Operand operand;
    operand.element_bytes = static_cast<std::size_t>(bits_of(program.input_type(k + 1))) / 8;
    operand.column_stride = out.empty() || operands[k].empty() || operands[k].back() == 1 ? 0 : 1;
    // The rows alone: the last dimension as one element of `width` columns.
    Shape rows(out.begin(), out.empty() ? out.end() : out.end() - 1);
    Shape shape = operands[k];
    const std::int64_t width = operand.column_stride == 0 ? 1 : shape.back();
    if (!shape.empty()) shape.pop_back();
    const BroadcastPlan plan = BroadcastPlan::make(rows, {&shape, 1});
    for (std::size_t i = plan.dims.size(); i-- > 0;)
      operand.levels.push_back({plan.dims[i], plan.strides[0][i] * width});
    while (!operand.levels.empty() && operand.levels.back().stride == 0) operand.levels.pop_back();
    operands_.push_back(std::move(operand));
  }
}

void RowProgram::run(const void* call, const Epilogue::Piece& piece) {
  const auto& [self, bases] = *static_cast<const Call*>(call);
  // Without operands it does not matter where a row ends.
  if (self->operands_.empty() && (piece.stride == piece.count || piece.rows == 1)) {
    self->run_row(bases, piece.data, piece.data, piece.rows * piece.count, piece.row_index, piece.col_begin);
    return;
  }
  for (std::int64_t row = 0; row < piece.rows; ++row) {
    float* data = piece.data + row * piece.stride;
    self->run_row(bases, data, data, piece.count, piece.row_index + row, piece.col_begin);
  }
}

void RowProgram::run_row(const void* const* bases, const void* in, void* out, std::int64_t count,
                         std::int64_t row_index, std::int64_t col_begin) const {
  const auto in_bytes = static_cast<std::size_t>(bits_of(program_->input_type(0))) / 8;
  const auto out_bytes = static_cast<std::size_t>(bits_of(program_->result_type())) / 8;
  alignas(64) std::byte scratch[VectorProgram::kScratchBytes];
  alignas(64) std::byte splats[kMaxOperands][kSplatBytes];
  BlockArg args[kMaxOperands];
  args[0] = {in, 1};
  for (std::size_t k = 0; k < operands_.size(); ++k) {
    const Operand& operand = operands_[k];
    std::int64_t offset = col_begin * operand.column_stride;
    std::int64_t rest = row_index;
    for (std::size_t i = 0; i < operand.levels.size(); ++i) {
      const Operand::Level& level = operand.levels[i];
      const bool last = i + 1 == operand.levels.size();
      offset += (last && level.size > rest ? rest : rest % level.size) * level.stride;
      if (!last) rest /= level.size;
    }
    const auto* from =
        static_cast<const std::byte*>(bases[k]) + static_cast<std::size_t>(offset) * operand.element_bytes;
    if (operand.column_stride != 0) {
      args[k + 1] = {from, 1};
    } else {
      make_splat(from, operand.element_bytes, splats[k]);
      args[k + 1] = {splats[k], 0};
    }
  }
  for (std::int64_t at = 0; at < count;) {
    const std::int64_t n = std::min(program_->block(), count - at);
    program_->run(n, args, static_cast<std::byte*>(out) + static_cast<std::size_t>(at) * out_bytes, scratch);
    at += n;
    args[0].data = static_cast<const std::byte*>(in) + static_cast<std::size_t>(at) * in_bytes;
    for (std::size_t k = 0; k < operands_.size(); ++k)
      if (args[k + 1].step != 0)
        args[k + 1].data =
            static_cast<const std::byte*>(args[k + 1].data) + static_cast<std::size_t>(n) * operands_[k].element_bytes;
  }
}

}  // namespace ingot::cpu
