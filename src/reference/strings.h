// SPDX-License-Identifier: Apache-2.0
// What the operators on strings share with the others.
#pragma once

#include "reference/operands.h"

namespace ingot::reference {

Result<const HostTensor*> string_operand(const Call& call, std::size_t index, std::string_view name);
// Equal on strings.
Result<Outputs> equal_strings(const Call& call);

}  // namespace ingot::reference
