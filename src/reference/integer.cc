// SPDX-License-Identifier: Apache-2.0
// Products of quantised operands: the zero points go first, then Conv or MatMul work on exact integers.
#include <algorithm>
#include <cmath>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

// A scale or zero point of one element, or of one per index of `axis` of a tensor of that rank, ready to broadcast.
Result<HostTensor> aligned(const HostTensor& value, std::size_t rank, std::size_t axis) {
  if (value.rank() != 1 || value.elements() == 1 || rank == 0) return value;
  Shape shape(rank, 1);
  shape[std::min(axis, rank - 1)] = value.elements();
  return value.reshaped(shape);
}

// x - zero_point in i64.
Result<HostTensor> centered(const Call& call, std::size_t x_index, std::size_t zero_index, std::size_t axis) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, x_index, "x"));
  std::vector<std::int64_t> values = to_numbers<std::int64_t>(*x);
  if (const HostTensor* zero = optional_operand(call, zero_index)) {
    INGOT_ASSIGN_OR_RETURN(const HostTensor point, aligned(*zero, x->shape().size(), axis));
    const bool single = point.elements() == 1;
    INGOT_ASSIGN_OR_RETURN(const Shape strides, broadcast_strides(single ? Shape{} : point.shape(), x->shape()));
    const auto zeros = to_numbers<std::int64_t>(point);
    std::size_t i = 0;
    for_each_element(x->shape(), {strides}, [&](const auto& at) { values[i++] -= zeros[to_size(at[0])]; });
  }
  return from_numbers(DType::i64, x->shape(), values);
}

struct Layout {
  std::string_view product;  // the operator that works on the centred operands
  bool conv;
};

constexpr Layout kConv{"Conv", true};
constexpr Layout kMatMul{"MatMul", false};

// The axis along which an operand's scales may vary: output channels, rows of A, columns of B.
std::size_t scale_axis(const Layout& layout, const HostTensor& operand, bool second) {
  if (layout.conv) return 0;
  const std::size_t rank = operand.shape().size();
  return second || rank < 2 ? std::max<std::size_t>(rank, 1) - 1 : rank - 2;
}

// The integer product of operands x and w, in i64.
Result<HostTensor> integer_product(const Call& call, const Layout& layout, std::size_t x, std::size_t x_zero,
                                   std::size_t w, std::size_t w_zero, const HostTensor* bias) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x_tensor, numeric_operand(call, x, "x", 1));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* w_tensor, numeric_operand(call, w, "w", 1));
  INGOT_ASSIGN_OR_RETURN(const HostTensor a, centered(call, x, x_zero, scale_axis(layout, *x_tensor, false)));
  INGOT_ASSIGN_OR_RETURN(const HostTensor b, centered(call, w, w_zero, scale_axis(layout, *w_tensor, true)));
  const HostTensor* inputs[] = {&a, &b, bias};
  const DType type = DType::i64;
  // What is applied around this operator is not for the product inside.
  Attrs attrs = *call.attrs;
  for (const char* name : {"epilogue", "epilogue_inputs", "channels_last"}) attrs.erase(name);
  Call inner = call;
  inner.op = layout.product;
  inner.attrs = &attrs;
  inner.inputs = inputs;
  inner.output_count = 1;
  inner.output_types = {&type, 1};
  INGOT_ASSIGN_OR_RETURN(Outputs outputs, evaluate(inner));
  return std::move(outputs[0]);
}

template <const Layout& kLayout>
Result<Outputs> evaluate_integer(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor sum, integer_product(call, kLayout, 0, 2, 1, 3, nullptr));
  return single_output(output_type(call, 0, DType::i32), sum.shape(), to_numbers<std::int64_t>(sum));
}

// round(sum * x_scale * w_scale / y_scale) + y_zero_point, saturated.
template <const Layout& kLayout>
Result<Outputs> evaluate_quantized(const Call& call) {
  for (std::size_t k = 0; k < 8; ++k) {
    INGOT_RETURN_IF_ERROR(numeric_operand(call, k, "of a quantised product").status());
  }
  const HostTensor* bias = kLayout.conv ? optional_operand(call, 8) : nullptr;
  INGOT_ASSIGN_OR_RETURN(const HostTensor sum, integer_product(call, kLayout, 0, 2, 3, 5, bias));
  const std::size_t rank = sum.shape().size();
  const std::size_t axes[] = {kLayout.conv ? 1 : rank < 2 ? 0 : rank - 2, kLayout.conv ? 1 : rank - (rank > 0 ? 1 : 0)};
  // One factor in single precision, as every other implementation has it: results agree to the last bit.
  std::vector<double> factors(to_size(sum.elements()), 1.0);
  for (std::size_t which = 0; which < 2; ++which) {
    INGOT_ASSIGN_OR_RETURN(const HostTensor scale, aligned(*call.inputs[which == 0 ? 1 : 4], rank, axes[which]));
    INGOT_ASSIGN_OR_RETURN(const Shape strides,
                           broadcast_strides(scale.elements() == 1 ? Shape{} : scale.shape(), sum.shape()));
    const std::vector<double> scales = to_numbers<double>(scale);
    std::size_t i = 0;
    for_each_element(sum.shape(), {strides}, [&](const auto& at) {
      factors[i] = round_to(DType::f32, factors[i] * scales[to_size(at[0])]);
      ++i;
    });
  }
  const HostTensor& y_scale = *call.inputs[6];
  const HostTensor& y_zero = *call.inputs[7];
  if (y_scale.elements() != 1 || y_zero.elements() != 1) return unsupported("a y_scale of more than one element");
  const DType to = output_type(call, 0, y_zero.dtype());
  const Limits limits = limits_of(to);
  std::vector<double> values = to_numbers<double>(sum);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double factor = round_to(DType::f32, factors[i] / y_scale.as_double(0));
    const double scaled = round_to(DType::f32, round_to(DType::f32, values[i]) * factor);
    values[i] = std::clamp(std::nearbyint(scaled) + y_zero.as_double(0), limits.lowest_float, limits.highest_float);
  }
  return single_output(to, sum.shape(), values);
}

// u8 with a range that includes 0; scale and zero point are results too. Each operation rounds to f32, as the
// specification's arithmetic does: a scale off by one unit would move elements that lie between two steps.
Result<Outputs> evaluate_dynamic_quantize(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "x"));
  std::vector<double> values = to_numbers<double>(*x);
  double low = 0;
  double high = 0;
  for (double value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double scale = round_to(DType::f32, round_to(DType::f32, high - low) / 255);
  if (scale == 0) scale = 1;
  const double zero = std::clamp(std::nearbyint(round_to(DType::f32, -low / scale)), 0.0, 255.0);
  for (double& value : values)
    value = std::clamp(std::nearbyint(round_to(DType::f32, value / scale)) + zero, 0.0, 255.0);
  INGOT_ASSIGN_OR_RETURN(HostTensor y, from_numbers(DType::u8, x->shape(), values));
  return outputs_of(std::move(y), HostTensor::scalar(DType::f32, scale), HostTensor::scalar(DType::u8, zero));
}

constexpr Row kRows[] = {
    {"ConvInteger", evaluate_integer<kConv>},
    {"MatMulInteger", evaluate_integer<kMatMul>},
    {"QLinearConv", evaluate_quantized<kConv>},
    {"QLinearMatMul", evaluate_quantized<kMatMul>},
    {"DynamicQuantizeLinear", evaluate_dynamic_quantize},
};

}  // namespace

std::span<const Row> integer_rows() { return kRows; }

}  // namespace ingot::reference
