// SPDX-License-Identifier: Apache-2.0
#include "onnx/contrib.h"
#include "onnx/ml.h"

namespace ingot::onnx {
namespace {

// X * coefficients^T + intercepts in single precision, [rows, count].
Result<ir::ValueId> linear_scores(NodeDraft& draft, std::int64_t count) {
  INGOT_ASSIGN_OR_RETURN(ir::ValueId x, feature_matrix(draft, 0));
  INGOT_ASSIGN_OR_RETURN(x, draft.emit("Cast", {x}, {{"to", DType::f32}}));
  INGOT_ASSIGN_OR_RETURN(const Floats coefficients, draft.read_or<Floats>("coefficients", {}));
  INGOT_ASSIGN_OR_RETURN(const Floats intercepts, draft.read_or<Floats>("intercepts", {}));
  const auto size = static_cast<std::int64_t>(coefficients.size());
  if (count < 1 || size == 0 || size % count != 0)
    return invalid_argument("there are {} coefficients, no multiple of {} rows", size, count);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId weights,
                         real_constant(draft, "coefficients", DType::f32, {count, size / count}, coefficients));
  std::vector<ir::ValueId> operands{x, weights};
  if (!intercepts.empty()) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId bias, real_constant(draft, "intercepts", DType::f32, {count}, intercepts));
    operands.push_back(bias);
  }
  return draft.emit("MatMul", operands, {{"transB", std::int64_t{1}}});
}

}  // namespace

Status lower_linear_regressor(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const std::int64_t targets, draft.read_or<std::int64_t>("targets", 1));
  INGOT_ASSIGN_OR_RETURN(const std::string transform, draft.read_or<std::string>("post_transform", "NONE"));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scores, linear_scores(draft, targets));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, transformed_scores(draft, scores, transform));
  become(draft, "Identity", {y});
  return Status::ok();
}

Status lower_linear_classifier(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const ClassLabels labels, class_labels(draft));
  INGOT_ASSIGN_OR_RETURN(const Floats intercepts, draft.read_or<Floats>("intercepts", {}));
  INGOT_ASSIGN_OR_RETURN(const std::string transform, draft.read_or<std::string>("post_transform", "NONE"));
  const std::int64_t count = intercepts.empty() ? labels.count : static_cast<std::int64_t>(intercepts.size());
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scores, linear_scores(draft, count));
  if (count == 1 && labels.count == 2) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId index, above(draft, scores, 0));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId both, two_scores(draft, scores, TwoScores::complement, transform));
    return classify(draft, labels, index, both);
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId index, greatest(draft, scores));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId shown, transformed_scores(draft, scores, transform));
  return classify(draft, labels, index, shown);
}

}  // namespace ingot::onnx
