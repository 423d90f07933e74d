// SPDX-License-Identifier: Apache-2.0
// CumSum and CumProd.
#include "reference/families.h"
#include "reference/indexing.h"
#include "reference/wrapping.h"

namespace ingot::reference {

namespace {

Result<Outputs> evaluate_cumulative(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "x", 1));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t listed, int_operand(call, 1, "axis"));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(listed, x->shape().size(), "operand 1 (axis):"));
  const bool exclusive = call.attrs->get_int("exclusive", 0) != 0;
  const bool reverse = call.attrs->get_int("reverse", 0) != 0;
  const bool sum = call.op == "CumSum";
  const std::int64_t dim = x->shape()[axis];
  const std::int64_t inner = product(x->shape(), axis + 1, x->shape().size());
  const std::int64_t lines = product(x->shape(), 0, axis) * inner;
  return with_number_type(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> values = to_numbers<T>(*x);
    for (std::int64_t line = 0; line < lines; ++line) {
      T total = sum ? T{0} : T{1};
      for (std::int64_t i = 0; i < dim; ++i) {
        const std::int64_t at = reverse ? dim - 1 - i : i;
        T& value = values[to_size((line / inner * dim + at) * inner + line % inner)];
        const T before = total;
        total = sum ? add(total, value) : multiply(total, value);
        value = exclusive ? before : total;
      }
    }
    return single_output(output_type(call, 0, x->dtype()), x->shape(), values);
  });
}

constexpr Row kRows[] = {{"CumSum", evaluate_cumulative}, {"CumProd", evaluate_cumulative}};

}  // namespace

std::span<const Row> cumulative_rows() { return kRows; }

}  // namespace ingot::reference
