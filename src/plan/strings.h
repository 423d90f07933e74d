// SPDX-License-Identifier: Apache-2.0
// Strings as the bytes of a blob: how a plan stores constant tensors of strings.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace ingot::plan {

// For each string its length as a little-endian u64, then its bytes.
std::vector<std::byte> encode_strings(const std::vector<std::string>& strings);
Result<std::vector<std::string>> decode_strings(std::span<const std::byte> bytes);

}  // namespace ingot::plan
