// SPDX-License-Identifier: Apache-2.0
// The operators of loaded plugin libraries.
#include "backends/cpu/tactics.h"
#include "plugin/kernel.h"

namespace ingot::cpu {

const Tactic& plugin_tactic() { return plugin::cpu_tactic(); }

}  // namespace ingot::cpu
