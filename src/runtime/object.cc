// SPDX-License-Identifier: Apache-2.0
#include "runtime/object.h"

#include <cstring>

#include "backends/cuda/device.h"

namespace ingot {
namespace {

// Waits for the device.
Result<TensorPtr> fetch(const Value& value) {
  INGOT_ASSIGN_OR_RETURN(HostTensor copy, HostTensor::create(value.dtype, value.shape));
  INGOT_ASSIGN_OR_RETURN(const cuda::Device* device, cuda::Device::current());
  INGOT_RETURN_IF_ERROR(
      cuda::copy_to_host(*device, copy.mutable_bytes().data(), value.data, copy.mutable_bytes().size()));
  return share(std::move(copy));
}

}  // namespace

Result<TensorPtr> tensor_view(const Value& value) {
  if (!value.present()) return invalid_argument("an operand is missing");
  if (value.object != nullptr) {
    if (!value.object->present) return invalid_argument("an optional holds nothing");
    if (value.object->items.size() != 1)
      return invalid_argument("a sequence of {} elements stands where a tensor is needed", value.object->items.size());
    return value.object->items[0];
  }
  if (value.on_device && value.host == nullptr) return fetch(value);
  const auto* data = static_cast<const std::byte*>(value.on_device ? value.host : value.data);
  INGOT_ASSIGN_OR_RETURN(HostTensor view, HostTensor::view(value.dtype, value.shape, {data, value.bytes}, nullptr));
  return share(std::move(view));
}

Result<TensorPtr> tensor_copy(const Value& value) {
  if (!value.present() || value.object != nullptr) return tensor_view(value);
  if (value.on_device && value.host == nullptr) return fetch(value);
  INGOT_ASSIGN_OR_RETURN(HostTensor copy, HostTensor::create(value.dtype, value.shape));
  if (value.bytes != 0)
    std::memcpy(copy.mutable_bytes().data(), value.on_device ? value.host : value.data, copy.bytes().size());
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
