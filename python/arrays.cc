// SPDX-License-Identifier: Apache-2.0
#include "arrays.h"

#include <nanobind/stl/string.h>

namespace ingot_python {
namespace {

std::vector<std::int64_t> sizes_of(const auto& array) {
  std::vector<std::int64_t> shape;
  for (std::size_t axis = 0; axis < array.ndim(); ++axis) shape.push_back(static_cast<std::int64_t>(array.shape(axis)));
  return shape;
}

bool is_contiguous(const auto& array) {
  std::int64_t expected = 1;
  for (std::size_t axis = array.ndim(); axis-- > 0;) {
    if (array.shape(axis) != 1 && array.stride(axis) != expected) return array.size() == 0;
    expected *= static_cast<std::int64_t>(array.shape(axis));
  }
  return true;
}

// NumPy shares no memory of ml_dtypes' types: they are seen as unsigned integers of the same size.
bool is_extended(const nb::handle& object, const ElementType& type) {
  if (!type.extended || !nb::isinstance(object, nb::module_::import_("numpy").attr("ndarray"))) return false;
  return nb::cast<std::string>(nb::str(object.attr("dtype").attr("name"))) == type.name;
}

template <typename Tensor>
Tensor shared_view(nb::object object, ingot_dtype dtype, const std::string& what) {
  const ElementType& type = element_type(dtype);
  const std::string given = nb::cast<std::string>(nb::str(nb::getattr(object, "dtype", nb::str("another type"))));
  nb::dlpack::dtype wanted = type.dlpack;
  if (is_extended(object, type)) {
    object = nb::module_::import_("numpy").attr("asarray")(object).attr("view")(type.storage());
    wanted = element_type(type.bits == 16 ? INGOT_U16 : INGOT_U8).dlpack;
  }
  Tensor array;
  if (!nb::try_cast<Tensor>(object, array, false))
    raise(INGOT_INVALID_ARGUMENT, what + ": a " + type_text(object) + " is not a" +
                                      (std::is_same_v<Tensor, Array> ? " writable" : "n") +
                                      " array that can be shared (NumPy or DLPack)");
  if (array.device_type() != nb::device::cpu::value && array.device_type() != nb::device::cuda::value)
    raise(INGOT_INVALID_ARGUMENT, what + ": the array is neither in CPU memory nor on a CUDA device");
  if (array.dtype() != wanted)
    raise(INGOT_INVALID_ARGUMENT, what + ": needs elements of type " + type.name + ", given were " + given);
  if (!is_contiguous(array))
    raise(INGOT_INVALID_ARGUMENT, what + ": the array is not C-contiguous; pass a contiguous copy of it");
  return array;
}

void require_place(const auto& array, const std::string& device, const std::string& what) {
  if (!on_gpu(array)) return;
  const std::string place = "cuda:" + std::to_string(array.device_id());
  if (place != device)
    raise(INGOT_INVALID_ARGUMENT, what + ": the array lies on " + place + ", the engine runs on " + device);
}

}  // namespace

std::string type_text(const nb::handle& object) { return nb::cast<std::string>(object.type().attr("__name__")); }

bool on_gpu(const Array& array) { return array.device_type() == nb::device::cuda::value; }
bool on_gpu(const ConstArray& array) { return array.device_type() == nb::device::cuda::value; }

void check_place(const Array& array, const std::string& device, const std::string& what) {
  require_place(array, device, what);
}
void check_place(const ConstArray& array, const std::string& device, const std::string& what) {
  require_place(array, device, what);
}

std::vector<std::int64_t> shape_of(const Array& array) { return sizes_of(array); }
std::vector<std::int64_t> shape_of(const ConstArray& array) { return sizes_of(array); }

Array writable_view(nb::object object, ingot_dtype dtype, const std::string& what) {
  return shared_view<Array>(std::move(object), dtype, what);
}
ConstArray view(nb::object object, ingot_dtype dtype, const std::string& what) {
  return shared_view<ConstArray>(std::move(object), dtype, what);
}

nb::object new_array(std::span<const std::int64_t> shape, const ElementType& type) {
  nb::list dims;
  for (const std::int64_t size : shape) dims.append(size);
  return nb::module_::import_("numpy").attr("empty")(nb::tuple(dims), type.storage());
}

nb::object finished(nb::object array, const ElementType& type) {
  if (!type.extended) return array;
  try {
    return array.attr("view")(nb::module_::import_("ml_dtypes").attr(type.name));
  } catch (nb::python_error&) {
    raise(INGOT_UNSUPPORTED,
          std::string("NumPy has no ") + type.name + ": install ml_dtypes or give the output with out=");
  }
}

}  // namespace ingot_python
