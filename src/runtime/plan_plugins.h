// SPDX-License-Identifier: Apache-2.0
// The plugin libraries that a plan needs.
#pragma once

#include "base/status.h"
#include "plan/plan.h"

namespace ingot {

// Fails (kNotFound) when an operator that the plan needs is not loaded; the error has everything that the plan knows of
// its library and what is loaded. An embedded library is loaded when `allow_embedded` is set: it is code, so the plan
// must come from a source that is trusted. A loaded library of another version than at build serves, with a warning.
Status require_plugins(const plan::Plan& plan, bool allow_embedded);

}  // namespace ingot
