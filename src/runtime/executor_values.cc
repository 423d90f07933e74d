// SPDX-License-Identifier: Apache-2.0
// Values as they pass between programs and to the steps that the runtime does itself.
#include <algorithm>
#include <cstring>

#include "runtime/executor.h"

namespace ingot {

using plan::Storage;

void Executor::set_outer_symbols(const SymbolValues& symbols) {
  if (outer_symbols_ == symbols) return;
  outer_symbols_ = symbols;
  shapes_dirty_ = true;
}

Executor& Executor::body(std::size_t step, std::size_t which) {
  std::unique_ptr<Executor>& executor = steps_[step].bodies[which];
  if (executor == nullptr) {
    executor = std::make_unique<Executor>(engine_, engine_.body(program().steps[step].programs[which]), *allocator_,
                                          *parallel_);
    executor->root_ = root_;
    executor->set_stream(stream_);
  }
  return *executor;
}

Status Executor::bind_value(std::size_t index, const Value& value) {
  if (index >= inputs_.size()) return invalid_argument("input {} of {}", index, inputs_.size());
  const plan::Tensor& planned = input(index);
  if (planned.is_object()) {
    const std::optional<Shape> before = object_shape(program().inputs[index]);
    INGOT_ASSIGN_OR_RETURN(state_of(program().inputs[index]).object, object_copy(value));
    if (object_shape(program().inputs[index]) != before) shapes_dirty_ = true;
    return Status::ok();
  }
  Value dense = value;
  TensorPtr held;
  if (value.object != nullptr) {
    INGOT_ASSIGN_OR_RETURN(held, tensor_view(value));
    dense = Value::of(*held);
  }
  if (dense.dtype != planned.dtype)
    return invalid_argument("input '{}' is {}, given was {}", planned.name, to_string(planned.dtype),
                            to_string(dense.dtype));
  INGOT_RETURN_IF_ERROR(set_input_shape(index, dense.shape));
  if (stream_ == nullptr || dense.on_device) return bind_input(index, dense.data, dense.bytes);
  std::optional<Buffer>& upload = uploads_[index];
  if (!upload) upload.emplace(*allocator_);
  INGOT_RETURN_IF_ERROR(upload->reserve(std::max<std::size_t>(dense.bytes, 1)));
  INGOT_RETURN_IF_ERROR(copy_in(upload->data(), dense));
  return bind_input(index, upload->data(), dense.bytes);
}

Value Executor::value_of(std::int32_t id) const {
  if (id < 0) return {};
  const TensorState& state = state_of(id);
  if (tensor(id).is_object()) return Value::of(state.object);
  const std::int32_t root = root_of(id);
  const bool constant = stream_ != nullptr && tensor(root).storage == Storage::constant;
  return {tensor(id).dtype,
          state.shape,
          address_of(id),
          static_cast<std::size_t>(state.bytes),
          nullptr,
          stream_ != nullptr,
          constant ? loaded_.constants[static_cast<std::size_t>(root)]->bytes().data() : nullptr};
}

Status Executor::copy_in(void* to, const Value& value) const {
  if (value.bytes == 0) return Status::ok();
  if (stream_ == nullptr) {
    std::memcpy(to, value.data, value.bytes);
    return Status::ok();
  }
  const cuda::Device& device = *engine_.cuda_device();
  return value.on_device ? cuda::copy_on_device(device, to, value.data, value.bytes)
                         : cuda::copy_to_device(device, to, value.data, value.bytes);
}

std::optional<Shape> Executor::object_shape(std::int32_t id) const {
  const Object& object = state_of(id).object;
  const bool tensor_of_rank = tensor(id).is_object() && tensor(id).dtype == DType::string && !tensor(id).shape.empty();
  if (!tensor_of_rank || object.items.size() != 1) return std::nullopt;
  return object.items[0]->shape();
}

Status Executor::take_output(std::size_t index, Carried& to) {
  const std::int32_t id = program().outputs[index];
  TensorState& state = state_of(id);
  if (tensor(id).is_object()) {
    to.object = state.object;
    to.value = Value::of(to.object);
    return Status::ok();
  }
  to.value = value_of(id);
  if (tensor(id).storage == Storage::output && outputs_[index].data == nullptr && state.own) {
    state.own->swap(to.buffer);
    pointers_dirty_ = true;
  } else {
    INGOT_RETURN_IF_ERROR(to.buffer.reserve(std::max<std::size_t>(to.value.bytes, 1)));
    INGOT_RETURN_IF_ERROR(copy_in(to.buffer.data(), to.value));
    to.value.host = nullptr;
  }
  to.value.data = to.buffer.data();
  return Status::ok();
}

Status Executor::decide_shape(std::int32_t id, const Shape& shape) {
  const std::optional<std::int64_t> count = element_count(shape);
  const std::optional<std::int64_t> bytes = count ? bytes_of(tensor(id).dtype, *count) : std::nullopt;
  if (!bytes) return internal("'{}': impossible shape {}", tensor(id).name, to_string(shape));
  TensorState& state = state_of(id);
  state.shape = shape;
  state.bytes = *bytes;
  state.resolved = true;
  return reserve_own(static_cast<std::size_t>(id));
}

Status Executor::set_value(std::int32_t id, const Value& value) {
  if (id < 0) return Status::ok();
  const plan::Tensor& planned = tensor(id);
  TensorState& state = state_of(id);
  if (planned.is_object()) {
    INGOT_ASSIGN_OR_RETURN(state.object, object_copy(value));
    return Status::ok();
  }
  Value dense = value;
  TensorPtr held;
  if (!dense.on_device) {
    INGOT_ASSIGN_OR_RETURN(held, tensor_view(value));
    dense = Value::of(*held);
  }
  if (dense.dtype != planned.dtype)
    return invalid_argument("'{}' is {}, computed was {}", planned.name, to_string(planned.dtype),
                            to_string(dense.dtype));
  if (!state.resolved) {
    if (dense.shape.size() != planned.shape.size())
      return invalid_argument("'{}' has shape {}, computed was {}", planned.name, to_string(planned.shape),
                              to_string(dense.shape));
    INGOT_RETURN_IF_ERROR(decide_shape(id, dense.shape));
  }
  if (dense.shape != state.shape)
    return invalid_argument("'{}' has shape {}, computed was {}", planned.name, to_string(state.shape),
                            to_string(dense.shape));
  dense.bytes = static_cast<std::size_t>(state.bytes);
  return copy_in(const_cast<void*>(address_of(id)), dense);
}

Result<HostTensor> Executor::snapshot(std::int32_t id) const {
  const Value value = value_of(id);
  const bool computed = value.object != nullptr || (state_of(id).resolved && value.data != nullptr);
  if (!computed) return failed_precondition("'{}' has not been computed", tensor(id).name);
  if (stream_ != nullptr && value.object == nullptr) {
    const cuda::DeviceScope scope(*engine_.cuda_device(), stream_->handle());
    INGOT_ASSIGN_OR_RETURN(const TensorPtr host, tensor_view(value));
    return *host;
  }
  Result<TensorPtr> copy = tensor_copy(value);
  if (!copy.is_ok()) return std::move(copy).status().annotate(tensor(id).name);
  return **copy;
}

}  // namespace ingot
