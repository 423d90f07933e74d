// SPDX-License-Identifier: Apache-2.0
#include "capi/value.h"

#include "capi/handles.h"

using ingot::HostTensor;
using ingot::Result;
using ingot::Status;
using ingot::capi::guard;
using ingot::capi::require;

namespace {

Result<HostTensor> new_tensor(ingot_dtype number, const std::int64_t* dims, std::int32_t rank) {
  const std::optional<ingot::DType> dtype = ingot::dtype_from_number(number);
  if (!dtype || *dtype == ingot::DType::undefined)
    return ingot::invalid_argument("{} is no element type", static_cast<int>(number));
  if (rank < 0 || (rank > 0 && dims == nullptr))
    return ingot::invalid_argument("rank {} with dims {}", rank, fmt::ptr(dims));
  return HostTensor::create(*dtype, ingot::Shape(dims, dims + rank));
}

void give(ingot_value_kind kind, std::vector<ingot::TensorPtr> items, ingot_value** value) {
  auto made = std::make_unique<ingot_value>();
  made->kind = kind;
  made->object = {kind != INGOT_VALUE_NONE, std::move(items)};
  *value = made.release();
}

Result<const HostTensor*> element_of(const ingot_value* value, std::size_t element) {
  INGOT_RETURN_IF_ERROR(require("value", value));
  const auto& items = value->object.items;
  if (element >= items.size()) return ingot::invalid_argument("tensor {} of {}", element, items.size());
  return items[element].get();
}

Result<std::vector<ingot::TensorPtr>> tensors_of(const ingot_value* const* elements, std::size_t count) {
  std::vector<ingot::TensorPtr> items;
  for (std::size_t i = 0; i < count; ++i) {
    if (elements == nullptr || elements[i] == nullptr || elements[i]->kind != INGOT_VALUE_TENSOR)
      return ingot::invalid_argument("element {} is no tensor", i);
    items.push_back(elements[i]->object.items[0]);
  }
  return items;
}

}  // namespace

extern "C" {

ingot_status ingot_value_create_tensor(ingot_dtype dtype, const int64_t* dims, int32_t rank, const void* data,
                                       size_t bytes, ingot_value** value) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("value", value));
    if (dtype == INGOT_STRING) return ingot::invalid_argument("strings are made by ingot_value_create_strings()");
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, new_tensor(dtype, dims, rank));
    if (bytes < tensor.bytes().size() || (bytes > 0 && data == nullptr))
      return ingot::invalid_argument("a tensor {}{} needs {} bytes, given were {}", ingot::to_string(tensor.dtype()),
                                     ingot::to_string(tensor.shape()), tensor.bytes().size(), bytes);
    if (!tensor.bytes().empty()) std::memcpy(tensor.mutable_bytes().data(), data, tensor.bytes().size());
    give(INGOT_VALUE_TENSOR, {ingot::share(std::move(tensor))}, value);
    return Status::ok();
  });
}

ingot_status ingot_value_create_strings(const int64_t* dims, int32_t rank, const char* const* strings,
                                        const size_t* lengths, ingot_value** value) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("value", value));
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, new_tensor(INGOT_STRING, dims, rank));
    for (std::size_t i = 0; i < tensor.strings().size(); ++i) {
      if (strings == nullptr || strings[i] == nullptr) return ingot::invalid_argument("string {} is NULL", i);
      tensor.strings()[i] = lengths != nullptr ? std::string(strings[i], lengths[i]) : std::string(strings[i]);
    }
    give(INGOT_VALUE_TENSOR, {ingot::share(std::move(tensor))}, value);
    return Status::ok();
  });
}

ingot_status ingot_value_create_sequence(const ingot_value* const* elements, size_t count, ingot_value** value) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("value", value));
    INGOT_ASSIGN_OR_RETURN(std::vector<ingot::TensorPtr> items, tensors_of(elements, count));
    give(INGOT_VALUE_SEQUENCE, std::move(items), value);
    return Status::ok();
  });
}

ingot_status ingot_value_create_maps(const ingot_value* const* keys_and_values, size_t count, ingot_value** value) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("value", value));
    INGOT_ASSIGN_OR_RETURN(std::vector<ingot::TensorPtr> items, tensors_of(keys_and_values, count));
    INGOT_RETURN_IF_ERROR(ingot::check_maps(items));
    give(INGOT_VALUE_MAPS, std::move(items), value);
    return Status::ok();
  });
}

ingot_status ingot_value_create_none(ingot_value** value) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("value", value));
    give(INGOT_VALUE_NONE, {}, value);
    return Status::ok();
  });
}

void ingot_value_destroy(ingot_value* value) { delete value; }

ingot_value_kind ingot_value_get_kind(const ingot_value* value) {
  return value != nullptr ? value->kind : INGOT_VALUE_NONE;
}
size_t ingot_value_count(const ingot_value* value) { return value != nullptr ? value->object.items.size() : 0; }

ingot_status ingot_value_tensor(const ingot_value* value, size_t element, ingot_dtype* dtype, const int64_t** dims,
                                int32_t* rank, const void** data, size_t* bytes) {
  return guard([&]() -> Status {
    INGOT_ASSIGN_OR_RETURN(const HostTensor* tensor, element_of(value, element));
    if (dtype != nullptr) *dtype = static_cast<ingot_dtype>(tensor->dtype());
    if (dims != nullptr) *dims = tensor->shape().data();
    if (rank != nullptr) *rank = static_cast<std::int32_t>(tensor->rank());
    if (data != nullptr) *data = tensor->bytes().data();
    if (bytes != nullptr) *bytes = tensor->bytes().size();
    return Status::ok();
  });
}

ingot_status ingot_value_string(const ingot_value* value, size_t element, size_t index, const char** text,
                                size_t* length) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("text", text));
    INGOT_ASSIGN_OR_RETURN(const HostTensor* tensor, element_of(value, element));
    if (index >= tensor->strings().size())
      return ingot::invalid_argument("string {} of {}", index, tensor->strings().size());
    *text = tensor->strings()[index].c_str();
    if (length != nullptr) *length = tensor->strings()[index].size();
    return Status::ok();
  });
}

}  // extern "C"
