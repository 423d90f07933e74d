// SPDX-License-Identifier: Apache-2.0
// CopyPlan: an operator that only moves elements, as copies of boxes. The table of such operators.
#pragma once

#include <optional>
#include <vector>

#include "tactics/tactic.h"

namespace ingot::cpu {

// The elements of a box, between strided places. Strides and offsets in elements; in_strides may be 0 (repetition) or
// negative.
struct CopyBox {
  std::size_t element_bytes = 1;
  Ints dims, in_strides, out_strides;
  std::int64_t in_offset = 0, out_offset = 0;
};

struct CopyPlan {
  struct Part {
    std::size_t input = 0, output = 0;
    CopyBox copy;
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
