// SPDX-License-Identifier: Apache-2.0
// The shape rule of a plugin's operator, over symbolic sizes. Knows no graph.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "plugin/operator.h"
#include "tensor/attrs.h"
#include "tensor/dim.h"
#include "tensor/dtype.h"

namespace ingot::plugin {

struct InferInput {
  bool present = false;
  DType dtype = DType::undefined;
  std::optional<SymShape> shape;          // nullopt: not even the rank is known
  std::optional<std::vector<Dim>> value;  // the elements of a small integer tensor, where known
};

struct InferOutput {
  DType dtype = DType::undefined;
  SymShape shape;
};

// Checks the number of operands and the attributes, and runs the rule. `unknown_dim` makes a new symbol for a size that
// only the data decide. Errors name the operator and the library, crashes included.
Result<std::vector<InferOutput>> infer(const Operator& op, const Attrs& attrs, std::span<const InferInput> inputs,
                                       std::size_t outputs, const std::function<Dim()>& unknown_dim);

}  // namespace ingot::plugin
