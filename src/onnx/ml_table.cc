// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "onnx/ml.h"

namespace ingot::onnx {
namespace {

constexpr OpRow row(std::string_view op, UpgradeFn upgrade, std::string_view canonical) {
  return {.op = op, .canonical = canonical, .upgrade = upgrade, .domain = "ai.onnx.ml"};
}

// The canonical name is that of the node that does most of the work.
constexpr auto kRows = std::to_array<OpRow>({
    row("ArrayFeatureExtractor", lower_array_feature_extractor, "Gather"),
    row("Binarizer", lower_binarizer, "Greater"),
    row("CastMap", nullptr, "CastMap"),
    row("CategoryMapper", lower_category_mapper, "LabelEncoder"),
    row("DictVectorizer", nullptr, "DictVectorizer"),
    row("FeatureVectorizer", lower_feature_vectorizer, "Concat"),
    row("Imputer", lower_imputer, "Where"),
    row("LabelEncoder", lower_label_encoder, "LabelEncoder"),
    row("LinearClassifier", lower_linear_classifier, "MatMul"),
    row("LinearRegressor", lower_linear_regressor, "MatMul"),
    row("Normalizer", lower_normalizer, "Div"),
    row("OneHotEncoder", lower_one_hot_encoder, "Equal"),
    row("SVMClassifier", lower_svm_classifier, "MatMul"),
    row("SVMRegressor", lower_svm_regressor, "MatMul"),
    row("Scaler", lower_scaler, "Mul"),
    row("TreeEnsemble", lower_tree_ensemble, "TreeEnsemble"),
    row("TreeEnsembleClassifier", lower_tree_ensemble_classifier, "TreeEnsemble"),
    row("TreeEnsembleRegressor", lower_tree_ensemble_regressor, "TreeEnsemble"),
    row("ZipMap", nullptr, "ZipMap"),
});

}  // namespace

std::span<const OpRow> ml_rows() { return kRows; }

}  // namespace ingot::onnx
