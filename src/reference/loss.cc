// SPDX-License-Identifier: Apache-2.0
// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
#include <algorithm>
#include <cmath>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

// Scores as [batch, classes, positions].
struct Scores {
  std::int64_t batch = 0, classes = 0, positions = 0;
  std::vector<double> values;
  [[nodiscard]] double& at(std::int64_t n, std::int64_t c, std::int64_t p) {
    return values[to_size((n * classes + c) * positions + p)];
  }
};

Result<Scores> read_scores(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "scores", 2));
  const Shape& shape = x->shape();
  return Scores{shape[0], shape[1], product(shape, 2, shape.size()), to_numbers<double>(*x)};
}

void log_softmax(Scores& scores) {
  for (std::int64_t n = 0; n < scores.batch; ++n) {
    for (std::int64_t p = 0; p < scores.positions; ++p) {
      double top = -HUGE_VAL;
      for (std::int64_t c = 0; c < scores.classes; ++c) top = std::max(top, scores.at(n, c, p));
      double sum = 0;
      for (std::int64_t c = 0; c < scores.classes; ++c) sum += std::exp(scores.at(n, c, p) - top);
      for (std::int64_t c = 0; c < scores.classes; ++c) scores.at(n, c, p) -= top + std::log(sum);
    }
  }
}

Result<HostTensor> likelihood_loss(const Call& call, Scores& scores) {
  const HostTensor& x = *call.inputs[0];
  INGOT_ASSIGN_OR_RETURN(const HostTensor* target, numeric_operand(call, 1, "target", 1));
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> weight, vector_operand(call, 2, "weight", scores.classes));
  Shape shape = x.shape();
  shape.erase(shape.begin() + 1);
  if (target->shape() != shape)
    return invalid_argument("operand 1 (target) has shape {}; {} is needed", to_string(target->shape()),
                            to_string(shape));
  const bool ignores = call.attrs->has("ignore_index");
  const std::int64_t ignored = call.attrs->get_int("ignore_index", 0);
  std::vector<double> loss(to_size(target->elements()), 0);
  double total = 0;
  double weights = 0;
  for (std::size_t i = 0; i < loss.size(); ++i) {
    const std::int64_t label = target->as_int(to_signed(i));
    if (ignores && label == ignored) continue;
    if (label < 0 || label >= scores.classes)
      return invalid_argument("operand 1 (target) has {} for {} classes", label, scores.classes);
    const double w = weight.empty() ? 1 : weight[to_size(label)];
    loss[i] = -w * scores.at(to_signed(i) / scores.positions, label, to_signed(i) % scores.positions);
    total += loss[i];
    weights += w;
  }
  const DType dtype = output_type(call, 0, x.dtype());
  const std::string reduction = call.attrs->get_string("reduction", "mean");
  if (reduction == "none") return from_numbers(dtype, shape, loss);
  if (reduction == "sum") return from_numbers(dtype, {}, std::vector<double>{total});
  return from_numbers(dtype, {}, std::vector<double>{total / weights});
}

Result<Outputs> evaluate_likelihood(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(Scores scores, read_scores(call));
  INGOT_ASSIGN_OR_RETURN(HostTensor loss, likelihood_loss(call, scores));
  return outputs_of(std::move(loss));
}

Result<Outputs> evaluate_cross_entropy(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(Scores scores, read_scores(call));
  log_softmax(scores);
  INGOT_ASSIGN_OR_RETURN(HostTensor loss, likelihood_loss(call, scores));
  const HostTensor& x = *call.inputs[0];
  INGOT_ASSIGN_OR_RETURN(HostTensor log_prob, from_numbers(output_type(call, 1, x.dtype()), x.shape(), scores.values));
  return outputs_of(std::move(loss), std::move(log_prob));
}

constexpr Row kRows[] = {
    {"NegativeLogLikelihoodLoss", evaluate_likelihood},
    {"SoftmaxCrossEntropyLoss", evaluate_cross_entropy},
};

}  // namespace

std::span<const Row> loss_rows() { return kRows; }

}  // namespace ingot::reference
