// SPDX-License-Identifier: Apache-2.0
// What is behind the value handle.
#pragma once

#include "ingot/ingot.h"
#include "runtime/object.h"

struct ingot_value {
  ingot_value_kind kind = INGOT_VALUE_NONE;
  ingot::Object object;
};
