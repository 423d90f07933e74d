// SPDX-License-Identifier: Apache-2.0
#include "runtime/buffer.h"

#include <cstdlib>
#include <cstring>
#include <utility>

namespace ingot {
namespace {

constexpr std::size_t kAlignment = 64;

class HeapAllocator final : public Allocator {
 public:
  void* allocate(std::size_t bytes, std::size_t alignment) override {
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  }
  void deallocate(void* memory, std::size_t) override { std::free(memory); }  // NOLINT(*-no-malloc)
};

}  // namespace

bool Allocator::copy(void* to, const void* from, std::size_t bytes) {
  std::memcpy(to, from, bytes);
  return true;
}

Allocator& default_allocator() {
  static HeapAllocator allocator;
  return allocator;
}

Buffer::~Buffer() {
  if (data_ != nullptr) allocator_->deallocate(data_, size_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : allocator_(other.allocator_), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

void Buffer::swap(Buffer& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
}

Status Buffer::reserve(std::size_t bytes, std::size_t keep) {
  if (bytes <= size_) return Status::ok();
  void* memory = allocator_->allocate(bytes, kAlignment);
  if (memory == nullptr) return resource_exhausted("cannot allocate {} bytes", bytes);
  if (keep > 0 && !allocator_->copy(memory, data_, keep)) return internal("cannot copy {} bytes", keep);
  if (data_ != nullptr) allocator_->deallocate(data_, size_);
  data_ = static_cast<std::byte*>(memory);
  size_ = bytes;
  return Status::ok();
}

}  // namespace ingot
