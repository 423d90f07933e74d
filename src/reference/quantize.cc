// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear and DequantizeLinear: per tensor, per axis, or in blocks along an axis.
#include <algorithm>
#include <cmath>

#include "reference/cast.h"
#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

struct Scales {
  const HostTensor* x = nullptr;
  const HostTensor* scale = nullptr;
  const HostTensor* zero_point = nullptr;
  std::vector<double> scales;
  std::vector<double> zero_points;  // as long as scales
  std::vector<std::size_t> index;   // which scale belongs to an element of x
};

// For every element of x the index of its scale.
Result<std::vector<std::size_t>> scale_index(const Call& call, const Shape& x, const Shape& scale) {
  std::vector<std::size_t> index(to_size(product(x)), 0);
  if (product(scale) == 1 && scale.size() <= 1) return index;
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(call.attrs->get_int("axis", 1), x.size(), "axis"));
  const std::int64_t inner = product(x, axis + 1, x.size());
  std::int64_t block = call.attrs->get_int("block_size", 0);
  if (block == 0) {
    if (scale.size() != 1 || scale[0] != x[axis])
      return invalid_argument("operand 1 (scale) has shape {}; [{}] is needed for axis {}", to_string(scale), x[axis],
                              axis);
    for (std::size_t i = 0; i < index.size(); ++i) index[i] = to_size(to_signed(i) / inner % x[axis]);
    return index;
  }
  Shape wanted = x;
  if (block > 0) wanted[axis] = (x[axis] + block - 1) / block;
  if (block < 0 || scale != wanted)
    return invalid_argument("operand 1 (scale) has shape {}; {} is needed for blocks of {}", to_string(scale),
                            to_string(wanted), block);
  for (std::size_t i = 0; i < index.size(); ++i) {
    const std::int64_t at = to_signed(i);
    index[i] = to_size((at / (inner * x[axis]) * wanted[axis] + at / inner % x[axis] / block) * inner + at % inner);
  }
  return index;
}

Result<Scales> read_scales(const Call& call) {
  Scales result;
  INGOT_ASSIGN_OR_RETURN(result.x, numeric_operand(call, 0, "x"));
  INGOT_ASSIGN_OR_RETURN(result.scale, numeric_operand(call, 1, "scale"));
  result.scales = to_numbers<double>(*result.scale);
  result.zero_points.assign(result.scales.size(), 0);
  result.zero_point = optional_operand(call, 2);
  if (result.zero_point != nullptr) {
    INGOT_ASSIGN_OR_RETURN(result.zero_points, vector_operand(call, 2, "zero_point", to_signed(result.scales.size())));
  }
  INGOT_ASSIGN_OR_RETURN(result.index, scale_index(call, result.x->shape(), result.scale->shape()));
  return result;
}

Result<Outputs> evaluate_quantize(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Scales s, read_scales(call));
  const DType to = output_type(call, 0, s.zero_point != nullptr ? s.zero_point->dtype() : DType::u8);
  // Integers and powers of two would not hold a quotient: they leave it as exact as it is.
  const bool fraction = is_float(s.scale->dtype()) && bits_of(s.scale->dtype()) > 8;
  const DType precision = call.attrs->get_dtype("precision", fraction ? s.scale->dtype() : DType::f64);
  const Limits limits = limits_of(to);
  const CastRules rules{call.attrs->get_int("saturate", 1) != 0};
  std::vector<double> values = to_numbers<double>(*s.x);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double quotient = round_to(precision, values[i] / s.scales[s.index[i]]);
    const double zero_point = s.zero_points[s.index[i]];
    if (is_float(to)) {
      values[i] = quotient + zero_point;
    } else {
      const double shifted = std::nearbyint(quotient) + zero_point;
      values[i] = std::isnan(shifted) ? 0 : std::clamp(shifted, limits.lowest_float, limits.highest_float);
    }
  }
  INGOT_ASSIGN_OR_RETURN(const HostTensor wide, from_numbers(DType::f64, s.x->shape(), values));
  INGOT_ASSIGN_OR_RETURN(HostTensor y, cast(wide, to, rules));
  return outputs_of(std::move(y));
}

Result<Outputs> evaluate_dequantize(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Scales s, read_scales(call));
  std::vector<double> values = to_numbers<double>(*s.x);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = (values[i] - s.zero_points[s.index[i]]) * s.scales[s.index[i]];
  return single_output(output_type(call, 0, s.scale->dtype()), s.x->shape(), values);
}

constexpr Row kRows[] = {{"QuantizeLinear", evaluate_quantize}, {"DequantizeLinear", evaluate_dequantize}};

}  // namespace

std::span<const Row> quantize_rows() { return kRows; }

}  // namespace ingot::reference
