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

Status check_maps(const std::vector<TensorPtr>& items) {
  if (items.size() % 2 != 0) return invalid_argument("{} vectors are no pairs of keys and values", items.size());
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const HostTensor &keys = *items[i], &values = *items[i + 1];
    if (keys.rank() != 1 || values.shape() != keys.shape())
      return invalid_argument("map {}: keys of shape {} and values of shape {} are no vectors of one length", i / 2,
                              to_string(keys.shape()), to_string(values.shape()));
    if (keys.dtype() != DType::string && keys.dtype() != DType::i64)
      return invalid_argument("map {}: the keys are {}, not strings or i64", i / 2, to_string(keys.dtype()));
  }
  return Status::ok();
}

Result<Object> object_copy(const Value& value) {
  if (value.object != nullptr) return *value.object;
  INGOT_ASSIGN_OR_RETURN(TensorPtr tensor, tensor_copy(value));
  return Object{true, {std::move(tensor)}};
}

}  // namespace ingot
