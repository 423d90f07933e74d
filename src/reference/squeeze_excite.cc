// SPDX-License-Identifier: Apache-2.0
// SqueezeExcite: the scales of channels, from the means over the pixels by way of two products, and the map times
// these.
#include "expr/expr.h"
#include "reference/expression.h"
#include "reference/families.h"

namespace ingot::reference {

namespace {

// y[i] = f(bias[i] + sum over k of w[i, k] * v[k]), for each of `count` vectors v.
Result<std::vector<double>> dense(const Call& call, std::size_t weights, const std::vector<double>& v,
                                  std::int64_t count, std::string_view activation) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* w_tensor, numeric_operand(call, weights, weights == 1 ? "W1" : "W2", 2));
  const std::int64_t length = to_signed(v.size()) / count, rows = w_tensor->shape()[0];
  if (w_tensor->elements() != rows * length)
    return invalid_argument("operand {} has shape {}; rows of {} elements are needed", weights,
                            to_string(w_tensor->shape()), length);
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> bias,
                         vector_operand(call, weights + 1, weights == 1 ? "B1" : "B2", rows));
  const std::vector<double> w = to_numbers<double>(*w_tensor);
  std::vector<double> y(to_size(count * rows));
  for (std::int64_t n = 0; n < count; ++n)
    for (std::int64_t i = 0; i < rows; ++i) {
      double sum = bias.empty() ? 0 : bias[to_size(i)];
      for (std::int64_t k = 0; k < length; ++k) sum += w[to_size(i * length + k)] * v[to_size(n * length + k)];
      y[to_size(n * rows + i)] = sum;
    }
  const std::string text = call.attrs->get_string(activation, "");
  if (text.empty()) return y;
  INGOT_ASSIGN_OR_RETURN(const Expr expr, Expr::parse(text));
  if (expr.input_types().size() != 1) return invalid_argument("attribute {} is no function of one value", activation);
  INGOT_ASSIGN_OR_RETURN(const HostTensor sums, from_numbers(DType::f64, {to_signed(y.size())}, y));
  const HostTensor* const operand = &sums;
  INGOT_ASSIGN_OR_RETURN(const HostTensor result, apply_expression(expr, {&operand, 1}, DType::f64));
  return to_numbers<double>(result);
}

Result<Outputs> evaluate_squeeze_excite(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x_tensor, numeric_operand(call, 0, "X", 2));
  const Shape& shape = x_tensor->shape();
  const std::int64_t images = shape[0], channels = shape.back();
  if (x_tensor->elements() == 0) return invalid_argument("operand 0 (X) of shape {} has no elements", to_string(shape));
  const std::int64_t pixels = x_tensor->elements() / (images * channels);
  std::vector<double> x = to_numbers<double>(*x_tensor);
  std::vector<double> means(to_size(images * channels), 0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t at = to_signed(i);
    means[to_size(at / (pixels * channels) * channels + at % channels)] += x[i] / static_cast<double>(pixels);
  }
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> squeezed, dense(call, 1, means, images, "squeeze"));
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> scales, dense(call, 3, squeezed, images, "excite"));
  if (to_signed(scales.size()) != images * channels)
    return invalid_argument("{} scales for {} channels", to_signed(scales.size()) / images, channels);
  const DType type = output_type(call, 0, x_tensor->dtype());
  if (call.attrs->get_int("scales_only", 0) != 0) {
    Shape small(shape.size(), 1);
    small.front() = images;
    small.back() = channels;
    return single_output(type, small, scales);
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t at = to_signed(i);
    x[i] *= scales[to_size(at / (pixels * channels) * channels + at % channels)];
  }
  return single_output(type, shape, x);
}

constexpr Row kRows[] = {{"SqueezeExcite", evaluate_squeeze_excite}};

}  // namespace

std::span<const Row> squeeze_excite_rows() { return kRows; }

}  // namespace ingot::reference
