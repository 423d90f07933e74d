// SPDX-License-Identifier: Apache-2.0
// Axis attributes and small constant operands of problems.
#pragma once

#include <optional>

#include "tactics/tactic.h"

namespace ingot::cpu {

// An axis in [0, rank); nullopt when it is out of range.
std::optional<std::size_t> normal_axis(std::int64_t axis, std::size_t rank);

// The elements of a constant integer operand whose value is known; nullopt otherwise.
std::optional<Ints> constant_ints(const Operand& operand);

// The product of dimensions [begin, end).
std::int64_t product(const Shape& shape, std::size_t begin, std::size_t end);

// Strides of a dense tensor, in elements.
Ints dense_strides(const Shape& shape);

}  // namespace ingot::cpu
