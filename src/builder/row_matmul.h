// SPDX-License-Identifier: Apache-2.0
// Products of rows with a constant matrix that a lowered program then puts into another order, as one step of kind
// RowMatMul (src/ops/own_ops.md). Devices for which every step costs a launch want that; others leave the steps as they
// are.
#pragma once

#include <functional>

#include "builder/lower.h"

namespace ingot::builder {

// `worth`: whether the device solves the problem of kind RowMatMul, and sooner than its parts.
void fuse_row_orders(LoweredProgram& program, const std::function<bool(const Problem&)>& worth);

}  // namespace ingot::builder
