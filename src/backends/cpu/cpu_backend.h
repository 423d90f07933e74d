// SPDX-License-Identifier: Apache-2.0
// The CPU backend: the processor that the process runs on and the tactics for it (table: tactics.inc).
#pragma once

#include "tactics/tactic.h"

namespace ingot::cpu {

const Backend& backend();

}  // namespace ingot::cpu
