// SPDX-License-Identifier: Apache-2.0
// CopyPlan: an operator that only moves elements, as copies of boxes. The table of such operators.
#pragma once

#include <optional>
#include <vector>

#include "backends/cpu/kernels/nd_copy.h"
#include "tactics/tactic.h"

namespace ingot::cpu {

struct CopyPlan {
  struct Part {
    std::size_t input = 0, output = 0;
    NdCopy copy;
  };
  std::vector<Part> parts;
  // Output 0 is first filled with this element (constant padding).
  std::optional<std::vector<std::byte>> fill;
};

struct CopyArgs {
  const Attrs& attrs;
  std::span<const Operand> inputs, outputs;
};

using CopyPlanFn = Result<CopyPlan> (*)(const CopyArgs& args);

// nullptr when the operator is no copy.
CopyPlanFn find_copy_plan(std::string_view kind);
// True for operators whose output has the elements of input 0 in their order.
bool is_reshape(std::string_view kind);

}  // namespace ingot::cpu
