// SPDX-License-Identifier: Apache-2.0
// The first convolution of a network reads the image as it comes, channels first and in fp32, rather than what a step
// of its own makes of it.
#pragma once

#include <functional>

#include "builder/lower.h"

namespace ingot::builder {

// A transpose to channels last that at most rounds, together with the convolution that alone reads its result, becomes
// one step of kind ImageConv (src/ops/own_ops.md) where `solvable` says that the device solves it.
void fuse_image_conv(LoweredProgram& program, const std::function<bool(const Problem&)>& solvable);

}  // namespace ingot::builder
