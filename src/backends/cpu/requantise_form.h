// SPDX-License-Identifier: Apache-2.0
// RequantiseForm: the epilogue of an integer product as stages that its kernels run on registers: an integer bias, the
// change to f32, scales and shifts per column, a residual, limits, rounding to a byte, and once more from there.
// Stages do what the expression says, operation by operation, and so agree with it to the last bit.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "tactics/tactic.h"

namespace ingot::cpu {

struct RequantiseStage {
  double before = 0;
  std::vector<double> scale{1.0}, shift{0.0};  // one for all columns, or one each
  int residual = -1;                           // index of the problem's input
  double residual_zero = 0, residual_scale = 1;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  double divisor = 1;
  bool rounds = false;
  double zero = 0, q_low = 0, q_high = 0;
};

struct RequantiseForm {
  std::vector<double> bias;             // integers, one for all columns or one each; empty: none
  std::vector<RequantiseStage> stages;  // none: the results are integers
};

// Of a problem whose own result has `columns` columns and whose constants have values. nullopt for any other program.
std::optional<RequantiseForm> recognise_requantise(const Problem& problem, const Expr& expr, std::int64_t columns);

}  // namespace ingot::cpu
