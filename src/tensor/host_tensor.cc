// SPDX-License-Identifier: Apache-2.0
#include "tensor/host_tensor.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

namespace ingot {
namespace {

constexpr std::size_t kAlignment = 64;
// Refused without asking the system, which may promise memory that it does not have.
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 39;

// calloc gets zero pages from the system untouched, so a large tensor costs nothing until it is written.
std::shared_ptr<std::byte> allocate_zeroed(std::size_t bytes) {
  void* raw = std::calloc(bytes + kAlignment, 1);
  if (raw == nullptr) return nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(raw);
  auto* aligned = static_cast<std::byte*>(raw) + (kAlignment - address % kAlignment) % kAlignment;
  return {aligned, [raw](std::byte*) { std::free(raw); }};
}

std::size_t alignment_of(DType dtype) {
  const int bits = kind_of(dtype) == 'c' ? bits_of(dtype) / 2 : bits_of(dtype);
  return bits <= 8 ? 1 : static_cast<std::size_t>(bits) / 8;
}

}  // namespace

Result<HostTensor> HostTensor::create(DType dtype, Shape shape) {
  if (dtype == DType::undefined) return invalid_argument("a tensor needs an element type");
  const auto elements = element_count(shape);
  const auto bytes = elements ? bytes_of(dtype, *elements) : std::nullopt;
  if (!bytes) return invalid_argument("a tensor of shape {} is not possible", ingot::to_string(shape));
  HostTensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = std::move(shape);
  tensor.elements_ = *elements;
  tensor.size_ = *bytes;
  const auto short_of_memory = [&] {
    return resource_exhausted("no memory for a tensor {}{}", to_string(dtype), ingot::to_string(tensor.shape_));
  };
  if (dtype == DType::string) {
    try {
      tensor.strings_.resize(static_cast<std::size_t>(*elements));
    } catch (const std::bad_alloc&) {
      return short_of_memory();
    } catch (const std::length_error&) {
      return short_of_memory();
    }
    return tensor;
  }
  if (*bytes > kMaxBytes) return short_of_memory();
  auto memory = allocate_zeroed(static_cast<std::size_t>(*bytes));
  if (memory == nullptr) return short_of_memory();
  tensor.data_ = memory.get();
  tensor.owner_ = std::move(memory);
  return tensor;
}

Result<HostTensor> HostTensor::view(DType dtype, Shape shape, std::span<const std::byte> bytes,
                                    std::shared_ptr<const void> owner) {
  if (dtype == DType::undefined || dtype == DType::string)
    return invalid_argument("a tensor of type {} cannot be a view of bytes", to_string(dtype));
  const auto elements = element_count(shape);
  const auto size = elements ? bytes_of(dtype, *elements) : std::nullopt;
  if (!size || static_cast<std::uint64_t>(*size) > bytes.size())
    return invalid_argument("{} bytes do not hold a tensor {}{}", bytes.size(), to_string(dtype),
                            ingot::to_string(shape));
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignment_of(dtype) != 0) {
    INGOT_ASSIGN_OR_RETURN(HostTensor copy, create(dtype, std::move(shape)));
    std::memcpy(copy.data_, bytes.data(), static_cast<std::size_t>(*size));
    return copy;
  }
  HostTensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = std::move(shape);
  tensor.elements_ = *elements;
  tensor.size_ = *size;
  tensor.data_ = const_cast<std::byte*>(bytes.data());
  tensor.owner_ = std::move(owner);
  return tensor;
}

HostTensor HostTensor::of_ints(std::span<const std::int64_t> values) {
  return of(DType::i64, {static_cast<std::int64_t>(values.size())}, values);
}

HostTensor HostTensor::scalar(DType dtype, double value) {
  HostTensor tensor = create(dtype, {}).value();
  tensor.set_double(0, value);
  return tensor;
}

Result<HostTensor> HostTensor::reshaped(Shape shape) const {
  const auto elements = element_count(shape);
  if (!elements || *elements != elements_)
    return invalid_argument("a tensor of shape {} cannot become {}: {} elements", ingot::to_string(shape_),
                            ingot::to_string(shape), elements_);
  HostTensor tensor = *this;
  tensor.shape_ = std::move(shape);
  return tensor;
}

bool same_content(const HostTensor& a, const HostTensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape() || a.strings() != b.strings()) return false;
  return a.bytes().empty() || a.bytes().data() == b.bytes().data() ||
         std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

}  // namespace ingot
