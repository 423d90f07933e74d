// SPDX-License-Identifier: Apache-2.0
// HostTensor: a dense row-major tensor in host memory, 64-byte aligned, or a view of memory that something else owns.
// TensorPtr is how constants are shared: immutable once behind the pointer, hence safe between threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "tensor/dim.h"
#include "tensor/dtype.h"

namespace ingot {

class HostTensor {
 public:
  HostTensor() = default;
  // Zero-filled. Fails on a negative dimension, an overflow, or when memory is short.
  static Result<HostTensor> create(DType dtype, Shape shape);
  // A view; `owner` (may be null) keeps the memory alive. bytes must hold the elements; memory that is not aligned for
  // them is copied instead.
  static Result<HostTensor> view(DType dtype, Shape shape, std::span<const std::byte> bytes,
                                 std::shared_ptr<const void> owner);
  // Convenience for constants made by the engine itself.
  template <typename T>
  static HostTensor of(DType dtype, Shape shape, std::span<const T> values);
  static HostTensor of_ints(std::span<const std::int64_t> values);  // i64, rank 1
  static HostTensor scalar(DType dtype, double value);              // rank 0

  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] std::int64_t rank() const { return static_cast<std::int64_t>(shape_.size()); }
  [[nodiscard]] std::int64_t elements() const { return elements_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, static_cast<std::size_t>(size_)}; }
  // Only for tensors made by create(); a view of foreign memory is read-only by contract.
  [[nodiscard]] std::span<std::byte> mutable_bytes() { return {data_, static_cast<std::size_t>(size_)}; }
  template <typename T>
  [[nodiscard]] const T* data() const {
    return reinterpret_cast<const T*>(data_);
  }
  template <typename T>
  [[nodiscard]] T* mutable_data() {
    return reinterpret_cast<T*>(data_);
  }
  [[nodiscard]] std::vector<std::string>& strings() { return strings_; }
  [[nodiscard]] const std::vector<std::string>& strings() const { return strings_; }

  // Element i as a number, whatever the type (complex: the real part; strings: 0). as_int truncates towards zero and
  // saturates at the ends of int64; NaN gives 0.
  [[nodiscard]] double as_double(std::int64_t i) const;
  [[nodiscard]] std::int64_t as_int(std::int64_t i) const;
  // Stores a number with the type's rounding: to nearest even for floats, saturating for fp8 kinds, wrapping integers.
  void set_double(std::int64_t i, double value);
  void set_int(std::int64_t i, std::int64_t value);

  // The same elements under another shape of as many elements; shares the memory.
  [[nodiscard]] Result<HostTensor> reshaped(Shape shape) const;

 private:
  DType dtype_ = DType::undefined;
  Shape shape_;
  std::int64_t elements_ = 0;
  std::int64_t size_ = 0;
  std::byte* data_ = nullptr;
  std::shared_ptr<const void> owner_;
  std::vector<std::string> strings_;
};

using TensorPtr = std::shared_ptr<const HostTensor>;

// Same type, shape and bytes (so that NaN equals itself).
bool same_content(const HostTensor& a, const HostTensor& b);

inline TensorPtr share(HostTensor tensor) { return std::make_shared<const HostTensor>(std::move(tensor)); }

template <typename T>
HostTensor HostTensor::of(DType dtype, Shape shape, std::span<const T> values) {
  HostTensor tensor = create(dtype, std::move(shape)).value();
  INGOT_CHECK(values.size_bytes() == tensor.bytes().size(), "shape and values disagree");
  std::copy(values.begin(), values.end(), tensor.template mutable_data<T>());
  return tensor;
}

}  // namespace ingot
