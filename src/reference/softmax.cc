// SPDX-License-Identifier: Apache-2.0
// Softmax, LogSoftmax, Hardmax and LpNormalization: each line along an axis is normalised by itself.
#include <algorithm>
#include <cmath>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

using Line = std::vector<double>;

void softmax(Line& line, double) {
  const double top = *std::max_element(line.begin(), line.end());
  double sum = 0;
  for (double& value : line) sum += value = std::exp(value - top);
  for (double& value : line) value /= sum;
}

void log_softmax(Line& line, double) {
  const double top = *std::max_element(line.begin(), line.end());
  double sum = 0;
  for (double value : line) sum += std::exp(value - top);
  for (double& value : line) value = value - top - std::log(sum);
}

void hardmax(Line& line, double) {
  const auto at = std::max_element(line.begin(), line.end()) - line.begin();
  std::fill(line.begin(), line.end(), 0.0);
  line[to_size(at)] = 1;
}

void lp_normalize(Line& line, double p) {
  double sum = 0;
  for (double value : line) sum += p == 1 ? std::abs(value) : value * value;
  const double norm = p == 1 ? sum : std::sqrt(sum);
  for (double& value : line) value = norm == 0 ? 0 : value / norm;
}

template <void (*kNormalize)(Line&, double)>
Result<Outputs> evaluate_lines(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "input", 1));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                         normalize_axis(call.attrs->get_int("axis", -1), x->shape().size(), "axis"));
  const double p = static_cast<double>(call.attrs->get_int("p", 2));
  const std::int64_t dim = x->shape()[axis];
  const std::int64_t inner = product(x->shape(), axis + 1, x->shape().size());
  const std::int64_t lines = dim == 0 ? 0 : product(x->shape(), 0, axis) * inner;
  std::vector<double> values = to_numbers<double>(*x);
  Line line(to_size(dim));
  for (std::int64_t l = 0; l < lines; ++l) {
    double* first = values.data() + l / inner * dim * inner + l % inner;
    for (std::int64_t i = 0; i < dim; ++i) line[to_size(i)] = first[i * inner];
    kNormalize(line, p);
    for (std::int64_t i = 0; i < dim; ++i) first[i * inner] = line[to_size(i)];
  }
  return single_output(output_type(call, 0, x->dtype()), x->shape(), values);
}

constexpr Row kRows[] = {
    {"Softmax", evaluate_lines<softmax>},
    {"LogSoftmax", evaluate_lines<log_softmax>},
    {"Hardmax", evaluate_lines<hardmax>},
    {"LpNormalization", evaluate_lines<lp_normalize>},
};

}  // namespace

std::span<const Row> softmax_rows() { return kRows; }

}  // namespace ingot::reference
