// SPDX-License-Identifier: Apache-2.0
// RowMatMul: a MatMul, and behind its epilogue the order of the rows.
#include <algorithm>

#include "reference/evaluate.h"
#include "reference/families.h"

namespace ingot::reference {

namespace {

constexpr std::size_t kRowsTo = 3;

Result<Outputs> evaluate_row_matmul(const Call& call) {
  Attrs attrs;
  attrs.set("transB", call.attrs->get_int("transB", 0));
  Call product = call;
  product.op = "MatMul";
  product.attrs = &attrs;  // without the epilogue
  product.inputs = call.inputs.first(std::min(call.inputs.size(), kRowsTo));
  return evaluate(product);
}

// Row i of each `to.size()` rows to row to[i] of them.
Result<Outputs> reorder(const Call& call, Outputs outputs) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* to, numeric_operand(call, kRowsTo, "to", 1));
  const HostTensor& y = outputs[0];
  const std::int64_t columns = y.shape().back(), length = to->elements();
  const std::int64_t rows = columns == 0 ? 0 : y.elements() / columns;
  if (length == 0 || rows % length != 0) return invalid_argument("operand 3 (to) orders {} rows of {}", length, rows);
  const std::vector<double> values = to_numbers<double>(y);
  std::vector<double> out(values.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t place = to->as_int(row % length);
    if (place < 0 || place >= length) return invalid_argument("operand 3 (to) has row {} of {}", place, length);
    std::copy_n(values.begin() + row * columns, columns, out.begin() + (row / length * length + place) * columns);
  }
  INGOT_ASSIGN_OR_RETURN(outputs[0], from_numbers(y.dtype(), y.shape(), out));
  return outputs;
}

constexpr Row kRows[] = {{"RowMatMul", evaluate_row_matmul, -1, reorder}};

}  // namespace

std::span<const Row> row_matmul_rows() { return kRows; }

}  // namespace ingot::reference
