// SPDX-License-Identifier: Apache-2.0
// Runs the rows of pointwise_table.h over broadcast operands.
#include <algorithm>
#include <type_traits>
#include <variant>

#include "reference/families.h"
#include "reference/indexing.h"
#include "reference/pointwise_table.h"
#include "reference/strings.h"

namespace ingot::reference {

namespace {

template <typename T>
struct Operand {
  Shape shape;
  std::vector<T> values;
};

double parameter(const Attrs& attrs, const Parameter& spec) {
  const std::size_t equals = spec.attribute.find('=');
  const Attr* attr = attrs.find(spec.attribute.substr(0, equals));
  if (attr == nullptr) return spec.otherwise;
  if (const auto* text = std::get_if<std::string>(attr))
    return equals != std::string_view::npos && *text == spec.attribute.substr(equals + 1) ? 1 : 0;
  if (const auto* integer = std::get_if<std::int64_t>(attr)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(attr)) return *number;
  return spec.otherwise;
}

template <typename T, typename R, typename Function>
Result<Operand<R>> map_operands(const std::vector<const Operand<T>*>& operands, Function function, const double* p) {
  std::vector<Shape> shapes;
  for (const Operand<T>* operand : operands) shapes.push_back(operand->shape);
  INGOT_ASSIGN_OR_RETURN(Shape shape, broadcast_shapes(shapes));
  std::vector<Shape> strides;
  for (const Shape& from : shapes) {
    INGOT_ASSIGN_OR_RETURN(Shape read, broadcast_strides(from, shape));
    strides.push_back(std::move(read));
  }
  const std::optional<std::int64_t> count = element_count(shape);
  if (!count) return invalid_argument("broadcast result {} is too large", to_string(shape));
  Operand<R> result{std::move(shape), std::vector<R>(to_size(*count))};
  R* out = result.values.data();
  T x[3] = {};
  for_each_run(result.shape, strides, [&](const auto& offsets, const auto& steps, std::int64_t run) {
    for (std::int64_t i = 0; i < run; ++i) {
      for (std::size_t k = 0; k < operands.size(); ++k) x[k] = operands[k]->values[to_size(offsets[k] + i * steps[k])];
      *out++ = static_cast<R>(function(x, p));
    }
  });
  return result;
}

template <typename T>
struct Functions {
  Scalar<T> scalar = nullptr;
  Test<T> test = nullptr;
};

template <typename T>
Functions<T> functions_of(const PointwiseRow& row) {
  if constexpr (std::is_same_v<T, double>) return {row.f, row.test_f};
  if constexpr (std::is_same_v<T, std::int64_t>) return {row.i, row.test_i};
  if constexpr (std::is_same_v<T, std::uint64_t>) return {row.u, row.test_u};
}

// The operands in order; Clip's absent bounds become the ends of the type's range.
template <typename T>
Result<std::vector<Operand<T>>> read_operands(const Call& call, const PointwiseRow& row, DType dtype) {
  std::vector<Operand<T>> operands;
  const auto count = std::max(call.inputs.size(), to_size(row.min_operands));
  for (std::size_t k = 0; k < count; ++k) {
    if (call.op == "Clip" && k > 0 && optional_operand(call, k) == nullptr) {
      const Limits limits = limits_of(dtype);
      T bound{};
      if constexpr (std::is_same_v<T, double>) {
        bound = k == 1 ? limits.lowest_float : limits.highest_float;
      } else {
        bound = k == 1 ? static_cast<T>(limits.lowest) : static_cast<T>(limits.highest);
      }
      operands.push_back({{}, {bound}});
      continue;
    }
    INGOT_ASSIGN_OR_RETURN(const HostTensor* tensor, numeric_operand(call, k, "of a pointwise operator"));
    operands.push_back({tensor->shape(), to_numbers<T>(*tensor)});
  }
  return operands;
}

template <typename T>
Result<Outputs> evaluate_as(const Call& call, const PointwiseRow& row, DType dtype) {
  const Functions<T> functions = functions_of<T>(row);
  double p[2] = {};
  for (std::size_t k = 0; k < row.parameters.size(); ++k) p[k] = parameter(*call.attrs, row.parameters[k]);
  INGOT_ASSIGN_OR_RETURN(std::vector<Operand<T>> operands, read_operands<T>(call, row, dtype));
  const auto pointers = [&] {
    std::vector<const Operand<T>*> list;
    for (const Operand<T>& operand : operands) list.push_back(&operand);
    return list;
  };
  if (functions.test != nullptr) {
    INGOT_ASSIGN_OR_RETURN(auto result, (map_operands<T, std::int64_t>(pointers(), functions.test, p)));
    return single_output(output_type(call, 0, DType::boolean), std::move(result.shape), result.values);
  }
  if (row.max_operands >= 0) {
    INGOT_ASSIGN_OR_RETURN(auto result, (map_operands<T, T>(pointers(), functions.scalar, p)));
    return single_output(output_type(call, 0, dtype), std::move(result.shape), result.values);
  }
  Operand<T> total = std::move(operands[0]);
  for (std::size_t k = 1; k < operands.size(); ++k) {
    INGOT_ASSIGN_OR_RETURN(total, (map_operands<T, T>({&total, &operands[k]}, functions.scalar, p)));
  }
  return single_output(output_type(call, 0, dtype), std::move(total.shape), total.values);
}

const PointwiseRow* find_row(std::string_view op) {
  const auto table = pointwise_table();
  const auto row = std::find_if(table.begin(), table.end(), [&](const PointwiseRow& r) { return r.op == op; });
  return row == table.end() ? nullptr : &*row;
}

// Computes in double when any operand is floating or the row knows no integers (Floor of an integer, say).
Result<Outputs> evaluate_pointwise(const Call& call) {
  const PointwiseRow* row = find_row(call.op);
  INGOT_CHECK(row != nullptr, "{} is not in the pointwise table", call.op);
  if (const HostTensor* text = optional_operand(call, 0);
      text != nullptr && text->dtype() == DType::string && call.op == "Equal")
    return equal_strings(call);
  INGOT_ASSIGN_OR_RETURN(const HostTensor* first, numeric_operand(call, 0, "of a pointwise operator"));
  if (row->max_operands >= 0 && call.inputs.size() > to_size(row->max_operands))
    return invalid_argument("{} operands are given; at most {} are allowed", call.inputs.size(), row->max_operands);
  const bool floats = row->f != nullptr || row->test_f != nullptr;
  const bool integers = row->i != nullptr || row->test_i != nullptr;
  if (!floats && !is_integer(first->dtype()))
    return invalid_argument("operand 0 has type {}; an integer type is needed", to_string(first->dtype()));
  DType number = first->dtype();
  for (const HostTensor* operand : call.inputs)
    if (operand != nullptr && is_float(operand->dtype()) && floats) number = DType::f64;
  if (!integers) number = DType::f64;
  return with_number_type(number, [&](auto zero) { return evaluate_as<decltype(zero)>(call, *row, first->dtype()); });
}

Result<Outputs> evaluate_mean(const Call& call) {
  Call sum = call;
  sum.op = "Sum";
  const DType wide = DType::f64;
  sum.output_types = {&wide, 1};
  INGOT_ASSIGN_OR_RETURN(const Outputs total, evaluate_pointwise(sum));
  std::vector<double> values = to_numbers<double>(total[0]);
  for (double& value : values) value /= static_cast<double>(call.inputs.size());
  return single_output(output_type(call, 0, call.inputs[0]->dtype()), total[0].shape(), values);
}

}  // namespace

std::span<const Row> pointwise_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> list;
    for (const PointwiseRow& row : pointwise_table()) list.push_back({row.op, evaluate_pointwise});
    list.push_back({"Mean", evaluate_mean});
    return list;
  }();
  return rows;
}

}  // namespace ingot::reference
