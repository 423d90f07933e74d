// SPDX-License-Identifier: Apache-2.0
// What a context lends to the plugins of its steps: device memory, copies, and handles of cuBLAS and cuDNN, which are
// opened at run time. Handles are shared by what was configured on one stream.
#pragma once

#include "backends/cuda/device.h"
#include "plugin/target.h"

namespace ingot::cuda {

// On the thread's current stream.
std::unique_ptr<plugin::Loan> make_plugin_loan(Device& device);

}  // namespace ingot::cuda
