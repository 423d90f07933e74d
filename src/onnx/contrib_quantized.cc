// SPDX-License-Identifier: Apache-2.0
// Quantised operators are, by their definition, the operator between a dequantisation and a quantisation. Products of
// integers stay integers, as their sums are exact only there.
#include "onnx/contrib.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

struct Quantisation {
  ir::ValueId scale = ir::kNoValue, zero = ir::kNoValue;
};

// The scale at `index` and the zero point after it.
Result<Quantisation> quantisation_at(const NodeDraft& draft, std::size_t index) {
  INGOT_RETURN_IF_ERROR(draft.require_input(index));
  return Quantisation{draft.inputs[index], draft.has_input(index + 1) ? draft.inputs[index + 1] : ir::kNoValue};
}

std::vector<ir::ValueId> with(ir::ValueId value, const Quantisation& q) {
  if (q.zero == ir::kNoValue) return {value, q.scale};
  return {value, q.scale, q.zero};
}

Result<ir::ValueId> dequantize(NodeDraft& draft, std::size_t value, std::size_t scale) {
  INGOT_RETURN_IF_ERROR(draft.require_input(value));
  INGOT_ASSIGN_OR_RETURN(const Quantisation q, quantisation_at(draft, scale));
  return draft.emit("DequantizeLinear", with(draft.inputs[value], q));
}

// Makes the draft the quantisation of `value`; without a zero point the result has the given type.
void quantize(NodeDraft& draft, ir::ValueId value, const Quantisation& q, DType type) {
  Attrs attrs;
  if (q.zero == ir::kNoValue) attrs.set("output_dtype", type);
  become(draft, "QuantizeLinear", with(value, q), std::move(attrs));
}

// A quantised X with its scale and zero point at inputs 0 to 2, those of the result at 3 and 4.
Status lower_between(NodeDraft& draft, Attrs attrs) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, dequantize(draft, 0, 1));
  INGOT_ASSIGN_OR_RETURN(const Quantisation to, quantisation_at(draft, 3));
  const DType type = draft.input_type(0).dtype;
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, draft.emit(draft.op, {x}, std::move(attrs)));
  quantize(draft, y, to, type);
  return Status::ok();
}

// The i32 product as f32: times both scales and `alpha`, plus the bias.
Result<ir::ValueId> scaled_product(NodeDraft& draft, ir::ValueId product, ir::ValueId a_scale, ir::ValueId b_scale,
                                   double alpha, ir::ValueId bias) {
  INGOT_ASSIGN_OR_RETURN(ir::ValueId scale, draft.emit("Mul", {a_scale, b_scale}));
  if (alpha != 1) {
    INGOT_ASSIGN_OR_RETURN(scale, draft.emit("Mul", {scale, draft.add_scalar("alpha", DType::f32, alpha)}));
  }
  INGOT_ASSIGN_OR_RETURN(ir::ValueId y, draft.emit("Cast", {product}, {{"to", DType::f32}}));
  INGOT_ASSIGN_OR_RETURN(y, draft.emit("Mul", {y, scale}));
  if (bias == ir::kNoValue) return y;
  return draft.emit("Add", {y, bias});
}

ir::ValueId input_or_none(const NodeDraft& draft, std::size_t index) {
  return draft.has_input(index) ? draft.inputs[index] : ir::kNoValue;
}

}  // namespace

Status lower_qlinear_binary(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId a, dequantize(draft, 0, 1));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId b, dequantize(draft, 3, 4));
  INGOT_ASSIGN_OR_RETURN(const Quantisation to, quantisation_at(draft, 6));
  const DType type = draft.input_type(0).dtype;
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId c, draft.emit(draft.op, {a, b}));
  quantize(draft, c, to, type);
  return Status::ok();
}

Status lower_qlinear_unary(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const std::optional<Ints> axes, draft.take<Ints>("axes"));
  if (!axes) return lower_between(draft, std::exchange(draft.attrs, {}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, dequantize(draft, 0, 1));
  INGOT_ASSIGN_OR_RETURN(const Quantisation to, quantisation_at(draft, 3));
  const DType type = draft.input_type(0).dtype;
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y,
                         draft.emit(draft.op, {x, draft.add_ints("axes", *axes)}, std::exchange(draft.attrs, {})));
  quantize(draft, y, to, type);
  return Status::ok();
}

Status lower_qlinear_pool(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const std::int64_t channels_last, draft.read_or<std::int64_t>("channels_last", 0));
  if (channels_last == 0) {
    draft.attrs.erase("channels_last");
    INGOT_RETURN_IF_ERROR(upgrade_pool(draft));
  }
  return lower_between(draft, std::exchange(draft.attrs, {}));
}

Status lower_qlinear_softmax(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const std::optional<std::int64_t> opset, draft.take<std::int64_t>("opset"));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, dequantize(draft, 0, 1));
  INGOT_ASSIGN_OR_RETURN(const Quantisation to, quantisation_at(draft, 3));
  const DType type = draft.input_type(0).dtype;
  // The softmax of that opset, whose last node may be another operator.
  draft.opset = opset.value_or(13);
  draft.inputs = {x};
  INGOT_RETURN_IF_ERROR(upgrade_softmax(draft));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, draft.emit(draft.op, draft.inputs, std::exchange(draft.attrs, {})));
  quantize(draft, y, to, type);
  return Status::ok();
}

Status lower_qlinear_concat(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const Quantisation to, quantisation_at(draft, 0));
  if (draft.inputs.size() < 5 || (draft.inputs.size() - 2) % 3 != 0)
    return invalid_argument("{} inputs are given, but after the first 2 they come in threes", draft.inputs.size());
  std::vector<ir::ValueId> parts;
  for (std::size_t i = 2; i < draft.inputs.size(); i += 3) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId part, dequantize(draft, i, i + 1));
    parts.push_back(part);
  }
  const DType type = draft.input_type(2).dtype;
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, draft.emit("Concat", parts, std::exchange(draft.attrs, {})));
  quantize(draft, y, to, type);
  return Status::ok();
}

Status lower_qlinear_where(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, dequantize(draft, 1, 2));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, dequantize(draft, 4, 5));
  INGOT_ASSIGN_OR_RETURN(const Quantisation to, quantisation_at(draft, 7));
  const DType type = draft.input_type(1).dtype;
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId z, draft.emit("Where", {draft.inputs[0], x, y}));
  quantize(draft, z, to, type);
  return Status::ok();
}

Status lower_qgemm(NodeDraft& draft) {
  for (std::size_t i = 0; i < 6; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const double alpha, draft.read_or<double>("alpha", 1.0));
  ir::ValueId operands[] = {draft.inputs[0], draft.inputs[3]};
  for (std::size_t i = 0; i < 2; ++i) {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t turned, draft.read_or<std::int64_t>(i == 0 ? "transA" : "transB", 0));
    if (turned == 0) continue;
    INGOT_ASSIGN_OR_RETURN(operands[i], draft.emit("Transpose", {operands[i]}, {{"perm", Ints{1, 0}}}));
  }
  INGOT_ASSIGN_OR_RETURN(ir::ValueId product,
                         draft.emit("MatMulInteger", {operands[0], operands[1], draft.inputs[2], draft.inputs[5]}));
  if (draft.has_input(6)) {
    INGOT_ASSIGN_OR_RETURN(product, draft.emit("Add", {product, draft.inputs[6]}));
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y,
                         scaled_product(draft, product, draft.inputs[1], draft.inputs[4], alpha, ir::kNoValue));
  if (!draft.has_input(7)) {
    become(draft, "Identity", {y});
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(const Quantisation to, quantisation_at(draft, 7));
  quantize(draft, y, to, draft.input_type(0).dtype);
  return Status::ok();
}

Status lower_matmul_integer_to_float(NodeDraft& draft) {
  for (std::size_t i = 0; i < 4; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId product,
                         draft.emit("MatMulInteger", {draft.inputs[0], draft.inputs[1], input_or_none(draft, 4),
                                                      input_or_none(draft, 5)}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y,
                         scaled_product(draft, product, draft.inputs[2], draft.inputs[3], 1, input_or_none(draft, 6)));
  become(draft, "Identity", {y});
  return Status::ok();
}

Status lower_dynamic_quantize_matmul(NodeDraft& draft) {
  for (std::size_t i = 0; i < 3; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const auto a, draft.emit_all("DynamicQuantizeLinear", {draft.inputs[0]}, {}, 3));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId product,
                         draft.emit("MatMulInteger", {a[0], draft.inputs[1], a[2], input_or_none(draft, 3)}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y,
                         scaled_product(draft, product, a[1], draft.inputs[2], 1, input_or_none(draft, 4)));
  become(draft, "Identity", {y});
  return Status::ok();
}

}  // namespace ingot::onnx
