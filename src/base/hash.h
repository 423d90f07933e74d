// SPDX-License-Identifier: Apache-2.0
// 64-bit content hashes (XXH3), stable across machines and releases: they are written to files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ingot {

std::uint64_t hash_bytes(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0);

// 16 lower-case hexadecimal digits.
std::string hex_text(std::uint64_t value);

}  // namespace ingot
