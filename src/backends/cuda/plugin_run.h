// SPDX-License-Identifier: Apache-2.0
// A plugin's operator run once on a GPU, outside of any engine, on a stream of its own and on memory with guard bytes
// on both sides: what `ingot plugin check --device cuda` does again and again.
#pragma once

#include <span>
#include <vector>

#include "backends/cuda/device.h"
#include "plugin/kernel.h"

namespace ingot::cuda {

// Outputs and workspace are filled with `fill` before. Fails where the operator wrote outside of them or into an input.
Result<std::vector<HostTensor>> run_plugin(Device& device, const DeviceInfo& info, const plugin::Operator& op,
                                           const Problem& problem, std::span<const HostTensor* const> inputs,
                                           plugin::KernelOptions options, std::byte fill);

}  // namespace ingot::cuda
