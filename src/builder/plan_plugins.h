// SPDX-License-Identifier: Apache-2.0
// What the plan records of the plugin libraries whose operators its steps use.
#pragma once

#include "builder/build.h"

namespace ingot::builder {

// Fills plan.plugins; with `embed` the files become blobs.
Status record_plugins(BuiltPlan& built, bool embed);

}  // namespace ingot::builder
