// SPDX-License-Identifier: Apache-2.0
#include "runtime/object.h"

#include <cstring>

namespace ingot {

Result<TensorPtr> tensor_view(const Value& value) {
  if (!value.present()) return invalid_argument("an operand is missing");
  if (value.object != nullptr) {
    if (!value.object->present) return invalid_argument("an optional holds nothing");
    if (value.object->items.size() != 1)
      return invalid_argument("a sequence of {} elements stands where a tensor is needed", value.object->items.size());
    return value.object->items[0];
  }
  INGOT_ASSIGN_OR_RETURN(
      HostTensor view,
      HostTensor::view(value.dtype, value.shape, {static_cast<const std::byte*>(value.data), value.bytes}, nullptr));
  return share(std::move(view));
}

Result<TensorPtr> tensor_copy(const Value& value) {
  if (!value.present() || value.object != nullptr) return tensor_view(value);
  INGOT_ASSIGN_OR_RETURN(HostTensor copy, HostTensor::create(value.dtype, value.shape));
  if (value.bytes != 0) std::memcpy(copy.mutable_bytes().data(), value.data, copy.bytes().size());
  return share(std::move(copy));
}

Result<Object> object_copy(const Value& value) {
  if (value.object != nullptr) return *value.object;
  INGOT_ASSIGN_OR_RETURN(TensorPtr tensor, tensor_copy(value));
  return Object{true, {std::move(tensor)}};
}

}  // namespace ingot
