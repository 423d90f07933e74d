// SPDX-License-Identifier: Apache-2.0
// TreeEnsemble over flat tables (ops/own_ops.md): each row of X walks down every tree, four integers and one threshold
// a step.
#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/ml.h"

namespace ingot::reference {

namespace {

struct Node {
  std::int32_t feature, mode, yes, no;
};
static_assert(sizeof(Node) == 16);

constexpr std::int32_t kMissingIsYes = 8;  // added to the mode

template <typename T>
bool goes_yes(T value, T threshold, std::int32_t mode) {
  switch (mode & (kMissingIsYes - 1)) {
    case 0: return value <= threshold;
    case 1: return value < threshold;
    case 2: return value >= threshold;
    case 3: return value > threshold;
    case 4: return value == threshold;
    default: return value != threshold;
  }
}

template <typename T>
class Ensemble {
 public:
  static Result<Ensemble> read(const Call& call) {
    Ensemble result;
    INGOT_ASSIGN_OR_RETURN(result.x_, numeric_operand(call, 0, "X", 2));
    INGOT_ASSIGN_OR_RETURN(result.nodes_, table<Node>(call, 1, "nodes", DType::i32));
    INGOT_ASSIGN_OR_RETURN(result.thresholds_, table<T>(call, 2, "thresholds", result.x_->dtype()));
    INGOT_ASSIGN_OR_RETURN(result.roots_, table<std::int32_t>(call, 3, "roots", DType::i32));
    INGOT_ASSIGN_OR_RETURN(result.begins_, table<std::int32_t>(call, 4, "leaf_begins", DType::i32));
    INGOT_ASSIGN_OR_RETURN(result.targets_, table<std::int32_t>(call, 5, "leaf_targets", DType::i32));
    INGOT_ASSIGN_OR_RETURN(result.weights_, table<T>(call, 6, "leaf_weights", result.x_->dtype()));
    result.count_ = call.attrs->get_int("n_targets", 1);
    INGOT_ASSIGN_OR_RETURN(result.base_, vector_operand(call, 7, "base_values", result.count_));
    result.aggregate_ = call.attrs->get_string("aggregate", "SUM");
    INGOT_RETURN_IF_ERROR(result.check());
    return result;
  }

  Result<Outputs> run() const {
    const std::int64_t rows = x_->shape()[0], features = x_->shape()[1];
    INGOT_ASSIGN_OR_RETURN(HostTensor y, HostTensor::create(x_->dtype(), {rows, count_}));
    T* out = y.template mutable_data<T>();
    std::vector<double> scores(to_size(count_));
    std::vector<char> seen(to_size(count_));
    for (std::int64_t row = 0; row < rows; ++row) {
      score_row(x_->data<T>() + row * features, scores, seen);
      for (std::int64_t k = 0; k < count_; ++k)
        out[row * count_ + k] = static_cast<T>(scores[to_size(k)] + (base_.empty() ? 0.0 : base_[to_size(k)]));
    }
    return outputs_of(std::move(y));
  }

 private:
  template <typename Element>
  static Result<std::span<const Element>> table(const Call& call, std::size_t index, std::string_view name,
                                                DType type) {
    INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, required_operand(call, index, name));
    if (operand->dtype() != type)
      return invalid_argument("operand {} ({}) is {}, but must be {}", index, name, to_string(operand->dtype()),
                              to_string(type));
    return std::span(operand->data<Element>(), operand->bytes().size() / sizeof(Element));
  }

  // Every index stays inside its table, and children follow their parents, so that every walk ends.
  [[nodiscard]] Status check() const {
    const auto nodes = to_signed(nodes_.size()), leaves = to_signed(begins_.size()) - 1;
    const auto child_ok = [&](std::int64_t child, std::int64_t after) {
      return child < 0 ? ~child < leaves : child > after && child < nodes;
    };
    bool good = leaves >= 0 && thresholds_.size() == nodes_.size() && targets_.size() == weights_.size() &&
                begins_[0] == 0 && begins_.back() == to_signed(targets_.size()) && std::ranges::is_sorted(begins_) &&
                x_->rank() == 2;
    for (std::int64_t i = 0; good && i < nodes; ++i) {
      const Node& node = nodes_[to_size(i)];
      good = node.feature >= 0 && node.feature < x_->shape()[1] && node.mode >= 0 && child_ok(node.yes, i) &&
             child_ok(node.no, i);
    }
    good = good && std::ranges::all_of(roots_, [&](std::int32_t root) { return child_ok(root, -1); }) &&
           std::ranges::all_of(targets_, [&](std::int32_t target) { return target >= 0 && target < count_; });
    return good ? Status::ok()
                : invalid_argument("the tables of {} nodes and {} leaves do not fit each other or the {} features of X",
                                   nodes, leaves, x_->shape()[1]);
  }

  void score_row(const T* row, std::vector<double>& scores, std::vector<char>& seen) const {
    std::ranges::fill(scores, 0.0);
    std::ranges::fill(seen, 0);
    const bool least = aggregate_ == "MIN", most = aggregate_ == "MAX";
    for (const std::int32_t root : roots_) {
      std::int32_t at = root;
      while (at >= 0) {
        const Node& node = nodes_[to_size(at)];
        const T value = row[node.feature];
        const bool yes = std::isnan(value) && (node.mode & kMissingIsYes) != 0
                             ? true
                             : goes_yes(value, thresholds_[to_size(at)], node.mode);
        at = yes ? node.yes : node.no;
      }
      for (std::int32_t i = begins_[to_size(~at)]; i < begins_[to_size(~at) + 1]; ++i) {
        const auto target = to_size(targets_[to_size(i)]);
        const double weight = weights_[to_size(i)];
        double& score = scores[target];
        if (least || most) {
          score = seen[target] == 0 ? weight : least ? std::min(score, weight) : std::max(score, weight);
        } else {
          score += weight;
        }
        seen[target] = 1;
      }
    }
    if (aggregate_ == "AVERAGE")
      for (double& score : scores) score /= static_cast<double>(roots_.size());
  }

  const HostTensor* x_ = nullptr;
  std::span<const Node> nodes_;
  std::span<const T> thresholds_, weights_;
  std::span<const std::int32_t> roots_, begins_, targets_;
  std::vector<double> base_;
  std::int64_t count_ = 1;
  std::string aggregate_;
};

template <typename T>
Result<Outputs> evaluate_typed(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Ensemble<T> ensemble, Ensemble<T>::read(call));
  return ensemble.run();
}

Result<Outputs> evaluate_tree_ensemble(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 2));
  if (x->dtype() == DType::f32) return evaluate_typed<float>(call);
  if (x->dtype() == DType::f64) return evaluate_typed<double>(call);
  return unsupported("operand 0 (X) is {}, but must be f32 or f64", to_string(x->dtype()));
}

constexpr Row kRows[] = {{"TreeEnsemble", evaluate_tree_ensemble}};

}  // namespace

std::span<const Row> tree_ensemble_rows() { return kRows; }

}  // namespace ingot::reference
