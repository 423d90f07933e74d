// SPDX-License-Identifier: Apache-2.0
// The operators of the domain ai.onnx.ml. Most become arithmetic that the engine has anyway; what remains are
// LabelEncoder and TreeEnsemble, whose tables are constant operands in the form that their kernels read.
#pragma once

#include <span>
#include <string>

#include "onnx/op_table.h"

namespace ingot::onnx {

std::span<const OpRow> ml_rows();

// ml_encoders.cc
Status lower_array_feature_extractor(NodeDraft& draft);
Status lower_category_mapper(NodeDraft& draft);
Status lower_feature_vectorizer(NodeDraft& draft);
Status lower_label_encoder(NodeDraft& draft);
Status lower_one_hot_encoder(NodeDraft& draft);

// ml_scaling.cc
Status lower_binarizer(NodeDraft& draft);
Status lower_imputer(NodeDraft& draft);
Status lower_normalizer(NodeDraft& draft);
Status lower_scaler(NodeDraft& draft);

// ml_linear.cc
Status lower_linear_classifier(NodeDraft& draft);
Status lower_linear_regressor(NodeDraft& draft);

// ml_svm.cc
Status lower_svm_classifier(NodeDraft& draft);
Status lower_svm_regressor(NodeDraft& draft);

// ml_trees.cc
Status lower_tree_ensemble(NodeDraft& draft);
Status lower_tree_ensemble_classifier(NodeDraft& draft);
Status lower_tree_ensemble_regressor(NodeDraft& draft);

// --- what several of them share (ml_scores.cc) ----------------------------------------------------------------------
// The values of a numeric constant as doubles from attribute `name`, or from the tensor `name`_as_tensor.
Result<Floats> floats_of(const NodeDraft& draft, std::string_view name);
// A constant of f32 (or f64) with the given values.
Result<ir::ValueId> real_constant(NodeDraft& draft, std::string_view what, DType type, Shape shape,
                                  const Floats& values);
// X as [rows, features] of a floating type: a vector is one row, and what is not f64 becomes f32.
Result<ir::ValueId> feature_matrix(NodeDraft& draft, std::size_t input);
// Scores after post_transform (NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO, PROBIT).
Result<ir::ValueId> transformed_scores(NodeDraft& draft, ir::ValueId scores, const std::string& transform);
// The classes' names, from classlabels_strings, classlabels_ints or classlabels_int64s, as a constant vector.
struct ClassLabels {
  ir::ValueId values = ir::kNoValue;
  std::int64_t count = 0;
};
Result<ClassLabels> class_labels(NodeDraft& draft);
// How the one score of a decision between two classes becomes two.
enum class TwoScores : std::uint8_t { none, complement, negated };
// Makes the draft a classifier: output 0 the label at `index` (i64, one for each row), output 1 the f32 scores.
Status classify(NodeDraft& draft, const ClassLabels& labels, ir::ValueId index, ir::ValueId scores);
// [rows, 1] as [rows, 2].
Result<ir::ValueId> two_scores(NodeDraft& draft, ir::ValueId score, TwoScores how, const std::string& transform);
// The index of the greatest score of each row, the first one of several.
Result<ir::ValueId> greatest(NodeDraft& draft, ir::ValueId scores);
// 1 where the one score of a row is above a threshold, as i64, one for each row.
Result<ir::ValueId> above(NodeDraft& draft, ir::ValueId score, double threshold);

}  // namespace ingot::onnx
