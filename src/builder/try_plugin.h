// SPDX-License-Identifier: Apache-2.0
// Configures what a plugin's step was decided to be, as its first run will: what the plugin says no to is then an error
// of the build.
#pragma once

#include "base/status.h"
#include "tactics/tactic.h"

namespace ingot::builder {

// At the opt sizes. Where a size of an input is nobody's word but a guess, nothing is tried.
Status try_plugin(const Problem& problem, const Tactic& tactic, const std::string& config, const DeviceInfo& device);

}  // namespace ingot::builder
