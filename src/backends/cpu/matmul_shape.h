// SPDX-License-Identifier: Apache-2.0
// The sizes of a MatMul problem: operands as stacks of matrices.
#pragma once

#include <array>
#include <optional>

#include "tactics/tactic.h"

namespace ingot::cpu {

struct MatmulShape {
  std::int64_t m = 1, n = 1, k = 1;
  Shape a_batch, b_batch, batch;  // leading dimensions
  bool trans_a = false, trans_b = false;

  [[nodiscard]] std::int64_t batches() const { return element_count(batch).value_or(0); }
  // Both operands' rows follow each other: one product with m * batches rows.
  [[nodiscard]] bool b_is_single() const { return element_count(b_batch) == 1 && a_batch == batch; }
};

// Of operands that may be multiplied: at least vectors, matrices where transposed.
MatmulShape matmul_shape(const Attrs& attrs, const Shape& a, const Shape& b);
// Whether the operands of a MatMul fit one another: inner sizes, leading dimensions, bias, output.
Status check_matmul(const Attrs& attrs, const Shape& a, const Shape& b, const Operand* bias, const Shape& out);

}  // namespace ingot::cpu
