// SPDX-License-Identifier: Apache-2.0
// Operators that choose elements by their values or by a mask.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <type_traits>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

Result<Outputs> evaluate_where(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* condition, required_operand(call, 0, "condition"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, required_operand(call, 1, "X"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* y, required_operand(call, 2, "Y"));
  if (condition->dtype() != DType::boolean)
    return invalid_argument("operand 0 (condition) has type {}; boolean is needed", to_string(condition->dtype()));
  if (x->dtype() != y->dtype())
    return invalid_argument("operands X and Y have types {} and {}", to_string(x->dtype()), to_string(y->dtype()));
  INGOT_ASSIGN_OR_RETURN(const Shape shape, broadcast_shapes({condition->shape(), x->shape(), y->shape()}));
  std::vector<Shape> strides;
  for (const HostTensor* operand : {condition, x, y}) {
    INGOT_ASSIGN_OR_RETURN(Shape read, broadcast_strides(operand->shape(), shape));
    strides.push_back(std::move(read));
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(x->dtype(), shape));
  const std::int64_t bytes = element_bytes(*x);
  std::byte* to = out.mutable_data<std::byte>();
  for_each_run(shape, strides, [&](const auto& offsets, const auto& steps, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i, to += bytes) {
      const bool chosen = condition->data<std::uint8_t>()[offsets[0] + i * steps[0]] != 0;
      const std::byte* from = chosen ? x->data<std::byte>() + (offsets[1] + i * steps[1]) * bytes
                                     : y->data<std::byte>() + (offsets[2] + i * steps[2]) * bytes;
      std::memcpy(to, from, to_size(bytes));
    }
  });
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_trilu(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  if (in->rank() < 2) return invalid_argument("operand 0 (input) of shape {} needs rank 2", to_string(in->shape()));
  std::int64_t k = 0;
  if (optional_operand(call, 1) != nullptr) {
    INGOT_ASSIGN_OR_RETURN(k, int_operand(call, 1, "k"));
  }
  const bool upper = call.attrs->get_int("upper", 1) != 0;
  const std::int64_t rows = in->shape()[in->shape().size() - 2];
  const std::int64_t columns = in->shape().back();
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(in->dtype(), in->shape()));
  if (out.elements() == 0) return outputs_of(std::move(out));
  const std::int64_t bytes = element_bytes(*in);
  k = std::clamp(k, -rows - 1, columns + 1);
  for (std::int64_t line = 0; line < in->elements() / columns; ++line) {
    const std::int64_t diagonal = line % rows + k;
    const std::int64_t begin = upper ? std::clamp(diagonal, std::int64_t{0}, columns) : 0;
    const std::int64_t end = upper ? columns : std::clamp(diagonal + 1, std::int64_t{0}, columns);
    const std::int64_t offset = (line * columns + begin) * bytes;
    std::memcpy(out.mutable_data<std::byte>() + offset, in->data<std::byte>() + offset, to_size((end - begin) * bytes));
  }
  return outputs_of(std::move(out));
}

// Empty strings count as zeros.
bool is_zero(const HostTensor& tensor, std::int64_t i) {
  switch (tensor.dtype()) {
    case DType::string: return tensor.strings()[to_size(i)].empty();
    case DType::c64: return tensor.data<float>()[2 * i] == 0 && tensor.data<float>()[2 * i + 1] == 0;
    case DType::c128: return tensor.data<double>()[2 * i] == 0 && tensor.data<double>()[2 * i + 1] == 0;
    default: return tensor.as_double(i) == 0;
  }
}

Result<Outputs> evaluate_non_zero(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "X"));
  const Shape& shape = in->shape();
  std::vector<std::int64_t> found;
  for (std::int64_t i = 0; i < in->elements(); ++i)
    if (!is_zero(*in, i)) found.push_back(i);
  const Shape strides = strides_of(shape);
  std::vector<std::int64_t> indices;
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    for (std::int64_t at : found) indices.push_back(at / strides[axis] % shape[axis]);
  return single_output(DType::i64, {to_signed(shape.size()), to_signed(found.size())}, indices);
}

// NaN ranks above all numbers, equal values rank by position.
Result<Outputs> evaluate_top_k(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, numeric_operand(call, 0, "X", 1));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t k, int_operand(call, 1, "K"));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                         normalize_axis(call.attrs->get_int("axis", -1), in->shape().size(), "axis"));
  const bool largest = call.attrs->get_int("largest", 1) != 0;
  const std::int64_t dim = in->shape()[axis];
  if (k < 0 || k > dim) return invalid_argument("operand 1 (K) is {}; axis {} has {} elements", k, axis, dim);
  Shape shape = in->shape();
  shape[axis] = k;
  const std::int64_t inner = product(shape, axis + 1, shape.size());
  const std::int64_t outer = product(shape, 0, axis);
  return with_number_type(in->dtype(), [&](auto zero) -> Result<Outputs> {
    using T = decltype(zero);
    const std::vector<T> values = to_numbers<T>(*in);
    std::vector<T> top(to_size(outer * k * inner));
    std::vector<std::int64_t> indices(top.size());
    std::vector<std::int64_t> order(to_size(dim));
    for (std::int64_t line = 0; line < outer * inner; ++line) {
      const std::int64_t base = line / inner * dim * inner + line % inner;
      const auto value = [&](std::int64_t at) { return values[to_size(base + at * inner)]; };
      std::iota(order.begin(), order.end(), std::int64_t{0});
      const auto above = [](T a, T b) {
        if constexpr (std::is_same_v<T, double>)
          if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
        return a > b;
      };
      std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        return largest ? above(value(a), value(b)) : above(value(b), value(a));
      });
      for (std::int64_t i = 0; i < k; ++i) {
        const std::size_t to = to_size((line / inner * k + i) * inner + line % inner);
        indices[to] = order[to_size(i)];
        top[to] = value(indices[to]);
      }
    }
    INGOT_ASSIGN_OR_RETURN(HostTensor best, from_numbers(output_type(call, 0, in->dtype()), shape, top));
    INGOT_ASSIGN_OR_RETURN(HostTensor where, from_numbers(DType::i64, shape, indices));
    return outputs_of(std::move(best), std::move(where));
  });
}

constexpr Row kRows[] = {
    {"Where", evaluate_where, 1},
    {"Trilu", evaluate_trilu, 0},
    {"NonZero", evaluate_non_zero},
    {"TopK", evaluate_top_k},
};

}  // namespace

std::span<const Row> selection_rows() { return kRows; }

}  // namespace ingot::reference
