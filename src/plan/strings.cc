// SPDX-License-Identifier: Apache-2.0
#include "plan/strings.h"

#include <cstdint>
#include <cstring>

namespace ingot::plan {

std::vector<std::byte> encode_strings(const std::vector<std::string>& strings) {
  std::vector<std::byte> bytes;
  for (const std::string& text : strings) {
    const std::uint64_t size = text.size();
    const auto* length = reinterpret_cast<const std::byte*>(&size);
    bytes.insert(bytes.end(), length, length + sizeof(size));
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    bytes.insert(bytes.end(), begin, begin + text.size());
  }
  return bytes;
}

Result<std::vector<std::string>> decode_strings(std::span<const std::byte> bytes) {
  std::vector<std::string> strings;
  while (!bytes.empty()) {
    std::uint64_t size = 0;
    if (bytes.size() < sizeof(size)) return corrupt("strings: cut short");
    std::memcpy(&size, bytes.data(), sizeof(size));
    bytes = bytes.subspan(sizeof(size));
    if (size > bytes.size()) return corrupt("strings: a string of {} bytes in {}", size, bytes.size());
    strings.emplace_back(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return strings;
}

}  // namespace ingot::plan
