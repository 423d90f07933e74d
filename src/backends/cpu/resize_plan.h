// SPDX-License-Identifier: Apache-2.0
// Resize, nearest or linear, of at most two adjacent dimensions (so channels last or first alike) as tables of
// positions.
#pragma once

#include "tactics/tactic.h"

namespace ingot::cpu {

// For each output position of a dimension: two input positions and the weight of the second.
struct ResizeTable {
  std::vector<std::int64_t> low, high;
  std::vector<float> weight;
};

// The data as [outer][h][w][inner].
struct ResizePlan {
  std::int64_t outer = 1, in_h = 1, in_w = 1, out_h = 1, out_w = 1, inner = 1;
  ResizeTable rows, columns;
};

// Whether the attributes and sizes allow such a plan; says nothing of types.
Support resize_support(const Problem& problem);
Result<ResizePlan> plan_resize(const Attrs& attrs, std::span<const Operand> inputs, std::span<const Operand> outputs);

}  // namespace ingot::cpu
