// SPDX-License-Identifier: Apache-2.0
// The CUDA backend, one per device. Absent devices have a reason.
#pragma once

#include "tactics/tactic.h"

namespace ingot::cuda {

Result<const Backend*> backend(int ordinal);

}  // namespace ingot::cuda
