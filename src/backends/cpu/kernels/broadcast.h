// SPDX-License-Identifier: Apache-2.0
// BroadcastPlan: how dense operands broadcast to a dense output, with dimensions merged as far as all operands agree.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/dim.h"

namespace ingot::cpu {

struct BroadcastPlan {
  // dims[0] is the outermost; none has size 1. strides[operand][dim] in elements: 0 where the operand broadcasts.
  // An empty list of dims is one element (or none when `elements` is 0).
  std::int64_t elements = 1;
  std::vector<std::int64_t> dims;
  std::vector<std::vector<std::int64_t>> strides;

  // The shapes must broadcast to `out` (a bug otherwise).
  static BroadcastPlan make(const Shape& out, std::span<const Shape> operands);

  // The last dimension, the one before it, and the product of the others; 1 where absent.
  [[nodiscard]] std::int64_t run() const { return dims.empty() ? 1 : dims.back(); }
  [[nodiscard]] std::int64_t rows() const { return dims.size() < 2 ? 1 : dims[dims.size() - 2]; }
  [[nodiscard]] std::int64_t outer() const;
  [[nodiscard]] std::int64_t run_stride(std::size_t operand) const {
    return dims.empty() ? 0 : strides[operand].back();
  }
  [[nodiscard]] std::int64_t row_stride(std::size_t operand) const {
    return dims.size() < 2 ? 0 : strides[operand][dims.size() - 2];
  }
  // Where an operand starts for the index-th combination of the outer dimensions.
  [[nodiscard]] std::int64_t outer_offset(std::size_t operand, std::int64_t index) const;
};

}  // namespace ingot::cpu
