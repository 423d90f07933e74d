// SPDX-License-Identifier: Apache-2.0
// For the interfaces: whatever an engine does, the calling thread's CUDA context stays the caller's.
#pragma once

#include "backends/cuda/device.h"

namespace ingot {

using cuda::CallersContext;

}  // namespace ingot
