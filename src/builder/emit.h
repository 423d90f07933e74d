// SPDX-License-Identifier: Apache-2.0
// Emission: lowered steps and their chosen tactics become a plan: weights packed and shared, dead constants dropped,
// activations of fixed shape placed.
#pragma once

#include "builder/build.h"

namespace ingot::builder {

Result<BuiltPlan> emit(Lowered lowered, const std::vector<Choice>& choices, const DeviceInfo& device);

}  // namespace ingot::builder
