// SPDX-License-Identifier: Apache-2.0
// The rows of sequences and optionals. Private to this folder.
#pragma once

#include "ops/rules.h"

namespace ingot::ops {

void add_sequence_ops(Table& table);

}  // namespace ingot::ops
