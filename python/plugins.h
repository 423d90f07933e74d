// SPDX-License-Identifier: Apache-2.0
// Plugins whose shape rule and kernel are Python functions.
#pragma once

#include "core.h"

namespace ingot_python {

void bind_plugins(nb::module_& module);

}  // namespace ingot_python
