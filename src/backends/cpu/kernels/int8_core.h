// SPDX-License-Identifier: Apache-2.0
// The blocked product of quantised operands that dense integer kernels share. Internal to the folder.
//
// Unlike the fp32 core it never cuts K: a row of bytes is short, and sums leave the registers once, on their way to the
// result.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/gemm_core.h"
#include "backends/cpu/kernels/int8_tile.h"
#include "backends/cpu/kernels/row_program.h"

namespace ingot::cpu {

// What becomes of the sums: stages, or a program over them (x0 is i32), or neither for i32 results.
struct Int8Output {
  void* data = nullptr;
  std::int64_t ld = 0;  // in elements
  DType type = DType::i32;
  const Int8Stage* stages = nullptr;
  int stage_count = 0;
  const RowProgram* program = nullptr;
  const void* const* operands = nullptr;  // of the program
};

struct Int8CoreArgs {
  const Int8Kernels* kernels = nullptr;
  std::int64_t m = 0, n = 0;
  KSplit k;  // one block
  const RowSourceOf<std::uint8_t>* rows = nullptr;
  bool a_signed = false;
  const std::int8_t* panels = nullptr;
  // One per column of the output, readable a panel beyond the last.
  const std::int32_t* add = nullptr;
  const std::int32_t* row_factors = nullptr;  // null: sums of rows are not needed
  const Int8Output* output = nullptr;
  std::int64_t col_index = 0;  // of column 0 in the output and in what is given per column
  std::int64_t row_index = 0;  // of row 0 for the operands of a program; output->data is that row
};

// The bytes of one panel of weights.
std::int64_t int8_panel_bytes(const Int8Kernels& kernels, const KSplit& k);
std::size_t int8_thread_scratch_bytes(const Int8Kernels& kernels, const KSplit& k, std::int64_t copy_bytes,
                                      bool has_program);
// One part of the product on the calling thread; n_begin is a multiple of the panel.
void int8_core_block(const Int8CoreArgs& args, std::int64_t m_begin, std::int64_t m_end, std::int64_t n_begin,
                     std::int64_t n_end, std::byte* thread_scratch);

}  // namespace ingot::cpu
