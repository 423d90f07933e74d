// SPDX-License-Identifier: Apache-2.0
// What the shape ranges of a build say of the sizes inside the network: for plugins, which are told of them.
#pragma once

#include <span>

#include "plan/plan.h"
#include "tactics/problem.h"
#include "tensor/size_bounds.h"

namespace ingot::plan {

// Adds what the range of an input says of the symbols of its shape. Where several inputs share one, the ranges' common
// part counts.
void add_ranges(const SymShape& pattern, const Shape& min, const Shape& opt, const Shape& max, SymbolRanges& ranges);

// Gives the operands of a problem the bounds of the tensors that stand for them; -1 among the ids: absent.
void add_bounds(std::span<const std::int32_t> inputs, std::span<const std::int32_t> outputs,
                std::span<const Tensor> tensors, const SymbolRanges& ranges, Problem& problem);

}  // namespace ingot::plan
