// SPDX-License-Identifier: Apache-2.0
// Writes a plan. Deterministic: the same Plan gives the same bytes. Files are written beside their place and renamed,
// so a failure leaves no half-written plan.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "plan/plan.h"

namespace ingot::plan {

Result<std::vector<std::byte>> write(const Plan& plan);
Status write_file(const Plan& plan, const std::string& path);

}  // namespace ingot::plan
