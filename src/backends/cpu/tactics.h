// SPDX-License-Identifier: Apache-2.0
// The table of CPU tactics. Adding one: a file that defines the function, and a row in tactics.inc.
#pragma once

#include <span>

#include "tactics/tactic.h"

namespace ingot::cpu {

#define X(function) const Tactic& function();
#include "backends/cpu/tactics.inc"
#undef X

std::span<const Tactic* const> tactic_table();

}  // namespace ingot::cpu
