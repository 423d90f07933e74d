// SPDX-License-Identifier: Apache-2.0
#include "reference/expression.h"

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

std::vector<Expr::Scalar> to_scalars(const HostTensor& tensor, DType type) {
  std::vector<Expr::Scalar> scalars(to_size(tensor.elements()));
  if (is_float(type)) {
    const std::vector<double> values = to_numbers<double>(tensor);
    for (std::size_t i = 0; i < scalars.size(); ++i) scalars[i].f = values[i];
  } else {
    const std::vector<std::int64_t> values = to_numbers<std::int64_t>(tensor);
    for (std::size_t i = 0; i < scalars.size(); ++i) scalars[i].i = values[i];
  }
  return scalars;
}

Result<Outputs> evaluate_expression(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Expr expr, Expr::parse(call.attrs->get_string("expr", "")));
  for (std::size_t k = 0; k < call.inputs.size(); ++k) {
    INGOT_RETURN_IF_ERROR(numeric_operand(call, k, "of the expression").status());
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor result,
                         apply_expression(expr, call.inputs, output_type(call, 0, expr.result_type())));
  return outputs_of(std::move(result));
}

constexpr Row kRows[] = {{"Pointwise", evaluate_expression}};

}  // namespace

Result<HostTensor> apply_expression(const Expr& expr, std::span<const HostTensor* const> operands, DType result) {
  const std::vector<DType>& types = expr.input_types();
  if (operands.size() != types.size())
    return invalid_argument("the expression has {} inputs, but {} operands are given", types.size(), operands.size());
  std::vector<Shape> shapes;
  for (const HostTensor* operand : operands) shapes.push_back(operand->shape());
  INGOT_ASSIGN_OR_RETURN(Shape shape, broadcast_shapes(shapes));
  const std::optional<std::int64_t> count = element_count(shape);
  if (!count) return invalid_argument("broadcast result {} is too large", to_string(shape));
  std::vector<Shape> strides;
  std::vector<std::vector<Expr::Scalar>> scalars;
  for (std::size_t k = 0; k < operands.size(); ++k) {
    INGOT_ASSIGN_OR_RETURN(Shape read, broadcast_strides(shapes[k], shape));
    strides.push_back(std::move(read));
    scalars.push_back(to_scalars(*operands[k], types[k]));
  }

  const auto collect = [&](auto zero, auto pick) {
    using T = decltype(zero);
    std::vector<T> values;
    values.reserve(to_size(*count));
    std::vector<Expr::Scalar> x(operands.size());
    for_each_run(shape, strides, [&](const auto& offsets, const auto& steps, std::int64_t run) {
      for (std::int64_t i = 0; i < run; ++i) {
        for (std::size_t k = 0; k < x.size(); ++k) x[k] = scalars[k][to_size(offsets[k] + i * steps[k])];
        values.push_back(static_cast<T>(pick(expr.evaluate(x))));
      }
    });
    return from_numbers(result, shape, values);
  };
  if (is_float(expr.result_type())) return collect(double{}, [](const Expr::Scalar& value) { return value.f; });
  if (expr.result_type() == DType::u64)
    return collect(std::uint64_t{}, [](const Expr::Scalar& value) { return value.i; });
  return collect(std::int64_t{}, [](const Expr::Scalar& value) { return value.i; });
}

std::span<const Row> expression_rows() { return kRows; }

}  // namespace ingot::reference
