// SPDX-License-Identifier: Apache-2.0
// Buffer: grow-only memory from an Allocator, 64-byte aligned.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "runtime/hooks.h"

namespace ingot {

class Buffer {
 public:
  explicit Buffer(Allocator& allocator) : allocator_(&allocator) {}
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&&) = delete;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // After success size() >= bytes. After growing only the first `keep` bytes are what they were.
  Status reserve(std::size_t bytes, std::size_t keep = 0);
  // Both must be of one allocator.
  void swap(Buffer& other) noexcept;
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  Allocator* allocator_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ingot
