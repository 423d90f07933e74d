// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/tactics.h"

namespace ingot::cpu {

std::span<const Tactic* const> tactic_table() {
  static const Tactic* const kTable[] = {
#define X(function) &function(),
#include "backends/cpu/tactics.inc"
#undef X
  };
  return kTable;
}

}  // namespace ingot::cpu
