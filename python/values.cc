// SPDX-License-Identifier: Apache-2.0
#include "values.h"

#include <nanobind/stl/string.h>

#include <cstring>

#include "arrays.h"

namespace ingot_python {
namespace {

using ingot::Value;

bool holds_maps(const ingot::TensorInfo& info) { return info.type.find("map<") != std::string_view::npos; }
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

// The vectors of a dict's keys and values, behind `vectors`.
void add_map(const nb::handle& item, const ingot::TensorInfo& info, const std::string& what,
             std::vector<Value>& vectors) {
  if (!nb::isinstance<nb::dict>(item))
    raise(INGOT_INVALID_ARGUMENT, what + " is " + std::string(info.type) + ": give dicts, not a " + type_text(item));
  const bool texts = info.type.find("map<string,") != std::string_view::npos;
  const auto vector = [&](const char* part, ingot_dtype dtype) {
    const nb::list list(item.attr(part)());
    if (dtype == INGOT_STRING) return strings_value(list, what);
    const nb::object array = nb::module_::import_("numpy").attr("array")(list, element_type(dtype).name);
    return tensor_value(array, dtype, what);
  };
  vectors.push_back(vector("keys", texts ? INGOT_STRING : INGOT_I64));
  vectors.push_back(vector("values", info.dtype));
}

nb::dict map_of(const Value& value, std::size_t i) {
  const nb::object keys = tensor_array(value, 2 * i).attr("tolist")();
  const nb::object values = tensor_array(value, 2 * i + 1).attr("tolist")();
  nb::dict map;
  for (std::size_t k = 0; k < nb::len(keys); ++k) map[keys[k]] = values[k];
  return map;
}

}  // namespace

bool is_plain(const ingot::TensorInfo& info) {
  return info.dtype != INGOT_STRING && !info.type.starts_with("seq<") && !info.type.starts_with("optional<") &&
         !holds_maps(info) && !info.type.ends_with("[?]");
}

ingot::Value to_value(const nb::object& object, const ingot::TensorInfo& info, const std::string& what) {
  if (object.is_none() && info.type.starts_with("optional<")) return Value::none().value();
  std::vector<Value> elements;
  if (!is_sequence(info)) {
    if (!holds_maps(info)) return tensor_value(object, info.dtype, what);
    add_map(object, info, what, elements);
    return Value::maps(elements).value();
  }
  if (!nb::isinstance<nb::list>(object) && !nb::isinstance<nb::tuple>(object))
    raise(INGOT_INVALID_ARGUMENT, what + " is " + std::string(info.type) + ": give a list of " +
                                      (holds_maps(info) ? "dicts" : "arrays") + ", not a " + type_text(object));
  if (holds_maps(info)) {
    for (const nb::handle item : object)
      add_map(item, info, what + "[" + std::to_string(elements.size() / 2) + "]", elements);
    return Value::maps(elements).value();
  }
  for (const nb::handle item : object)
    elements.push_back(tensor_value(nb::borrow(item), info.dtype, what + "[" + std::to_string(elements.size()) + "]"));
  return Value::sequence(elements).value();
}

nb::object from_value(const ingot::Value& value, const ingot::TensorInfo& info) {
  if (value.kind() == INGOT_VALUE_NONE) return nb::none();
  nb::list elements;
  if (holds_maps(info)) {
    for (std::size_t i = 0; i < value.count() / 2; ++i) elements.append(map_of(value, i));
    if (!is_sequence(info)) return elements[0];
    return elements;
  }
  if (!is_sequence(info)) return tensor_array(value, 0);
  for (std::size_t i = 0; i < value.count(); ++i) elements.append(tensor_array(value, i));
  return elements;
}

}  // namespace ingot_python
