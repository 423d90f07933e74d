// SPDX-License-Identifier: Apache-2.0
// Quantised arithmetic for devices with integer kernels. Every product of quantised operands, however it is written
// (QLinearConv, a Conv between DequantizeLinear and QuantizeLinear, ...), becomes the product of the integers, exact,
// and pointwise work on its sums, which fusion then gives to the product as its epilogue. What lies between two such
// products is then bytes: Q and DQ are gone.
//
// A product of dequantised operands is sum * (x_scale * w_scale) + bias, in f32 from the exact sum: at least as near to
// the real result as the same product in f32.
#include <optional>

#include "passes/quantization_emitter.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

struct Product {
  bool conv = true;
  ValueId x = kNoValue, x_zero = kNoValue, w = kNoValue, w_zero = kNoValue;
};

bool is_single(const Graph& graph, ValueId value) {
  const SymShape* shape = shape_of(graph, value);
  return shape != nullptr && is_single_element(*shape);
}

// The elements of a constant, 0 where it is none.
std::int64_t known_elements(const Graph& graph, ValueId value) {
  const HostTensor* constant = graph.constant(value);
  return constant == nullptr ? 0 : constant->elements();
}

// Whether integer kernels take it: bytes, weights of known sizes, one zero point for x.
bool fits(const Graph& graph, const Product& product) {
  const SymShape* w = shape_of(graph, product.w);
  if (w == nullptr || !is_byte(dtype_of(graph, product.w)) || !is_byte(dtype_of(graph, product.x))) return false;
  const std::optional<Shape> sizes = concrete(*w);
  if (!sizes || element_count(*sizes).value_or(0) == 0) return false;
  const std::size_t rank = sizes->size();
  if (product.conv ? rank < 3 || rank > 5 : rank != 2 || rank_of(graph, product.x) < 1) return false;
  if (product.x_zero != kNoValue && !is_single(graph, product.x_zero)) return false;
  if (product.w_zero == kNoValue || is_single(graph, product.w_zero)) return true;
  return known_elements(graph, product.w_zero) == (*sizes)[product.conv ? 0 : 1];
}

Result<ValueId> emit_sums(Emitter& emit, const Product& product, const Attrs& attrs) {
  std::vector<ValueId> operands{product.x, product.w};
  if (product.x_zero != kNoValue || product.w_zero != kNoValue) operands.push_back(product.x_zero);
  if (product.w_zero != kNoValue) operands.push_back(product.w_zero);
  return emit(product.conv ? "ConvInteger" : "MatMulInteger", std::move(operands), Attrs(attrs));
}

// One value per output channel, as it broadcasts to a result of that rank.
Result<ValueId> per_channel(Emitter& emit, const Graph& graph, ValueId x, bool conv, int rank) {
  if (!conv || is_single(graph, x)) return x;
  Shape shape(static_cast<std::size_t>(rank) - 1, 1);
  shape[0] = -1;
  return emit("Reshape", {x, int_constant(emit.patch(), shape)});
}

Match quantized_product(const Graph& graph, const Node& root) {
  const bool conv = root.op == "QLinearConv";
  const DType to = dtype_of(graph, root.outputs[0]);
  const int rank = rank_of(graph, root.outputs[0]);
  const Product product{conv, root.inputs[0], root.inputs[2], root.inputs[3], root.inputs[5]};
  if (!is_byte(to) || rank < 2 || !fits(graph, product) || !is_single(graph, root.inputs[7])) return no_match();
  std::optional<HostTensor> factor =
      requantize_factor(graph, root.inputs[1], root.inputs[4], root.inputs[6], conv ? rank - 2 : 0);
  if (!factor) return no_match();
  Emitter emit(graph, root, "quantized_product");
  INGOT_ASSIGN_OR_RETURN(ValueId y, emit_sums(emit, product, root.attrs));
  if (conv && input(root, 8) != kNoValue) {
    INGOT_ASSIGN_OR_RETURN(const ValueId bias, per_channel(emit, graph, root.inputs[8], conv, rank));
    INGOT_ASSIGN_OR_RETURN(y, emit("Add", {y, bias}));
  }
  INGOT_ASSIGN_OR_RETURN(y, emit.to_float(y));
  INGOT_ASSIGN_OR_RETURN(y, emit("Mul", {y, emit.patch().add_constant("", share(*std::move(factor)))}));
  INGOT_ASSIGN_OR_RETURN(y, emit.saturated(y, root.inputs[7], to));
  return emit.finish(y);
}

// DequantizeLinear to f32 with constant scales: one, or one per index of `axis` (negative: only one).
const Node* dequantized(const Graph& graph, ValueId value, int axis) {
  const Node* node = producer(graph, value, "DequantizeLinear");
  if (node == nullptr || !is_byte(dtype_of(graph, node->inputs[0])) || node->attrs.get_int("block_size", 0) != 0 ||
      dtype_of(graph, node->outputs[0]) != DType::f32 || dtype_of(graph, node->inputs[1]) != DType::f32)
    return nullptr;
  const std::int64_t scales = known_elements(graph, node->inputs[1]);
  if (scales == 1) return node;
  const int rank = rank_of(graph, node->inputs[0]);
  return scales > 1 && axis >= 0 && normal_axis(node->attrs.get_int("axis", 1), rank) == axis ? node : nullptr;
}

Match product_of_dequantized(const Graph& graph, const Node& root) {
  const bool conv = root.op == "Conv";
  const bool trans_b = root.attrs.get_int("transB", 0) != 0;
  if (root.attrs.get_int("transA", 0) != 0 || root.attrs.get_float("alpha", 1) != 1 ||
      root.attrs.get_float("beta", 1) != 1 || root.attrs.has("epilogue"))
    return no_match();
  const int channel_axis = conv || trans_b ? 0 : 1;
  const Node* x = dequantized(graph, root.inputs[0], -1);
  const Node* w = dequantized(graph, root.inputs[1], channel_axis);
  const int rank = rank_of(graph, root.outputs[0]);
  if (x == nullptr || w == nullptr || rank < 1 || rank_of(graph, w->inputs[0]) < 2) return no_match();
  Product product{conv, x->inputs[0], input(*x, 2), w->inputs[0], input(*w, 2)};
  const HostTensor* weights = graph.constant(product.w);
  if (weights == nullptr) return no_match();
  Emitter emit(graph, root, "product_of_dequantized");
  if (trans_b) {
    if (weights->rank() != 2) return no_match();
    HostTensor turned = HostTensor::create(weights->dtype(), {weights->shape()[1], weights->shape()[0]}).value();
    for (std::int64_t i = 0; i < weights->shape()[0]; ++i)
      for (std::int64_t k = 0; k < weights->shape()[1]; ++k)
        turned.set_int(k * weights->shape()[0] + i, weights->as_int(i * weights->shape()[1] + k));
    product.w = emit.patch().add_constant("", share(std::move(turned)));
  }
  Product as_written = product;
  as_written.w = w->inputs[0];
  if (!fits(graph, as_written)) {
    // Zero points count columns, which a transposed B has as rows.
    const std::int64_t zeros = product.w_zero == kNoValue ? 1 : known_elements(graph, product.w_zero);
    if (!trans_b || (zeros != 1 && zeros != weights->shape()[0]) || !is_byte(weights->dtype()) ||
        (product.x_zero != kNoValue && !is_single(graph, product.x_zero)))
      return no_match();
  }
  const HostTensor* w_scale = graph.constant(w->inputs[1]);
  const auto x_scale = static_cast<float>(graph.constant(x->inputs[1])->as_double(0));
  Shape shape;
  if (w_scale->elements() > 1) {
    if (conv) shape.assign(static_cast<std::size_t>(rank) - 2, 1);
    shape.insert(shape.begin(), w_scale->elements());
  }
  HostTensor factor = HostTensor::create(DType::f32, shape).value();
  for (std::int64_t i = 0; i < w_scale->elements(); ++i)
    factor.mutable_data<float>()[i] = x_scale * w_scale->data<float>()[i];
  Attrs attrs;
  if (conv) attrs = root.attrs;
  INGOT_ASSIGN_OR_RETURN(ValueId y, emit_sums(emit, product, attrs));
  INGOT_ASSIGN_OR_RETURN(y, emit.to_float(y));
  INGOT_ASSIGN_OR_RETURN(y, emit("Mul", {y, emit.patch().add_constant("", share(std::move(factor)))}));
  if (input(root, 2) != kNoValue) {
    INGOT_ASSIGN_OR_RETURN(const ValueId bias, per_channel(emit, graph, root.inputs[2], conv, rank));
    INGOT_ASSIGN_OR_RETURN(y, emit("Add", {y, bias}));
  }
  return emit.finish(y);
}

// Operators that only choose among elements work on the quantised numbers: a larger one stays the larger one.
Match sink_dequantize(const Graph& graph, const Node& root) {
  const Node* x = dequantized(graph, root.inputs[0], -1);
  if (x == nullptr || graph.constant(x->inputs[0]) != nullptr) return no_match();
  if (known_elements(graph, x->inputs[1]) != 1 || !(graph.constant(x->inputs[1])->as_double(0) > 0)) return no_match();
  if (input(*x, 2) != kNoValue && !is_single(graph, x->inputs[2])) return no_match();
  for (std::size_t i = 1; i < root.outputs.size(); ++i)
    if (root.outputs[i] != kNoValue) return no_match();
  Emitter emit(graph, root, "sink_dequantize");
  std::vector<ValueId> operands = root.inputs;
  operands[0] = x->inputs[0];
  INGOT_ASSIGN_OR_RETURN(const ValueId chosen, emit(root.op, std::move(operands), Attrs(root.attrs)));
  std::vector<ValueId> scaling = x->inputs;
  scaling[0] = chosen;
  INGOT_ASSIGN_OR_RETURN(const ValueId y, emit("DequantizeLinear", std::move(scaling)));
  return emit.finish(y);
}

bool same_number(const Graph& graph, ValueId a, ValueId b) {
  if (a == b) return true;
  const std::optional<double> x = a == kNoValue ? 0.0 : scalar(graph, a);
  const std::optional<double> y = b == kNoValue ? 0.0 : scalar(graph, b);
  return x && y && *x == *y;
}

// Quantising what was dequantised with the same scale and zero point gives the number that it was.
Match requantize_identity(const Graph& graph, const Node& root) {
  const Node* x = dequantized(graph, root.inputs[0], -1);
  if (x == nullptr || dtype_of(graph, root.outputs[0]) != dtype_of(graph, x->inputs[0])) return no_match();
  const auto scale = scalar(graph, x->inputs[1]);
  if (!scale || !(*scale > 1e-30) || root.attrs.get_int("block_size", 0) != 0 ||
      !same_number(graph, root.inputs[1], x->inputs[1]) || !same_number(graph, input(root, 2), input(*x, 2)))
    return no_match();
  return replace(new_patch(graph, "requantize_identity"), root.outputs[0], x->inputs[0]);
}

}  // namespace

Rules integer_product_rules() {
  return {{"quantized_product", {"QLinearConv", "QLinearMatMul"}, quantized_product},
          {"product_of_dequantized", {"Conv", "MatMul", "Gemm"}, product_of_dequantized},
          {"sink_dequantize", {"MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"}, sink_dequantize},
          {"requantize_identity", {"QuantizeLinear"}, requantize_identity}};
}

}  // namespace ingot::passes
