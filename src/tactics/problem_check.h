// SPDX-License-Identifier: Apache-2.0
// Limits on the sizes in a problem, so that tactics may compute with them in 64 bits without fear of overflow.
#pragma once

#include "base/status.h"
#include "tactics/problem.h"

namespace ingot {

// A dimension, and the product of all that are not 0 (an empty tensor has strides too).
inline constexpr std::int64_t kMostElements = std::int64_t{1} << 40;
// A number of kernel_shape, strides, dilations, output_padding, blocksize: is multiplied with a dimension.
inline constexpr std::int64_t kMostStep = std::int64_t{1} << 22;
// A number of pads: is added to a dimension.
inline constexpr std::int64_t kMostPad = std::int64_t{1} << 40;

// kUnsupported, naming the operand or attribute that is beyond them. Negative dimensions are beyond them too.
Status check_sizes(const Problem& problem);

}  // namespace ingot
