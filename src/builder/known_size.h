// SPDX-License-Identifier: Apache-2.0
// How large the values of a tensor are known to become because of constants and integers, which is what overflows a
// half or vanishes in it: masks of "minus a lot", sums of products of bytes, positions, bytes times a tiny scale.
// Activations count as ordinary: what a network computes from its input is assumed to fit, as everybody who asks for
// half precision assumes.
#pragma once

#include <span>

#include "expr/expr.h"
#include "tactics/problem.h"

namespace ingot::builder {

struct KnownSize {
  double most = 1;        // the largest magnitude; 1 for activations
  bool integer = false;   // made of integers and constants alone
  bool constant = false;  // made of constants alone

  static KnownSize of_type(DType type);
  static KnownSize of_constant(const HostTensor& values);  // infinities and NaN, which any float holds, do not count
  // The larger one; what a select, a sum (nearly) or a concatenation yields.
  [[nodiscard]] KnownSize with(const KnownSize& other) const;
};

// Of the result of an expression over operands of these sizes.
KnownSize size_of(const Expr& expr, std::span<const KnownSize> inputs);

}  // namespace ingot::builder
