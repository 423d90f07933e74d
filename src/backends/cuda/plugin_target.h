// SPDX-License-Identifier: Apache-2.0
// A GPU as the place where plugins run: on the thread's current stream, operands converted there to the types and
// layouts that a plugin takes.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backends/cuda/device.h"
#include "plugin/operands.h"
#include "plugin/target.h"
#include "tactics/tactic.h"

namespace ingot::cuda {

// The machine code that converts operands; empty where the plugin takes them as the model has them.
Result<std::vector<std::byte>> plugin_converter(const Problem& problem, const plugin::Combination& combination,
                                                const DeviceInfo& device);

Result<std::shared_ptr<const plugin::Target>> plugin_target(Device& device, std::span<const std::byte> converter);

}  // namespace ingot::cuda
