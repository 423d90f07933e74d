// SPDX-License-Identifier: Apache-2.0
#include "runtime/scan_values.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "runtime/object_ops.h"

namespace ingot {
namespace {

std::int64_t entry(const Attrs& attrs, std::string_view name, std::size_t i) {
  const Ints list = attrs.get_ints(name, {});
  return i < list.size() ? list[i] : 0;
}

// Copies elements of any type that has a size. Both sides may begin in the middle of a byte; what the last byte of `to`
// holds beyond the elements is then zero.
void copy_elements(DType dtype, std::byte* to, std::int64_t to_first, const std::byte* from, std::int64_t from_first,
                   std::int64_t count) {
  const int bits = bits_of(dtype);
  if (count == 0) return;
  if (bits >= 8) {
    const std::int64_t bytes = bits / 8;
    std::memcpy(to + to_first * bytes, from + from_first * bytes, static_cast<std::size_t>(count * bytes));
    return;
  }
  const std::int64_t per_byte = 8 / bits;
  const auto mask = static_cast<std::byte>((1 << bits) - 1);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t source = from_first + i;
    const std::int64_t target = to_first + i;
    const std::byte value = (from[source / per_byte] >> (source % per_byte * bits)) & mask;
    std::byte& byte = to[target / per_byte];
    if (target % per_byte == 0) byte = std::byte{0};
    byte |= value << (target % per_byte * bits);
  }
}

Result<std::size_t> scanned_axis(const Attrs& attrs, std::string_view name, std::size_t i, std::int64_t rank) {
  const std::int64_t axis = entry(attrs, name, i);
  if (axis < -rank || axis >= rank) return invalid_argument("{}[{}] is {}, the rank {}", name, i, axis, rank);
  return static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
}

}  // namespace

Result<LoopOperands> divide_operands(std::string_view op, const Attrs& attrs, std::size_t inputs, std::size_t outputs) {
  LoopOperands out;
  const bool loop = op == "Loop";
  const std::int64_t captures = attrs.get_int("captures", 0);
  const std::int64_t scans = loop ? 0 : attrs.get_int("num_scan_inputs", 0);
  const auto most = static_cast<std::int64_t>(inputs);
  out.fixed = loop ? 2 : 0;
  if (captures < 0 || scans < (loop ? 0 : 1) || captures > most || scans > most ||
      out.fixed + static_cast<std::size_t>(captures + scans) > inputs)
    return corrupt("{} with {} operands, {} captures and {} scan inputs", op, inputs, captures, scans);
  out.captures = static_cast<std::size_t>(captures);
  out.scan_inputs = static_cast<std::size_t>(scans);
  out.states = inputs - out.fixed - out.captures - out.scan_inputs;
  if (out.states > outputs) return corrupt("{} carries more values than it yields", op);
  out.scan_outputs = outputs - out.states;
  return out;
}

Status Stack::append(const Value& value) {
  TensorPtr held;
  Value dense = value;
  if (value.object != nullptr) {
    INGOT_ASSIGN_OR_RETURN(held, tensor_view(value));
    dense = Value::of(*held);
  }
  if (count_ == 0) {
    dtype_ = dense.dtype;
    element_ = dense.shape;
    on_device_ = dense.on_device;
  }
  if (dense.shape != element_ || dense.dtype != dtype_)
    return invalid_argument("iteration {} yields {}, the first one {}", count_, to_string(dense.shape),
                            to_string(element_));
  ++count_;
  if (dtype_ == DType::string) {
    strings_.insert(strings_.end(), held->strings().begin(), held->strings().end());
    return Status::ok();
  }
  const std::int64_t count = element_count(dense.shape).value_or(0);
  const std::optional<std::int64_t> bytes = bytes_of(dtype_, elements_ + count);
  if (!bytes) return resource_exhausted("{} iterations of {} elements", count_, count);
  const auto used = static_cast<std::size_t>(*bytes_of(dtype_, elements_));
  if (static_cast<std::size_t>(*bytes) > memory_.size())
    INGOT_RETURN_IF_ERROR(memory_.reserve(std::max(static_cast<std::size_t>(*bytes), 2 * memory_.size()), used));
  if (!on_device_) {
    copy_elements(dtype_, memory_.data(), elements_, static_cast<const std::byte*>(dense.data), 0, count);
  } else if (bits_of(dtype_) < 8) {
    return unsupported("elements of type {} stacked on a GPU", to_string(dtype_));
  } else if (dense.bytes != 0 && !allocator_.copy(memory_.data() + used, dense.data, dense.bytes)) {
    return internal("cannot copy {} bytes on the device", dense.bytes);
  }
  elements_ += count;
  return Status::ok();
}

Result<Stacked> Stack::value(const HostTensor& empty) const {
  Stacked out;
  Shape shape = count_ == 0 ? empty.shape() : element_;
  shape.insert(shape.begin(), count_);
  const DType dtype = count_ == 0 ? empty.dtype() : dtype_;
  if (dtype == DType::string) {
    INGOT_ASSIGN_OR_RETURN(HostTensor strings, HostTensor::create(dtype, std::move(shape)));
    strings.strings() = strings_;
    out.strings = {true, {share(std::move(strings))}};
    return out;
  }
  const std::int64_t count = element_count(shape).value_or(0);
  out.value = {dtype,   std::move(shape), memory_.data(), static_cast<std::size_t>(bytes_of(dtype, count).value_or(0)),
               nullptr, on_device_,       nullptr};
  return out;
}

bool is_turned(const Attrs& attrs, std::size_t i) {
  return entry(attrs, "scan_output_directions", i) == 1 || entry(attrs, "scan_output_axes", i) != 0;
}

Result<TensorPtr> scan_input(const Attrs& attrs, const Value& value, std::size_t i) {
  INGOT_ASSIGN_OR_RETURN(TensorPtr tensor, tensor_view(value));
  const std::int64_t rank = tensor->rank();
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, scanned_axis(attrs, "scan_input_axes", i, rank));
  if (axis == 0) return tensor;
  Ints perm{static_cast<std::int64_t>(axis)};
  for (std::int64_t k = 0; k < rank; ++k)
    if (k != perm[0]) perm.push_back(k);
  Attrs order;
  order.set("perm", std::move(perm));
  return evaluate_one("Transpose", order, {tensor.get()});
}

std::int64_t scan_index(const Attrs& attrs, std::size_t i, std::int64_t t, std::int64_t trips) {
  return entry(attrs, "scan_input_directions", i) == 1 ? trips - 1 - t : t;
}

Result<HostTensor> scan_slice(const HostTensor& tensor, std::int64_t index) {
  Shape shape(tensor.shape().begin() + 1, tensor.shape().end());
  const std::int64_t each = tensor.elements() / std::max<std::int64_t>(tensor.shape()[0], 1);
  if (bits_of(tensor.dtype()) >= 8) {
    const auto bytes = static_cast<std::size_t>(each * (bits_of(tensor.dtype()) / 8));
    return HostTensor::view(tensor.dtype(), std::move(shape),
                            tensor.bytes().subspan(static_cast<std::size_t>(index) * bytes, bytes), nullptr);
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(tensor.dtype(), std::move(shape)));
  if (tensor.dtype() == DType::string) {
    const auto begin = tensor.strings().begin() + static_cast<std::ptrdiff_t>(index * each);
    out.strings().assign(begin, begin + static_cast<std::ptrdiff_t>(each));
  } else {
    copy_elements(tensor.dtype(), out.mutable_bytes().data(), 0, tensor.bytes().data(), index * each, each);
  }
  return out;
}

Result<TensorPtr> scan_output(const Attrs& attrs, TensorPtr tensor, std::size_t i) {
  if (entry(attrs, "scan_output_directions", i) == 1 && tensor->shape()[0] > 1) {
    const HostTensor starts = HostTensor::of_ints({{-1}});
    const HostTensor ends = HostTensor::of_ints({{std::numeric_limits<std::int64_t>::min()}});
    const HostTensor axes = HostTensor::of_ints({{0}});
    INGOT_ASSIGN_OR_RETURN(tensor, evaluate_one("Slice", {}, {tensor.get(), &starts, &ends, &axes, &starts}));
  }
  const std::int64_t rank = tensor->rank();
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, scanned_axis(attrs, "scan_output_axes", i, rank));
  if (axis == 0) return tensor;
  Ints perm;
  for (std::int64_t k = 1; k < rank; ++k) perm.push_back(k);
  perm.insert(perm.begin() + static_cast<std::ptrdiff_t>(axis), 0);
  Attrs order;
  order.set("perm", std::move(perm));
  return evaluate_one("Transpose", order, {tensor.get()});
}

Result<bool> condition_of(const Value& value) {
  INGOT_ASSIGN_OR_RETURN(const TensorPtr tensor, tensor_view(value));
  if (tensor->dtype() != DType::boolean || tensor->elements() != 1)
    return invalid_argument("the condition is {}{}, not one boolean", to_string(tensor->dtype()),
                            to_string(tensor->shape()));
  return tensor->as_int(0) != 0;
}

}  // namespace ingot
