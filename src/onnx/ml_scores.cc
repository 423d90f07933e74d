// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "onnx/contrib.h"
#include "onnx/ml.h"

namespace ingot::onnx {
namespace {

Result<ir::ValueId> scalar_like(NodeDraft& draft, ir::ValueId value, double number) {
  return draft.add_scalar("number", draft.type(value).dtype, number);
}

// value op number
Result<ir::ValueId> with_number(NodeDraft& draft, std::string_view op, ir::ValueId value, double number) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId other, scalar_like(draft, value, number));
  return draft.emit(op, {value, other});
}

// A softmax over the scores that are not zero; zeros are scaled only.
Result<ir::ValueId> softmax_zero(NodeDraft& draft, ir::ValueId scores) {
  constexpr double kZero = 1e-7;
  const Attrs keep{{"keepdims", std::int64_t{1}}};
  const ir::ValueId axes = draft.add_ints("axes", {-1});
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId size, draft.emit("Abs", {scores}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId counts, with_number(draft, "Greater", size, kZero));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId top, draft.emit("ReduceMax", {scores, axes}, keep));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId below, draft.emit("Sub", {scores, top}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId powers, draft.emit("Exp", {below}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId minus, draft.emit("Neg", {top}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scale, draft.emit("Exp", {minus}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scaled, draft.emit("Mul", {scores, scale}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId zero, scalar_like(draft, scores, 0));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId counted, draft.emit("Where", {counts, powers, zero}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId sum, draft.emit("ReduceSum", {counted, axes}, keep));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId all, draft.emit("Where", {counts, powers, scaled}));
  return draft.emit("Div", {all, sum});
}

// sqrt(2) * erfinv(2 p - 1), with Winitzki's approximation of erfinv.
Result<ir::ValueId> probit(NodeDraft& draft, ir::ValueId scores) {
  constexpr double kA = 0.147;
  INGOT_ASSIGN_OR_RETURN(ir::ValueId x, with_number(draft, "Mul", scores, 2));
  INGOT_ASSIGN_OR_RETURN(x, with_number(draft, "Sub", x, 1));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId square, draft.emit("Mul", {x, x}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId one, scalar_like(draft, scores, 1));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId rest, draft.emit("Sub", {one, square}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId log, draft.emit("Log", {rest}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId half, with_number(draft, "Mul", log, 0.5));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId middle, with_number(draft, "Add", half, 2 / (std::numbers::pi * kA)));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId last, with_number(draft, "Mul", log, 1 / kA));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId middle_square, draft.emit("Mul", {middle, middle}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId under, draft.emit("Sub", {middle_square, last}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId root, draft.emit("Sqrt", {under}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId inner, draft.emit("Sub", {root, middle}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId size, draft.emit("Sqrt", {inner}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId sign, draft.emit("Sign", {x}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId signed_size, draft.emit("Mul", {sign, size}));
  return with_number(draft, "Mul", signed_size, std::numbers::sqrt2);
}

}  // namespace

Result<Floats> floats_of(const NodeDraft& draft, std::string_view name) {
  const std::string as_tensor = std::string(name) + "_as_tensor";
  for (const std::string& key : {std::string(name), as_tensor}) {
    const Attr* found = draft.attrs.find(key);
    if (found == nullptr) continue;
    if (const auto* values = std::get_if<Floats>(found)) return *values;
    const auto* tensor = std::get_if<TensorPtr>(found);
    if (tensor == nullptr) return invalid_argument("attribute {} has the wrong type", key);
    Floats values;
    for (std::int64_t i = 0; i < (*tensor)->elements(); ++i) values.push_back((*tensor)->as_double(i));
    return values;
  }
  return Floats{};
}

Result<ir::ValueId> real_constant(NodeDraft& draft, std::string_view what, DType type, Shape shape,
                                  const Floats& values) {
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(type, std::move(shape)));
  if (tensor.elements() != static_cast<std::int64_t>(values.size()))
    return invalid_argument("{} has {} values, but {} are needed", what, values.size(), tensor.elements());
  for (std::size_t i = 0; i < values.size(); ++i) tensor.set_double(static_cast<std::int64_t>(i), values[i]);
  return draft.add_constant(what, std::move(tensor));
}

Result<ir::ValueId> feature_matrix(NodeDraft& draft, std::size_t input) {
  INGOT_RETURN_IF_ERROR(draft.require_input(input));
  ir::ValueId x = draft.inputs[input];
  if (draft.type(x).dtype != DType::f64) {
    INGOT_ASSIGN_OR_RETURN(x, draft.emit("Cast", {x}, {{"to", DType::f32}}));
  }
  if (draft.type(x).rank() != 1) return x;
  return unsqueezed(draft, x, {0});
}

Result<ir::ValueId> transformed_scores(NodeDraft& draft, ir::ValueId scores, const std::string& transform) {
  if (transform.empty() || transform == "NONE") return scores;
  if (transform == "LOGISTIC") return draft.emit("Sigmoid", {scores});
  if (transform == "SOFTMAX") return draft.emit("Softmax", {scores}, {{"axis", std::int64_t{-1}}});
  if (transform == "SOFTMAX_ZERO") return softmax_zero(draft, scores);
  if (transform == "PROBIT") return probit(draft, scores);
  return invalid_argument("post_transform is \"{}\", not one of NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO, PROBIT",
                          transform);
}

Result<ClassLabels> class_labels(NodeDraft& draft) {
  ClassLabels labels;
  for (const char* name : {"classlabels_strings", "classlabels_ints", "classlabels_int64s"}) {
    const Attr* found = draft.attrs.find(name);
    if (found == nullptr) continue;
    if (const auto* strings = std::get_if<Strings>(found); strings != nullptr && !strings->empty()) {
      labels.count = static_cast<std::int64_t>(strings->size());
      INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(DType::string, {labels.count}));
      tensor.strings() = *strings;
      labels.values = draft.add_constant("labels", std::move(tensor));
    } else if (const auto* ints = std::get_if<Ints>(found); ints != nullptr && !ints->empty()) {
      labels.count = static_cast<std::int64_t>(ints->size());
      labels.values = draft.add_ints("labels", *ints);
    }
  }
  if (labels.count == 0) return invalid_argument("the attributes name no classes");
  return labels;
}

Status classify(NodeDraft& draft, const ClassLabels& labels, ir::ValueId index, ir::ValueId scores) {
  if (draft.has_output(1)) {
    INGOT_RETURN_IF_ERROR(draft.emit_output(1, "Cast", {scores}, {{"to", DType::f32}}));
  }
  become(draft, "Gather", {labels.values, index}, {{"axis", std::int64_t{0}}});
  return Status::ok();
}

Result<ir::ValueId> two_scores(NodeDraft& draft, ir::ValueId score, TwoScores how, const std::string& transform) {
  if (transform == "PROBIT") return probit(draft, score);
  if (transform == "LOGISTIC") how = TwoScores::negated;  // the complement of a logistic is that of the negative
  ir::ValueId other = ir::kNoValue;
  if (how == TwoScores::complement) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId one, scalar_like(draft, score, 1));
    INGOT_ASSIGN_OR_RETURN(other, draft.emit("Sub", {one, score}));
  } else {
    INGOT_ASSIGN_OR_RETURN(other, draft.emit("Neg", {score}));
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId both, draft.emit("Concat", {other, score}, {{"axis", std::int64_t{-1}}}));
  if (how == TwoScores::negated && transform == "LOGISTIC") return draft.emit("Sigmoid", {both});
  return both;
}

Result<ir::ValueId> greatest(NodeDraft& draft, ir::ValueId scores) {
  return draft.emit("ArgMax", {scores}, {{"axis", std::int64_t{-1}}, {"keepdims", std::int64_t{0}}});
}

Result<ir::ValueId> above(NodeDraft& draft, ir::ValueId score, double threshold) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId is_above, with_number(draft, "Greater", score, threshold));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId index, draft.emit("Cast", {is_above}, {{"to", DType::i64}}));
  return draft.emit("Squeeze", {index, draft.add_ints("axes", {-1})});
}

}  // namespace ingot::onnx
