// SPDX-License-Identifier: Apache-2.0
// Checking mode: plugins run on memory with guard bytes on both sides, their crashes become errors, and their inputs
// are compared with what they were. Slow; for building, verifying and checking.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace ingot::plugin {

// Initially off, or on when the environment has INGOT_PLUGIN_CHECK=1. A kernel follows it from its next configure() on.
void set_checking(bool on);
bool checking();

// Memory with a known pattern before and behind.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(std::size_t bytes);
  [[nodiscard]] std::byte* data() { return memory_.data() + offset_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // Empty when both guards are whole; otherwise "17 bytes behind its end".
  [[nodiscard]] std::string damage() const;

 private:
  static constexpr std::size_t kGuard = 4096;
  static constexpr std::size_t kAlignment = 256;
  std::size_t size_, offset_ = 0;
  std::vector<std::byte> memory_;
};

}  // namespace ingot::plugin
