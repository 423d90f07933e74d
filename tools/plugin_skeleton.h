// SPDX-License-Identifier: Apache-2.0
// `ingot plugin new`: a plugin's folder with everything that it needs.
#pragma once

#include <string>

#include "base/status.h"

namespace ingot::tools {

// Fails when the folder exists or the name is no CamelCase identifier.
Status write_skeleton(const std::string& name, const std::string& folder);

}  // namespace ingot::tools
