// SPDX-License-Identifier: Apache-2.0
// Object: a value that is no dense tensor of known rank: a sequence, an optional, strings, a tensor of any rank.
// Value: any value of a program as another program or a runtime step sees it.
#pragma once

#include <vector>

#include "tensor/host_tensor.h"

namespace ingot {

struct Object {
  bool present = true;  // false: an optional that holds nothing
  // The elements of a sequence; of a tensor the one; of a map the vectors of its keys and of its values; of a sequence
  // of maps those of each in turn.
  std::vector<TensorPtr> items;
};

// A view: valid until the program that it comes from runs again.
struct Value {
  DType dtype = DType::undefined;  // undefined: absent, unless it is an object
  Shape shape;
  const void* data = nullptr;
  std::size_t bytes = 0;
  const Object* object = nullptr;  // set: nothing above counts
  bool on_device = false;          // `data` is memory of the GPU that the thread's scope names
  const void* host = nullptr;      // the same bytes in host memory, where they are known to be

  [[nodiscard]] bool present() const { return object != nullptr || dtype != DType::undefined; }
  static Value of(const HostTensor& tensor) {
    return {tensor.dtype(), tensor.shape(), tensor.bytes().data(), tensor.bytes().size(), nullptr, false, nullptr};
  }
  static Value of(const Object& object) { return {DType::undefined, {}, nullptr, 0, &object, false, nullptr}; }
};

// The one tensor that the value is; of dense memory a view, of a GPU's memory a copy. Fails for absent values and for
// what holds no tensor or many.
Result<TensorPtr> tensor_view(const Value& value);
// The same with memory of its own.
Result<TensorPtr> tensor_copy(const Value& value);
// The items of maps: keys, which are strings or i64, and values in turn, vectors of one length.
Status check_maps(const std::vector<TensorPtr>& items);
// The value as an object with memory of its own.
Result<Object> object_copy(const Value& value);

}  // namespace ingot
