// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "onnx/contrib.h"
#include "onnx/ml.h"

namespace ingot::onnx {
namespace {

// One value for all columns, or one for each.
Result<ir::ValueId> per_column(NodeDraft& draft, std::string_view what, DType type, const Floats& values) {
  return real_constant(draft, what, type, {static_cast<std::int64_t>(values.size())}, values);
}

}  // namespace

Status lower_binarizer(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  const DType type = draft.input_type(0).dtype;
  INGOT_ASSIGN_OR_RETURN(double threshold, draft.read_or<double>("threshold", 0.0));
  if (is_integer(type)) threshold = std::floor(threshold);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId above,
                         draft.emit("Greater", {draft.inputs[0], draft.add_scalar("threshold", type, threshold)}));
  become(draft, "Cast", {above}, {{"to", type}});
  return Status::ok();
}

Status lower_scaler(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_ASSIGN_OR_RETURN(const Floats offset, draft.read_or<Floats>("offset", {}));
  INGOT_ASSIGN_OR_RETURN(const Floats scale, draft.read_or<Floats>("scale", {}));
  // Numbers of 64 bits lose nothing before the difference is taken.
  const DType type = draft.input_type(0).dtype == DType::f32 ? DType::f32 : DType::f64;
  INGOT_ASSIGN_OR_RETURN(ir::ValueId y, draft.emit("Cast", {draft.inputs[0]}, {{"to", type}}));
  if (!offset.empty()) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId operand, per_column(draft, "offset", type, offset));
    INGOT_ASSIGN_OR_RETURN(y, draft.emit("Sub", {y, operand}));
  }
  if (!scale.empty()) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId operand, per_column(draft, "scale", type, scale));
    INGOT_ASSIGN_OR_RETURN(y, draft.emit("Mul", {y, operand}));
  }
  become(draft, "Cast", {y}, {{"to", DType::f32}});
  return Status::ok();
}

Status lower_imputer(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  const ir::ValueId x = draft.inputs[0];
  const DType type = draft.type(x).dtype;
  ir::ValueId missing = ir::kNoValue, replacement = ir::kNoValue;
  if (is_float(type)) {
    INGOT_ASSIGN_OR_RETURN(const Floats imputed, draft.read_or<Floats>("imputed_value_floats", {}));
    INGOT_ASSIGN_OR_RETURN(const double replaced, draft.read_or<double>("replaced_value_float", 0.0));
    if (imputed.empty()) return invalid_argument("attribute imputed_value_floats is missing for {}", to_string(type));
    INGOT_ASSIGN_OR_RETURN(missing, std::isnan(replaced)
                                        ? draft.emit("IsNaN", {x})
                                        : draft.emit("Equal", {x, draft.add_scalar("replaced", type, replaced)}));
    INGOT_ASSIGN_OR_RETURN(replacement, per_column(draft, "imputed", type, imputed));
  } else {
    INGOT_ASSIGN_OR_RETURN(const Ints imputed, draft.read_or<Ints>("imputed_value_int64s", {}));
    INGOT_ASSIGN_OR_RETURN(const std::int64_t replaced, draft.read_or<std::int64_t>("replaced_value_int64", 0));
    if (imputed.empty()) return invalid_argument("attribute imputed_value_int64s is missing for {}", to_string(type));
    HostTensor sought = HostTensor::scalar(DType::i64, 0);
    sought.set_int(0, replaced);
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId wide, draft.emit("Cast", {x}, {{"to", DType::i64}}));
    INGOT_ASSIGN_OR_RETURN(missing, draft.emit("Equal", {wide, draft.add_constant("replaced", std::move(sought))}));
    INGOT_ASSIGN_OR_RETURN(replacement, draft.emit("Cast", {draft.add_ints("imputed", imputed)}, {{"to", type}}));
  }
  become(draft, "Where", {missing, replacement, x});
  return Status::ok();
}

// Rows divided by their norm; a row of norm 0 stays as it is.
Status lower_normalizer(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_ASSIGN_OR_RETURN(const std::string norm, draft.read_or<std::string>("norm", "MAX"));
  const std::string_view reduction = norm == "MAX" ? "ReduceMax" : norm == "L1" ? "ReduceL1" : "ReduceL2";
  if (norm != "MAX" && norm != "L1" && norm != "L2")
    return invalid_argument("norm is \"{}\", not one of MAX, L1, L2", norm);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, draft.emit("Cast", {draft.inputs[0]}, {{"to", DType::f32}}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId length, draft.emit(reduction, {x, draft.add_ints("axes", {-1})}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId none,
                         draft.emit("Equal", {length, draft.add_scalar("zero", DType::f32, 0)}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId divisor,
                         draft.emit("Where", {none, draft.add_scalar("one", DType::f32, 1), length}));
  become(draft, "Div", {x, divisor});
  return Status::ok();
}

}  // namespace ingot::onnx
