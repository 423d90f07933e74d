// SPDX-License-Identifier: Apache-2.0
// What kernels rely on in launch(), checked in configure(): neither a wrong dynamic shape nor a forged plan makes a
// kernel read or write outside its operands. Errors name the operator, the operand and what would be right.
#pragma once

#include <string_view>

#include "tactics/tactic.h"

namespace ingot::cpu {

// "Conv: operand 2 has shape [8], [16] expected."
Status expect_shape(std::string_view kind, std::string_view what, const Shape& shape, const Shape& expected);
// Also that the operand is there.
Status expect_elements(std::string_view kind, std::string_view what, const Operand& operand, std::int64_t expected);
// Every operand from `first` on is there and broadcasts to `out`, one way.
Status expect_broadcast(std::string_view kind, std::span<const Operand> operands, std::size_t first, const Shape& out);

}  // namespace ingot::cpu
