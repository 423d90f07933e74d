// SPDX-License-Identifier: Apache-2.0
#include "values.h"

#include <nanobind/stl/string.h>

#include <cstring>

#include "arrays.h"

namespace ingot_python {
namespace {

using ingot::Value;

bool is_sequence(const ingot::TensorInfo& info) { return info.type.find("seq<") != std::string_view::npos; }

Value strings_value(const nb::object& object, const std::string& what) {
  const nb::module_ numpy = nb::module_::import_("numpy");
  const nb::object array = numpy.attr("asarray")(object, numpy.attr("object_"));
  std::vector<std::int64_t> shape;
  for (const nb::handle size : array.attr("shape")) shape.push_back(nb::cast<std::int64_t>(size));
  std::vector<std::string> texts;
  for (const nb::handle item : array.attr("ravel")()) {
    const bool bytes = nb::isinstance<nb::bytes>(item);
    if (!bytes && !nb::isinstance<nb::str>(item))
      raise(INGOT_INVALID_ARGUMENT, what + ": needs strings, given was a " + type_text(item));
    if (bytes) {
      const auto raw = nb::cast<nb::bytes>(item);
      texts.emplace_back(raw.c_str(), raw.size());
    } else {
      texts.push_back(nb::cast<std::string>(item));
    }
  }
  return Value::strings(shape, texts).value();
}

Value tensor_value(const nb::object& object, ingot_dtype dtype, const std::string& what) {
  if (dtype == INGOT_STRING) return strings_value(object, what);
  const ElementType& type = element_type(dtype);
  const ConstArray array = view(object, dtype, what);
  const auto* data = static_cast<const std::byte*>(array.data());
  std::vector<std::byte> packed;
  if (type.packed()) {
    packed.resize(type.bytes(array.size()));
    pack(data, array.size(), type.bits, packed.data());
    data = packed.data();
  }
  return Value::tensor(dtype, shape_of(array), {data, type.bytes(array.size())}).value();
}

nb::object strings_array(const Value& value, std::size_t element, std::span<const std::int64_t> shape) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  const nb::object array = nb::module_::import_("numpy").attr("empty")(count, "object");
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view text = value.string(element, i).value();
    PyObject* decoded = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape");
    if (decoded == nullptr) throw nb::python_error();
    array[i] = nb::steal(decoded);
  }
  nb::list dims;
  for (const std::int64_t size : shape) dims.append(size);
  return array.attr("reshape")(nb::tuple(dims));
}

nb::object tensor_array(const Value& value, std::size_t element) {
  const ingot::ValueTensor tensor = value.tensor(element).value();
  if (tensor.dtype == INGOT_STRING) return strings_array(value, element, tensor.shape);
  const ElementType& type = element_type(tensor.dtype);
  nb::object result = new_array(tensor.shape, type);
  const Array memory = nb::cast<Array>(result);
  if (type.packed())
    unpack(tensor.bytes.data(), memory.size(), type.bits, static_cast<std::byte*>(memory.data()));
  else if (!tensor.bytes.empty())
    std::memcpy(memory.data(), tensor.bytes.data(), tensor.bytes.size());
  return finished(std::move(result), type);
}

}  // namespace

bool is_plain(const ingot::TensorInfo& info) {
  return info.dtype != INGOT_STRING && !info.type.starts_with("seq<") && !info.type.starts_with("optional<") &&
         !info.type.ends_with("[?]");
}

ingot::Value to_value(const nb::object& object, const ingot::TensorInfo& info, const std::string& what) {
  if (object.is_none() && info.type.starts_with("optional<")) return Value::none().value();
  if (!is_sequence(info)) return tensor_value(object, info.dtype, what);
  if (!nb::isinstance<nb::list>(object) && !nb::isinstance<nb::tuple>(object))
    raise(INGOT_INVALID_ARGUMENT,
          what + " is " + std::string(info.type) + ": give a list of arrays, not a " + type_text(object));
  std::vector<Value> elements;
  for (const nb::handle item : object)
    elements.push_back(tensor_value(nb::borrow(item), info.dtype, what + "[" + std::to_string(elements.size()) + "]"));
  return Value::sequence(elements).value();
}

nb::object from_value(const ingot::Value& value, const ingot::TensorInfo& info) {
  if (value.kind() == INGOT_VALUE_NONE) return nb::none();
  if (!is_sequence(info)) return tensor_array(value, 0);
  nb::list elements;
  for (std::size_t i = 0; i < value.count(); ++i) elements.append(tensor_array(value, i));
  return elements;
}

}  // namespace ingot_python
