// SPDX-License-Identifier: Apache-2.0
// Evaluates a VectorProgram over a whole broadcast, in parallel. Nothing allocates; workspace is the caller's.
#pragma once

#include <cstddef>

#include "backends/cpu/kernels/broadcast.h"
#include "backends/cpu/kernels/expr_vector.h"
#include "base/parallel.h"

namespace ingot::cpu {

// A program takes at most this many operands.
inline constexpr std::size_t kMaxPointwiseOperands = 64;

class PointwiseLoop {
 public:
  // Operand i of the plan is input i of the program, which must outlive the loop.
  PointwiseLoop(const VectorProgram& program, BroadcastPlan plan);

  [[nodiscard]] std::size_t workspace_bytes(int threads) const {
    return static_cast<std::size_t>(threads) * thread_bytes_;
  }
  void run(const void* const* inputs, void* out, std::byte* workspace, Parallel& parallel) const;

 private:
  struct Task;
  // How an operand supplies a block of several rows.
  enum class Mode : std::uint8_t {
    direct,   // as it lies in memory
    splat,    // one value for the block
    tile,     // one row of values, repeated for each row
    per_row,  // one value for each row
  };
  void run_units(std::int64_t begin, std::int64_t end, const void* const* inputs, std::byte* out,
                 std::byte* workspace) const;

  const VectorProgram* program_;
  BroadcastPlan plan_;
  std::vector<Mode> modes_;
  std::vector<std::size_t> element_bytes_;
  std::size_t out_bytes_ = 4;
  std::int64_t group_rows_ = 1;       // rows of a block; 1: a block is a part of a row
  std::int64_t units_per_outer_ = 1;  // groups of rows, or rows * segments
  std::int64_t segments_ = 1;         // parts of a row
  std::int64_t segment_ = 1;          // elements of a part
  std::size_t operand_bytes_ = 0;     // workspace of one operand
  std::size_t thread_bytes_ = 0;
};

}  // namespace ingot::cpu
