// SPDX-License-Identifier: Apache-2.0
// PairwiseCoupling: probabilities of classes from those of each pair of classes, by the fixed-point iteration of the
// second method of Wu, Lin and Weng (2004).
#include <algorithm>
#include <cmath>

#include "reference/ml.h"

namespace ingot::reference {

namespace {

constexpr double kLeast = 1e-7;  // probabilities of pairs stay away from 0 and 1 by this

// r(i, j): how probable class i is when it is i or j.
class Coupling {
 public:
  explicit Coupling(std::size_t classes) : count_(classes), r_(classes * classes), q_(classes * classes) {}

  void solve(const double* pairs, std::vector<double>& p) {
    for (std::size_t i = 0; i < count_; ++i) {
      for (std::size_t j = i + 1; j < count_; ++j) {
        r(i, j) = std::clamp(*pairs++, kLeast, 1 - kLeast);
        r(j, i) = 1 - r(i, j);
      }
    }
    for (std::size_t i = 0; i < count_; ++i) {
      q(i, i) = 0;
      for (std::size_t j = 0; j < count_; ++j) {
        if (j == i) continue;
        q(i, i) += r(j, i) * r(j, i);
        q(i, j) = -r(j, i) * r(i, j);
      }
    }
    iterate(p);
  }

 private:
  double& r(std::size_t i, std::size_t j) { return r_[i * count_ + j]; }
  double& q(std::size_t i, std::size_t j) { return q_[i * count_ + j]; }

  // Minimises p^T Q p over probabilities: at the minimum every (Q p)_i is p^T Q p.
  void iterate(std::vector<double>& p) {
    const auto n = static_cast<double>(count_);
    const std::size_t limit = std::max<std::size_t>(100, count_);
    std::vector<double> qp(count_);
    p.assign(count_, 1 / n);
    for (std::size_t round = 0; round < limit; ++round) {
      double pqp = 0;
      for (std::size_t i = 0; i < count_; ++i) {
        qp[i] = 0;
        for (std::size_t j = 0; j < count_; ++j) qp[i] += q(i, j) * p[j];
        pqp += p[i] * qp[i];
      }
      double error = 0;
      for (const double value : qp) error = std::max(error, std::abs(value - pqp));
      if (error < 0.005 / n) return;
      for (std::size_t i = 0; i < count_; ++i) {
        const double step = (pqp - qp[i]) / q(i, i);
        p[i] += step;
        pqp = (pqp + step * (step * q(i, i) + 2 * qp[i])) / (1 + step) / (1 + step);
        for (std::size_t j = 0; j < count_; ++j) {
          qp[j] = (qp[j] + step * q(i, j)) / (1 + step);
          p[j] /= 1 + step;
        }
      }
    }
  }

  std::size_t count_;
  std::vector<double> r_, q_;
};

Result<Outputs> evaluate_coupling(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "pairs", 2));
  const std::int64_t classes = call.attrs->get_int("classes", 0);
  if (x->rank() != 2 || classes < 2 || x->shape()[1] != classes * (classes - 1) / 2)
    return invalid_argument("operand 0 (pairs) has shape {}, which is not one column for each pair of {} classes",
                            to_string(x->shape()), classes);
  const std::vector<double> pairs = to_numbers<double>(*x);
  std::vector<double> all, p;
  Coupling coupling(to_size(classes));
  for (std::int64_t row = 0; row < x->shape()[0]; ++row) {
    coupling.solve(pairs.data() + row * x->shape()[1], p);
    all.insert(all.end(), p.begin(), p.end());
  }
  return single_output(output_type(call, 0, x->dtype()), {x->shape()[0], classes}, all);
}

constexpr Row kRows[] = {{"PairwiseCoupling", evaluate_coupling}};

}  // namespace

std::span<const Row> pairwise_coupling_rows() { return kRows; }

}  // namespace ingot::reference
