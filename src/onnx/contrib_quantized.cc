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

// QLinearConv of ONNX, which has no channels_last.
Status lower_qlinear_conv(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_ASSIGN_OR_RETURN(const auto channels_last, draft.take<std::int64_t>("channels_last"));
  if (channels_last.value_or(0) == 0) return upgrade_qlinear_conv(draft);
  const int rank = draft.input_type(0).rank();
  if (rank < 3) return beyond(Limit::kChannelRank);
  INGOT_ASSIGN_OR_RETURN(draft.inputs[0], move_channels(draft, draft.inputs[0], rank, true));
  INGOT_RETURN_IF_ERROR(upgrade_qlinear_conv(draft));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, draft.emit("QLinearConv", draft.inputs, std::exchange(draft.attrs, {})));
  become(draft, "Transpose", {y}, {{"perm", channel_order(rank, false)}});
  return Status::ok();
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

// The input and the state are quantised anew at each step there; here they stay as they are, which is nearer to the
// network that was quantised.
Status lower_dynamic_quantize_lstm(NodeDraft& draft) {
  for (const std::size_t i : {0, 1, 2, 8, 9, 10, 11}) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  for (std::size_t i = 0; i < 2; ++i) {
    // One number for each direction, or one for each direction and column.
    std::vector<ir::ValueId> operands{draft.inputs[1 + i], draft.inputs[8 + 2 * i], draft.inputs[9 + 2 * i]};
    for (std::size_t k = 1; k < 3; ++k) {
      INGOT_ASSIGN_OR_RETURN(
          operands[k], unsqueezed(draft, operands[k], draft.type(operands[k]).rank() == 1 ? Ints{1, 2} : Ints{1}));
    }
    INGOT_ASSIGN_OR_RETURN(ir::ValueId weights, draft.emit("Cast", {operands[0]}, {{"to", DType::f32}}));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId zero, draft.emit("Cast", {operands[2]}, {{"to", DType::f32}}));
    INGOT_ASSIGN_OR_RETURN(weights, draft.emit("Sub", {weights, zero}));
    INGOT_ASSIGN_OR_RETURN(weights, draft.emit("Mul", {weights, operands[1]}));
    INGOT_ASSIGN_OR_RETURN(draft.inputs[1 + i], draft.emit("Transpose", {weights}, {{"perm", Ints{0, 2, 1}}}));
  }
  draft.inputs.resize(8);
  drop_absent(draft.inputs);
  return Status::ok();
}

// The quotient is in single precision whatever the type.
Status lower_quantize(NodeDraft& draft) {
  draft.attrs.set("precision", DType::f32);
  return Status::ok();
}

}  // namespace ingot::onnx
