// SPDX-License-Identifier: Apache-2.0
// The reference evaluator: every canonical operator, naive and obviously right, accumulating in double.
//
// It is the oracle of tests and of `verify`, folds constants at build time, and is the last tactic of every problem, so
// it depends on tensors and expressions only. Stateless and thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/attrs.h"
#include "tensor/host_tensor.h"

namespace ingot::reference {

struct Call {
  std::string_view op;  // canonical name, as in ops/
  const Attrs* attrs = nullptr;
  std::span<const HostTensor* const> inputs;  // nullptr for an absent optional
  std::size_t output_count = 1;
  // Element types of the outputs as inferred (casts, pointwise results); one per output.
  std::span<const DType> output_types;
};

// True when evaluate() knows the operator.
bool supports(std::string_view op);

// The outputs in order. Errors name the operand and what would be right; the caller adds the node's name.
Result<std::vector<HostTensor>> evaluate(const Call& call);

}  // namespace ingot::reference
