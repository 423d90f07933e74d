// SPDX-License-Identifier: Apache-2.0
// Emission: lowered steps and their chosen tactics become a plan: weights packed and shared, dead constants dropped,
// activations of fixed shape placed.
#pragma once

#include "builder/build.h"

namespace ingot::builder {

// One for each step; that of a step which the runtime does itself is empty.
struct Choices {
  std::vector<Choice> main;
  std::vector<std::vector<Choice>> programs;
};

Result<BuiltPlan> emit(Lowered lowered, const Choices& choices, const DeviceInfo& device);

}  // namespace ingot::builder
