// SPDX-License-Identifier: Apache-2.0
// The ends of integer types as text for kernels.
#pragma once

#include <string>

#include "tensor/dtype.h"

namespace ingot::cuda {

// "#define LOWEST ..." and "#define HIGHEST ..." in double; infinities for floating types.
std::string define_limits(DType type);

}  // namespace ingot::cuda
