// SPDX-License-Identifier: Apache-2.0
// Operators whose results are elements of their operands in other places, whatever the type is.
#pragma once

#include <string_view>

namespace ingot::ops {

bool only_moves(std::string_view op);

}  // namespace ingot::ops
