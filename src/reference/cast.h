// SPDX-License-Identifier: Apache-2.0
// Conversions between element types by ONNX's rules for Cast.
#pragma once

#include <string_view>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace ingot::reference {

struct CastRules {
  bool saturate = true;  // of the 8-bit floats: out of range gives the greatest value, not NaN or infinity
  std::string_view round_mode = "up";  // of f8e8m0: up, down, nearest
};

// The bits of a value in an 8-bit floating type.
std::uint8_t to_float8(DType dtype, double value, const CastRules& rules);

Result<HostTensor> cast(const HostTensor& in, DType to, const CastRules& rules);

}  // namespace ingot::reference
