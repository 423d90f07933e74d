// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

// A constant times a factor, in the constant's own type.
Result<HostTensor> scaled(const HostTensor& tensor, double factor) {
  INGOT_ASSIGN_OR_RETURN(HostTensor result, HostTensor::create(tensor.dtype(), tensor.shape()));
  for (std::int64_t i = 0; i < tensor.elements(); ++i) result.set_double(i, tensor.as_double(i) * factor);
  return result;
}

// C times beta.
Result<ir::ValueId> scaled_addend(NodeDraft& draft, double beta) {
  const ir::ValueId c = draft.inputs[2];
  if (beta == 1.0) return c;
  if (const HostTensor* constant = draft.input_constant(2); constant != nullptr && is_float(constant->dtype())) {
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, scaled(*constant, beta));
    return draft.add_constant("bias", std::move(tensor));
  }
  return draft.emit("Mul", {c, draft.add_scalar("beta", draft.type(c).dtype, beta)});
}

// Whether a value is one number for each column of the product.
bool is_column_bias(const ir::Type& bias, const ir::Type& b, bool transposed) {
  if (bias.rank() != 1 || b.rank() != 2) return false;
  return (*bias.shape)[0] == (*b.shape)[transposed ? 0 : 1];
}

// A constant row as a vector: writers of older models gave the bias as [1, N].
Result<ir::ValueId> row_to_vector(NodeDraft& draft, ir::ValueId addend, const HostTensor* constant) {
  if (constant == nullptr || constant->rank() != 2 || constant->shape()[0] != 1) return addend;
  INGOT_ASSIGN_OR_RETURN(HostTensor vector, constant->reshaped({constant->shape()[1]}));
  return draft.add_constant("bias_vector", std::move(vector));
}

// Dropout where training_mode is true or may be: an element stays where a number drawn for it reaches the ratio.
Status drop_at_random(NodeDraft& draft) {
  const ir::ValueId x = draft.inputs[0];
  const DType type = draft.type(x).dtype;
  INGOT_ASSIGN_OR_RETURN(const std::int64_t seed, draft.read_or<std::int64_t>("seed", 0));
  const auto number = [&](double value) { return draft.add_scalar("number", DType::f32, value); };
  ir::ValueId ratio = number(0.5);
  if (draft.has_input(1)) {
    INGOT_ASSIGN_OR_RETURN(ratio, draft.emit("Cast", {draft.inputs[1]}, {{"to", DType::f32}}));
  }
  INGOT_ASSIGN_OR_RETURN(ratio, draft.emit("Where", {draft.inputs[2], ratio, number(0)}));
  INGOT_ASSIGN_OR_RETURN(
      const ir::ValueId drawn,
      draft.emit("RandomUniformLike", {x}, {{"dtype", DType::f32}, {"seed", static_cast<double>(seed)}}));
  ir::ValueId stays = ir::kNoValue;
  if (draft.has_output(1)) {
    INGOT_RETURN_IF_ERROR(draft.emit_output(1, "GreaterOrEqual", {drawn, ratio}));
    stays = draft.emitted(1);
  } else {
    INGOT_ASSIGN_OR_RETURN(stays, draft.emit("GreaterOrEqual", {drawn, ratio}));
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId rest, draft.emit("Sub", {number(1), ratio}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId divisor, draft.emit("Cast", {rest}, {{"to", type}}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scaled, draft.emit("Div", {x, divisor}));
  draft.op = "Where";
  draft.inputs = {stays, scaled, draft.add_scalar("dropped", type, 0)};
  draft.attrs = {};
  draft.outputs.resize(1);
  return Status::ok();
}

}  // namespace

Status upgrade_cast_like(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_RETURN_IF_ERROR(draft.require_input(1));
  draft.attrs.set("to", draft.input_type(1).dtype);
  draft.inputs.resize(1);
  return Status::ok();
}

Status upgrade_dropout(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  if (draft.has_input(2)) {
    const HostTensor* training = draft.input_constant(2);
    if (training == nullptr || training->elements() != 1 || training->as_int(0) != 0) return drop_at_random(draft);
  }
  draft.inputs.resize(1);
  draft.attrs = {};
  const bool wants_mask = draft.has_output(1);
  draft.outputs.resize(wants_mask ? 2 : 1);
  if (!wants_mask) return Status::ok();
  // Nothing is dropped. Before opset 10 the mask had the data's type.
  const DType mask = draft.opset < 10 ? draft.input_type(0).dtype : DType::boolean;
  INGOT_ASSIGN_OR_RETURN(HostTensor one, HostTensor::create(mask, {1}));
  one.set_int(0, 1);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId shape, draft.emit("Shape", {draft.inputs[0]}));
  INGOT_RETURN_IF_ERROR(draft.emit_output(1, "ConstantOfShape", {shape}, {{"value", share(std::move(one))}}));
  draft.outputs.resize(1);
  return Status::ok();
}

// alpha * op(A) op(B) + beta * C: a matrix product with a bias when C is a vector over the columns, else with an
// addition.
Status upgrade_gemm(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_RETURN_IF_ERROR(draft.require_input(1));
  for (std::size_t i = 0; i < 2; ++i) {
    const ir::Type& type = draft.input_type(i);
    if (type.shape && type.rank() != 2)
      return invalid_argument("input {} has rank {}, Gemm takes matrices", i, type.rank());
  }
  INGOT_ASSIGN_OR_RETURN(const std::optional<double> alpha, draft.take<double>("alpha"));
  INGOT_ASSIGN_OR_RETURN(const std::optional<double> beta, draft.take<double>("beta"));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t trans_b, draft.read_or<std::int64_t>("transB", 0));
  for (const char* transposed : {"transA", "transB"}) {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t value, draft.read_or<std::int64_t>(transposed, 0));
    if (value == 0) draft.attrs.erase(transposed);
  }
  if (alpha.value_or(1.0) != 1.0) draft.attrs.set("alpha", *alpha);

  const bool adds = draft.has_input(2) && beta.value_or(1.0) != 0.0;
  draft.op = "MatMul";
  if (!adds) {
    draft.inputs.resize(2);
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(ir::ValueId addend, scaled_addend(draft, beta.value_or(1.0)));
  INGOT_ASSIGN_OR_RETURN(addend, row_to_vector(draft, addend, draft.constant(addend)));
  if (is_column_bias(draft.type(addend), draft.input_type(1), trans_b != 0)) {
    draft.inputs[2] = addend;
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId product,
                         draft.emit("MatMul", {draft.inputs[0], draft.inputs[1]}, std::exchange(draft.attrs, {})));
  draft.op = "Add";
  draft.inputs = {product, addend};
  return Status::ok();
}

}  // namespace ingot::onnx
