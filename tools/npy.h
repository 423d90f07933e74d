// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy format (version 1.0 to 3.0 headers), little-endian, C or Fortran order.
// Format: "A simple file format for NumPy arrays", NEP 1.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace ingot::tools {

// `name` is for messages.
Result<HostTensor> decode_npy(std::span<const std::byte> bytes, const std::string& name);
// Types that NumPy lacks (bf16, fp8, sub-byte) are written as float32.
Result<std::vector<std::byte>> encode_npy(const HostTensor& tensor);

}  // namespace ingot::tools
