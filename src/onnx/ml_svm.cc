// SPDX-License-Identifier: Apache-2.0
// Support vector machines: the kernel of X with all support vectors, then matrix products with what the file's
// coefficients amount to.
#include <algorithm>
#include <numeric>

#include "onnx/contrib.h"
#include "onnx/ml.h"

namespace ingot::onnx {
namespace {

// The kernel function of the rows of X with `count` vectors that attribute `name` holds, [rows, count]. `rho` is added
// to the products where the kernel is a function of these.
Result<ir::ValueId> kernel_of(NodeDraft& draft, ir::ValueId x, std::string_view name, std::int64_t count, double rho) {
  INGOT_ASSIGN_OR_RETURN(const std::string kind, draft.read_or<std::string>("kernel_type", "LINEAR"));
  INGOT_ASSIGN_OR_RETURN(Floats parameters, draft.read_or<Floats>("kernel_params", {}));
  parameters.resize(3);
  const double gamma = parameters[0], offset = parameters[1], degree = parameters[2];
  INGOT_ASSIGN_OR_RETURN(const Floats values, draft.read_or<Floats>(name, {}));
  const auto size = static_cast<std::int64_t>(values.size());
  if (count < 1 || size == 0 || size % count != 0)
    return invalid_argument("{} has {} entries, which are not {} vectors", name, size, count);
  const DType type = DType::f32;
  const auto number = [&](double value) { return draft.add_scalar("number", type, value); };
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId vectors, real_constant(draft, name, type, {count, size / count}, values));
  if (kind == "RBF") {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId rows, unsqueezed(draft, x, {1}));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId columns, unsqueezed(draft, vectors, {0}));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId difference, draft.emit("Sub", {rows, columns}));
    INGOT_ASSIGN_OR_RETURN(
        const ir::ValueId distance,
        draft.emit("ReduceSumSquare", {difference, draft.add_ints("axes", {2})}, {{"keepdims", std::int64_t{0}}}));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId scaled, draft.emit("Mul", {distance, number(-gamma)}));
    return draft.emit("Exp", {scaled});
  }
  INGOT_ASSIGN_OR_RETURN(ir::ValueId y, draft.emit("MatMul", {x, vectors}, {{"transB", std::int64_t{1}}}));
  if (kind == "LINEAR") {
    return rho == 0 ? y : draft.emit("Add", {y, number(rho)});
  }
  if (kind != "POLY" && kind != "SIGMOID")
    return invalid_argument("kernel_type is \"{}\", not one of LINEAR, POLY, RBF, SIGMOID", kind);
  INGOT_ASSIGN_OR_RETURN(y, draft.emit("Mul", {y, number(gamma)}));
  INGOT_ASSIGN_OR_RETURN(y, draft.emit("Add", {y, number(offset + rho)}));
  return kind == "SIGMOID" ? draft.emit("Tanh", {y}) : draft.emit("Pow", {y, number(degree)});
}

Result<ir::ValueId> single_features(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, feature_matrix(draft, 0));
  return draft.emit("Cast", {x}, {{"to", DType::f32}});
}

// The weights of every support vector in the decision between classes i < j, [vectors, pairs].
Result<ir::ValueId> pair_weights(NodeDraft& draft, const Ints& per_class, const Floats& coefficients) {
  const std::size_t classes = per_class.size();
  Ints first(classes + 1, 0);
  for (std::size_t i = 0; i < classes; ++i) first[i + 1] = first[i] + per_class[i];
  const auto vectors = static_cast<std::size_t>(first.back()), pairs = classes * (classes - 1) / 2;
  if (coefficients.size() != vectors * (classes - 1))
    return invalid_argument("there are {} coefficients for {} vectors and {} classes", coefficients.size(), vectors,
                            classes);
  Floats weights(vectors * pairs, 0.0);
  std::size_t pair = 0;
  for (std::size_t i = 0; i < classes; ++i) {
    for (std::size_t j = i + 1; j < classes; ++j, ++pair) {
      const auto copy = [&](std::size_t of, std::size_t row) {
        for (auto v = static_cast<std::size_t>(first[of]); v < static_cast<std::size_t>(first[of + 1]); ++v)
          weights[v * pairs + pair] = coefficients[row * vectors + v];
      };
      copy(i, j - 1);
      copy(j, i);
    }
  }
  return real_constant(draft, "pair_weights", DType::f32,
                       {static_cast<std::int64_t>(vectors), static_cast<std::int64_t>(pairs)}, weights);
}

// How many decisions each class wins, [rows, classes].
Result<ir::ValueId> votes_of(NodeDraft& draft, ir::ValueId decisions, std::size_t classes) {
  const std::size_t pairs = classes * (classes - 1) / 2;
  Floats first_wins(pairs * classes, 0.0), second_wins(pairs * classes, 0.0);
  std::size_t pair = 0;
  for (std::size_t i = 0; i < classes; ++i) {
    for (std::size_t j = i + 1; j < classes; ++j, ++pair) {
      first_wins[pair * classes + i] = 1;
      second_wins[pair * classes + j] = 1;
    }
  }
  const Shape shape{static_cast<std::int64_t>(pairs), static_cast<std::int64_t>(classes)};
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId to_first, real_constant(draft, "wins", DType::f32, shape, first_wins));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId to_second, real_constant(draft, "losses", DType::f32, shape, second_wins));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId positive,
                         draft.emit("Greater", {decisions, draft.add_scalar("zero", DType::f32, 0)}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId won, draft.emit("Cast", {positive}, {{"to", DType::f32}}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId lost, draft.emit("Sub", {draft.add_scalar("one", DType::f32, 1), won}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId a, draft.emit("MatMul", {won, to_first}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId b, draft.emit("MatMul", {lost, to_second}));
  return draft.emit("Add", {a, b});
}

// The probabilities of the classes from those of the pairs, which follow from the decisions by prob_a and prob_b.
Result<ir::ValueId> probabilities_of(NodeDraft& draft, ir::ValueId decisions, std::size_t classes, const Floats& a,
                                     const Floats& b) {
  const auto pairs = static_cast<std::int64_t>(classes * (classes - 1) / 2);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId slope, real_constant(draft, "prob_a", DType::f32, {pairs}, a));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId offset, real_constant(draft, "prob_b", DType::f32, {pairs}, b));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId p, draft.emit("Mul", {decisions, slope}));
  INGOT_ASSIGN_OR_RETURN(p, draft.emit("Add", {p, offset}));
  INGOT_ASSIGN_OR_RETURN(p, draft.emit("Neg", {p}));
  INGOT_ASSIGN_OR_RETURN(p, draft.emit("Sigmoid", {p}));
  return draft.emit("PairwiseCoupling", {p}, {{"classes", static_cast<std::int64_t>(classes)}});
}

// Without support vectors the coefficients are one vector for each class.
Status lower_without_vectors(NodeDraft& draft, ir::ValueId x, const ClassLabels& labels, const Floats& rho,
                             const std::string& transform) {
  INGOT_ASSIGN_OR_RETURN(const Floats coefficients, draft.read_or<Floats>("coefficients", {}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scores,
                         kernel_of(draft, x, "coefficients", labels.count, rho.empty() ? 0.0 : rho[0]));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId index, greatest(draft, scores));
  if (labels.count == 2 && rho.size() == 1) {
    const bool positive = std::ranges::all_of(coefficients, [](double c) { return c >= 0; });
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId most, draft.emit("ReduceMax", {scores, draft.add_ints("axes", {1})},
                                                              {{"keepdims", std::int64_t{0}}}));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId enough,
                           draft.emit(positive ? "GreaterOrEqual" : "Greater",
                                      {most, draft.add_scalar("threshold", DType::f32, positive ? 0.5 : 0.0)}));
    INGOT_ASSIGN_OR_RETURN(index, draft.emit("Where", {enough, draft.add_scalar("second", DType::i64, 1), index}));
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId shown, transformed_scores(draft, scores, transform));
  return classify(draft, labels, index, shown);
}

}  // namespace

Status lower_svm_regressor(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, single_features(draft));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t supports, draft.read_or<std::int64_t>("n_supports", 0));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t one_class, draft.read_or<std::int64_t>("one_class", 0));
  INGOT_ASSIGN_OR_RETURN(const std::string transform, draft.read_or<std::string>("post_transform", "NONE"));
  INGOT_ASSIGN_OR_RETURN(const Floats coefficients, draft.read_or<Floats>("coefficients", {}));
  INGOT_ASSIGN_OR_RETURN(const Floats rho, draft.read_or<Floats>("rho", {}));
  const double constant = rho.empty() ? 0.0 : rho[0];
  ir::ValueId y = ir::kNoValue;
  if (supports > 0) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId kernel, kernel_of(draft, x, "support_vectors", supports, 0));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId weights,
                           real_constant(draft, "coefficients", DType::f32, {supports, 1}, coefficients));
    INGOT_ASSIGN_OR_RETURN(y, draft.emit("MatMul", {kernel, weights}));
    INGOT_ASSIGN_OR_RETURN(y, draft.emit("Add", {y, draft.add_scalar("rho", DType::f32, constant)}));
  } else {
    INGOT_ASSIGN_OR_RETURN(y, kernel_of(draft, x, "coefficients", 1, constant));
  }
  if (one_class != 0) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId inside,
                           draft.emit("Greater", {y, draft.add_scalar("zero", DType::f32, 0)}));
    become(draft, "Where",
           {inside, draft.add_scalar("inside", DType::f32, 1), draft.add_scalar("outside", DType::f32, -1)});
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(y, transformed_scores(draft, y, transform));
  become(draft, "Identity", {y});
  return Status::ok();
}

Status lower_svm_classifier(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, single_features(draft));
  INGOT_ASSIGN_OR_RETURN(const ClassLabels labels, class_labels(draft));
  INGOT_ASSIGN_OR_RETURN(const Ints per_class, draft.read_or<Ints>("vectors_per_class", {}));
  INGOT_ASSIGN_OR_RETURN(const std::string transform, draft.read_or<std::string>("post_transform", "NONE"));
  INGOT_ASSIGN_OR_RETURN(const Floats rho, draft.read_or<Floats>("rho", {}));
  if (per_class.empty()) return lower_without_vectors(draft, x, labels, rho, transform);
  const std::size_t classes = per_class.size();
  constexpr std::size_t kMost = 4096;
  if (static_cast<std::int64_t>(classes) != labels.count || classes < 2 || classes > kMost ||
      std::ranges::any_of(per_class, [](std::int64_t count) { return count < 0 || count > (1 << 24); }))
    return invalid_argument("vectors_per_class has {} entries for {} classes, or impossible ones", classes,
                            labels.count);
  INGOT_ASSIGN_OR_RETURN(const Floats coefficients, draft.read_or<Floats>("coefficients", {}));
  INGOT_ASSIGN_OR_RETURN(const Floats prob_a, draft.read_or<Floats>("prob_a", {}));
  INGOT_ASSIGN_OR_RETURN(const Floats prob_b, draft.read_or<Floats>("prob_b", {}));
  const std::int64_t vectors = std::accumulate(per_class.begin(), per_class.end(), std::int64_t{0});
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId kernel, kernel_of(draft, x, "support_vectors", vectors, 0));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId weights, pair_weights(draft, per_class, coefficients));
  const auto pairs = static_cast<std::int64_t>(classes * (classes - 1) / 2);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId constants, real_constant(draft, "rho", DType::f32, {pairs}, rho));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId decisions, draft.emit("MatMul", {kernel, weights}));
  INGOT_ASSIGN_OR_RETURN(decisions, draft.emit("Add", {decisions, constants}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId votes, votes_of(draft, decisions, classes));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId index, greatest(draft, votes));
  ir::ValueId scores = ir::kNoValue;
  if (!prob_a.empty()) {
    INGOT_ASSIGN_OR_RETURN(scores, probabilities_of(draft, decisions, classes, prob_a, prob_b));
    INGOT_ASSIGN_OR_RETURN(scores, transformed_scores(draft, scores, transform));
  } else if (classes == 2) {
    const TwoScores how = transform == "NONE" ? TwoScores::negated : TwoScores::complement;
    INGOT_ASSIGN_OR_RETURN(scores, two_scores(draft, decisions, how, transform));
  } else {
    INGOT_ASSIGN_OR_RETURN(scores, transformed_scores(draft, decisions, transform));
  }
  return classify(draft, labels, index, scores);
}

}  // namespace ingot::onnx
