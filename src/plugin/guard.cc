// SPDX-License-Identifier: Apache-2.0
#include "plugin/guard.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace ingot::plugin {
namespace {

constexpr std::byte kPattern{0x5a};

std::atomic<bool>& flag() {
  static std::atomic<bool> on = [] {
    const char* text = std::getenv("INGOT_PLUGIN_CHECK");
    return text != nullptr && std::string_view(text) != "0" && *text != '\0';
  }();
  return on;
}

}  // namespace

void set_checking(bool on) { flag() = on; }
bool checking() { return flag(); }

GuardedBuffer::GuardedBuffer(std::size_t bytes) : size_(bytes), memory_(bytes + 2 * kGuard + kAlignment, kPattern) {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory_.data()) + kGuard;
  offset_ = kGuard + (kAlignment - begin % kAlignment) % kAlignment;
}

std::string GuardedBuffer::damage() const {
  const auto inside = memory_.begin() + static_cast<std::ptrdiff_t>(offset_);
  const auto end = inside + static_cast<std::ptrdiff_t>(size_);
  const auto whole = [](std::byte value) { return value == kPattern; };
  if (const auto at = std::find_if_not(end, memory_.end(), whole); at != memory_.end())
    return fmt::format("{} bytes behind its end", at - end);
  if (const auto at = std::find_if_not(memory_.begin(), inside, whole); at != inside)
    return fmt::format("{} bytes before its start", inside - at);
  return "";
}

}  // namespace ingot::plugin
