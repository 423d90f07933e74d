// SPDX-License-Identifier: Apache-2.0
// Squeeze-and-excite blocks of a lowered program as one step each: global average pool, two products of one pixel with
// an activation each, and the multiplication of the map. Devices for which every step costs a launch want that; others
// leave the steps as they are.
#pragma once

#include <functional>

#include "builder/lower.h"

namespace ingot::builder {

// `worth`: whether the device solves the problem of kind SqueezeExcite (src/ops/own_ops.md), and sooner than its parts.
// Of each block the largest part that is worth it becomes a step: all of it, all but the multiplication, the two
// products.
void fuse_squeeze_excite(LoweredProgram& program, const std::function<bool(const Problem&)>& worth);

}  // namespace ingot::builder
