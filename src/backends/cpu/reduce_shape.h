// SPDX-License-Identifier: Apache-2.0
// The sizes of a reduction, global pooling included.
#pragma once

#include <vector>

#include "tactics/tactic.h"

namespace ingot::cpu {

// The data as [outer][length][inner], reduced over the middle.
struct ReduceExtents {
  std::int64_t outer = 1, length = 1, inner = 1;
};

// Which dimensions of inputs[0] go. kUnsupported when that is not known at build time, or when none does.
Result<std::vector<bool>> reduced_axes(const Problem& problem, std::span<const Operand> inputs);

// kUnsupported when kept dimensions larger than 1 stand between reduced ones.
Result<ReduceExtents> reduce_extents(const Shape& shape, const std::vector<bool>& reduced);

// Whether both succeed.
Support reduce_support(const Problem& problem);

// Any dimensions: the data as groups of dimensions that stay or go together, the innermost of which is a run of
// elements.
struct ReduceLayout {
  struct Group {
    std::int64_t size = 1, stride = 1;
  };
  std::vector<Group> kept, reduced;  // without the run, outermost first
  std::int64_t run = 1;
  bool run_reduced = false;
  std::int64_t units = 1, rows = 1;  // how many runs an output has, and how many runs go into one
  std::int64_t length = 1;           // elements that go into one

  // Where the run of an index over these groups begins.
  static std::int64_t offset(const std::vector<Group>& groups, std::int64_t index) {
    std::int64_t at = 0;
    for (std::size_t i = groups.size(); i-- > 0; index /= groups[i].size)
      at += index % groups[i].size * groups[i].stride;
    return at;
  }
};
Result<ReduceLayout> reduce_layout(const Shape& shape, const std::vector<bool>& reduced);

}  // namespace ingot::cpu
