// SPDX-License-Identifier: Apache-2.0
// Quantised arithmetic for devices without integer kernels: Q and DQ become pointwise work, and integer products become
// floating ones where those are exact. A sum of integer products is exact in f32, in any order, while no partial sum
// can leave 2^24; with constant weights that bound is known per output channel, and a longer sum is cut into parts
// along the input channels, which are added as integers. Such a product carries exact=1: no tactic may transform its
// operands (Winograd), no rule may scale its weights.
#include <algorithm>
#include <cmath>
#include <optional>

#include "passes/quantization_emitter.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

constexpr double kExactBelow = 0x1p24;
constexpr std::int64_t kMostParts = 8;

// The shape in which a scale or zero point of this node broadcasts: empty for one number; nullopt for blocks.
std::optional<Shape> scale_shape(const Graph& graph, const Node& root) {
  const SymShape* x = shape_of(graph, root.inputs[0]);
  const SymShape* scale = shape_of(graph, root.inputs[1]);
  if (x == nullptr || scale == nullptr || root.attrs.get_int("block_size", 0) != 0) return std::nullopt;
  if (scale->empty() || (scale->size() == 1 && scale->front() == Dim(1))) return Shape();
  if (scale->size() != 1 || !scale->front().is_constant()) return std::nullopt;
  const int axis = normal_axis(root.attrs.get_int("axis", 1), static_cast<int>(x->size()));
  if (axis < 0) return std::nullopt;
  Shape shape(x->size() - static_cast<std::size_t>(axis), 1);
  shape[0] = scale->front().value();
  return shape;
}

// (x - zero_point) * scale of constants: folded whatever its size, since a product with constant weights packs them.
std::optional<HostTensor> dequantized(const Graph& graph, const Node& root, const Shape& shape) {
  const HostTensor* x = graph.constant(root.inputs[0]);
  const HostTensor* scale = graph.constant(root.inputs[1]);
  const HostTensor* zero = input(root, 2) == kNoValue ? nullptr : graph.constant(root.inputs[2]);
  if (x == nullptr || scale == nullptr || (input(root, 2) != kNoValue && zero == nullptr)) return std::nullopt;
  Result<HostTensor> out = HostTensor::create(DType::f32, x->shape());
  if (!out.is_ok()) return std::nullopt;
  std::int64_t run = 1;  // elements that share a scale and follow each other
  for (std::size_t i = x->shape().size() - shape.size() + 1; i < x->shape().size(); ++i) run *= x->shape()[i];
  const std::int64_t channels = shape.empty() ? 1 : shape[0];
  for (std::int64_t i = 0; i < x->elements(); ++i) {
    const std::int64_t channel = i / run % channels;
    const std::int64_t offset = zero == nullptr ? 0 : zero->as_int(zero->elements() == 1 ? 0 : channel);
    out->mutable_data<float>()[i] = static_cast<float>(x->as_int(i) - offset) * scale->data<float>()[channel];
  }
  return std::move(out).value();
}

Match dequantize(const Graph& graph, const Node& root) {
  const DType from = dtype_of(graph, root.inputs[0]);
  if ((!is_small_integer(from) && from != DType::i32) || dtype_of(graph, root.outputs[0]) != DType::f32)
    return no_match();
  const std::optional<Shape> shape = scale_shape(graph, root);
  if (!shape || dtype_of(graph, root.inputs[1]) != DType::f32) return no_match();
  Emitter emit(graph, root, "dequantize");
  if (std::optional<HostTensor> known = dequantized(graph, root, *shape))
    return emit.finish(emit.patch().add_constant(graph.value(root.outputs[0]).name, share(*std::move(known))));
  INGOT_ASSIGN_OR_RETURN(const ValueId x, emit.centred(root.inputs[0], input(root, 2), *shape));
  INGOT_ASSIGN_OR_RETURN(const ValueId scale, emit.shaped(root.inputs[1], *shape));
  INGOT_ASSIGN_OR_RETURN(const ValueId y, emit("Mul", {x, scale}));
  return emit.finish(y);
}

Match quantize(const Graph& graph, const Node& root) {
  const DType to = dtype_of(graph, root.outputs[0]);
  const std::optional<Shape> shape = scale_shape(graph, root);
  if (!shape || !is_small_integer(to) || dtype_of(graph, root.inputs[0]) != DType::f32 ||
      dtype_of(graph, root.inputs[1]) != DType::f32)
    return no_match();
  Emitter emit(graph, root, "quantize");
  INGOT_ASSIGN_OR_RETURN(const ValueId scale, emit.shaped(root.inputs[1], *shape));
  INGOT_ASSIGN_OR_RETURN(const ValueId scaled, emit("Div", {root.inputs[0], scale}));
  INGOT_ASSIGN_OR_RETURN(const ValueId y, emit.saturated(scaled, input(root, 2), to, *shape));
  return emit.finish(y);
}

// Scale and zero point from the extremes of x, zero included, as ONNX defines; a range of nothing has the scale 1.
Match dynamic_quantize(const Graph& graph, const Node& root) {
  if (rank_of(graph, root.inputs[0]) < 0) return no_match();
  Emitter emit(graph, root, "dynamic_quantize");
  const ValueId x = root.inputs[0];
  const ValueId none = emit.number(0);
  const auto extreme = [&](const char* reduce, const char* with_zero) -> Result<ValueId> {
    INGOT_ASSIGN_OR_RETURN(const ValueId found, emit(reduce, {x}, Attrs{{"keepdims", std::int64_t{0}}}));
    return emit(with_zero, {found, none});
  };
  INGOT_ASSIGN_OR_RETURN(const ValueId low, extreme("ReduceMin", "Min"));
  INGOT_ASSIGN_OR_RETURN(const ValueId high, extreme("ReduceMax", "Max"));
  INGOT_ASSIGN_OR_RETURN(const ValueId span, emit("Sub", {high, low}));
  INGOT_ASSIGN_OR_RETURN(const ValueId step, emit("Div", {span, emit.number(255)}));
  INGOT_ASSIGN_OR_RETURN(const ValueId flat, emit("Equal", {span, none}));
  INGOT_ASSIGN_OR_RETURN(const ValueId scale, emit("Where", {flat, emit.number(1), step}));
  INGOT_ASSIGN_OR_RETURN(const ValueId below, emit("Sub", {none, low}));
  INGOT_ASSIGN_OR_RETURN(const ValueId steps, emit("Div", {below, scale}));
  INGOT_ASSIGN_OR_RETURN(const ValueId zero, emit.saturated(steps, kNoValue, DType::u8));
  INGOT_ASSIGN_OR_RETURN(const ValueId scaled, emit("Div", {x, scale}));
  INGOT_ASSIGN_OR_RETURN(const ValueId y, emit.saturated(scaled, zero, DType::u8));
  for (std::size_t i = 1; i < root.outputs.size(); ++i)
    if (root.outputs[i] != kNoValue) emit.patch().replace(root.outputs[i], i == 1 ? scale : zero);
  return emit.finish(y);
}

// Constant weights minus their zero point; [M, C, ...] with a zero point per M, or [K, N] with one per N.
std::optional<HostTensor> centred_weights(const HostTensor& w, const HostTensor* zero, bool per_row) {
  const std::int64_t channels = w.shape()[per_row ? 0 : w.shape().size() - 1];
  const std::int64_t zeros = zero == nullptr ? 1 : zero->elements();
  if (zeros != 1 && zeros != channels) return std::nullopt;
  Result<HostTensor> out = HostTensor::create(DType::f32, w.shape());
  if (!out.is_ok()) return std::nullopt;
  const std::int64_t run = per_row ? std::max<std::int64_t>(w.elements() / std::max<std::int64_t>(channels, 1), 1) : 1;
  for (std::int64_t i = 0; i < w.elements(); ++i) {
    const std::int64_t channel = i / run % channels;
    const std::int64_t offset = zero == nullptr ? 0 : zero->as_int(zeros == 1 ? 0 : channel);
    out->mutable_data<float>()[i] = static_cast<float>(w.as_int(i) - offset);
  }
  return std::move(out).value();
}

// The largest magnitude of x - zero_point.
double most_of(const Graph& graph, ValueId x, ValueId zero_point) {
  const auto [low, high] = range_of(dtype_of(graph, x));
  if (zero_point == kNoValue) return std::max(-low, high);
  const std::optional<double> zero = splat(graph, zero_point);
  return zero ? std::max(*zero - low, high - *zero) : high - low;
}

// How a product's weights are laid out: sums run over [begin, begin + length) of the input channels.
struct Layout {
  bool conv = true;
  std::int64_t outputs = 0, inputs = 0, taps = 1;  // per group
  [[nodiscard]] std::int64_t at(std::int64_t output, std::int64_t in, std::int64_t tap) const {
    return conv ? (output * inputs + in) * taps + tap : in * outputs + output;
  }
};

// The smallest number of equal parts of the input channels whose sums stay exact; 0 when there is none.
std::int64_t parts_of(const HostTensor& w, const Layout& layout, double most, bool one_group) {
  for (std::int64_t parts = 1; parts <= (one_group ? kMostParts : 1); parts *= 2) {
    if (layout.inputs % parts != 0) return 0;
    const std::int64_t length = layout.inputs / parts;
    double worst = 0;
    for (std::int64_t output = 0; output < layout.outputs; ++output)
      for (std::int64_t part = 0; part < parts; ++part) {
        double sum = 0;
        for (std::int64_t i = part * length; i < (part + 1) * length; ++i)
          for (std::int64_t tap = 0; tap < layout.taps; ++tap)
            sum += std::abs(static_cast<double>(w.data<float>()[layout.at(output, i, tap)]));
        worst = std::max(worst, sum * most);
      }
    if (worst < kExactBelow) return parts;
  }
  return 0;
}

HostTensor slice_inputs(const HostTensor& w, const Layout& layout, std::int64_t begin, std::int64_t length) {
  Shape shape = w.shape();
  shape[layout.conv ? 1 : 0] = length;
  HostTensor out = HostTensor::create(DType::f32, shape).value();
  Layout cut = layout;
  cut.inputs = length;
  for (std::int64_t output = 0; output < layout.outputs; ++output)
    for (std::int64_t i = 0; i < length; ++i)
      for (std::int64_t tap = 0; tap < layout.taps; ++tap)
        out.mutable_data<float>()[cut.at(output, i, tap)] = w.data<float>()[layout.at(output, begin + i, tap)];
  return out;
}

struct Operands {
  ValueId x = kNoValue, x_zero = kNoValue, w = kNoValue, w_zero = kNoValue, bias = kNoValue;
};

// The integer sums as f32 (`as_integer` false: rounded where several parts add up to more) or i32; kNoValue when they
// are not known to be exact.
Result<ValueId> exact_product(Emitter& emit, const Graph& graph, const Node& root, const Operands& in, bool conv,
                              bool as_integer) {
  const HostTensor* w = graph.constant(in.w);
  const HostTensor* w_zero = in.w_zero == kNoValue ? nullptr : graph.constant(in.w_zero);
  if (w == nullptr || (in.w_zero != kNoValue && w_zero == nullptr) || !is_byte(dtype_of(graph, in.x)) ||
      !is_byte(w->dtype()) || w->elements() == 0 || w->rank() < (conv ? 3 : 2) || (!conv && w->rank() != 2))
    return kNoValue;
  // A zero point per row of A, which ONNX allows, stays with the evaluator.
  const SymShape* zero_shape = in.x_zero == kNoValue ? nullptr : shape_of(graph, in.x_zero);
  if (in.x_zero != kNoValue && (zero_shape == nullptr || !is_single_element(*zero_shape))) return kNoValue;
  const HostTensor* bias = in.bias == kNoValue ? nullptr : graph.constant(in.bias);
  if (in.bias != kNoValue && bias == nullptr) return kNoValue;
  std::optional<HostTensor> weights = centred_weights(*w, w_zero, conv);
  if (!weights) return kNoValue;
  Layout layout{conv, w->shape()[conv ? 0 : 1], w->shape()[conv ? 1 : 0], 1};
  if (conv) layout.taps = w->elements() / (layout.outputs * layout.inputs);
  const bool one_group = root.attrs.get_int("group", 1) == 1;
  const std::int64_t parts = parts_of(*weights, layout, most_of(graph, in.x, in.x_zero), one_group);
  const SymShape* x_shape = shape_of(graph, in.x);
  if (parts == 0 || x_shape == nullptr) return kNoValue;
  INGOT_ASSIGN_OR_RETURN(const ValueId x, emit.centred(in.x, in.x_zero));
  Attrs attrs = root.attrs;
  attrs.set("exact", std::int64_t{1});
  const std::int64_t length = layout.inputs / parts;
  const std::int64_t axis = conv ? 1 : static_cast<std::int64_t>(x_shape->size()) - 1;
  ValueId sum = kNoValue;
  for (std::int64_t part = 0; part < parts; ++part) {
    ValueId piece = x;
    if (parts > 1) {
      INGOT_ASSIGN_OR_RETURN(piece, emit("Slice", {x, int_constant(emit.patch(), {part * length}),
                                                   int_constant(emit.patch(), {(part + 1) * length}),
                                                   int_constant(emit.patch(), {axis})}));
    }
    const ValueId cut = emit.patch().add_constant("", share(slice_inputs(*weights, layout, part * length, length)));
    INGOT_ASSIGN_OR_RETURN(ValueId product, emit(conv ? "Conv" : "MatMul", {piece, cut}, Attrs(attrs)));
    if (parts > 1 || as_integer || bias != nullptr) {
      INGOT_ASSIGN_OR_RETURN(product, emit("Cast", {product}, Attrs{{"to", DType::i32}}));
    }
    if (sum != kNoValue) {
      INGOT_ASSIGN_OR_RETURN(product, emit("Add", {sum, product}));
    }
    sum = product;
  }
  if (bias != nullptr) {
    Shape shape(x_shape->size() - 1, 1);
    shape[0] = bias->elements();
    INGOT_ASSIGN_OR_RETURN(const ValueId summand, emit("Reshape", {in.bias, int_constant(emit.patch(), shape)}));
    INGOT_ASSIGN_OR_RETURN(sum, emit("Add", {sum, summand}));
  }
  if (!as_integer && (parts > 1 || bias != nullptr)) return emit.to_float(sum);
  return sum;
}

Match integer_product(const Graph& graph, const Node& root) {
  const bool conv = root.op == "ConvInteger";
  Emitter emit(graph, root, "integer_product");
  const Operands in{root.inputs[0], input(root, 2), root.inputs[1], input(root, 3), kNoValue};
  INGOT_ASSIGN_OR_RETURN(const ValueId y, exact_product(emit, graph, root, in, conv, true));
  return y == kNoValue ? no_match() : emit.finish(y);
}

Match quantized_product(const Graph& graph, const Node& root) {
  const bool conv = root.op == "QLinearConv";
  const DType to = dtype_of(graph, root.outputs[0]);
  const int rank = rank_of(graph, root.outputs[0]);
  if (!is_byte(to) || rank < 2) return no_match();
  std::optional<HostTensor> factor =
      requantize_factor(graph, root.inputs[1], root.inputs[4], root.inputs[6], conv ? rank - 2 : 0);
  const SymShape* y_zero = shape_of(graph, root.inputs[7]);
  if (!factor || y_zero == nullptr || !is_single_element(*y_zero)) return no_match();
  Emitter emit(graph, root, "quantized_product");
  const Operands in{root.inputs[0], root.inputs[2], root.inputs[3], root.inputs[5], conv ? input(root, 8) : kNoValue};
  INGOT_ASSIGN_OR_RETURN(const ValueId sum, exact_product(emit, graph, root, in, conv, false));
  if (sum == kNoValue) return no_match();
  INGOT_ASSIGN_OR_RETURN(const ValueId scaled,
                         emit("Mul", {sum, emit.patch().add_constant("", share(*std::move(factor)))}));
  INGOT_ASSIGN_OR_RETURN(const ValueId y, emit.saturated(scaled, root.inputs[7], to));
  return emit.finish(y);
}

}  // namespace

Rules quantization_rules() {
  return {{"dequantize", {"DequantizeLinear"}, dequantize}, {"quantize", {"QuantizeLinear"}, quantize}};
}

Rules dynamic_quantize_rules() { return {{"dynamic_quantize", {"DynamicQuantizeLinear"}, dynamic_quantize}}; }

Rules float_product_rules() {
  return {{"integer_product", {"ConvInteger", "MatMulInteger"}, integer_product},
          {"quantized_product", {"QLinearConv", "QLinearMatMul"}, quantized_product}};
}

}  // namespace ingot::passes
