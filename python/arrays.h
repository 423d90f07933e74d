// SPDX-License-Identifier: Apache-2.0
// Tensors of any Python library in, NumPy arrays out.
#pragma once

#include <string>
#include <vector>

#include "core.h"
#include "element_types.h"

namespace ingot_python {

using Array = nb::ndarray<>;
using ConstArray = nb::ndarray<nb::ro>;

std::string type_text(const nb::handle& object);
bool on_gpu(const Array& array);
bool on_gpu(const ConstArray& array);
// A GPU's memory serves only an engine on that GPU (`device`: "cuda:0"); memory of the CPU serves all.
void check_place(const ConstArray& array, const std::string& device, const std::string& what);
void check_place(const Array& array, const std::string& device, const std::string& what);
std::vector<std::int64_t> shape_of(const Array& array);
std::vector<std::int64_t> shape_of(const ConstArray& array);

// The tensor behind a Python object, without copying; `what` is "input 'x'". Fails unless it is a C-contiguous array of
// that element type in CPU memory or on a GPU.
Array writable_view(nb::object object, ingot_dtype dtype, const std::string& what);
ConstArray view(nb::object object, ingot_dtype dtype, const std::string& what);

// A new array; memory of an extended type is an unsigned integer's until finished() shows it as what it is.
nb::object new_array(std::span<const std::int64_t> shape, const ElementType& type);
nb::object finished(nb::object array, const ElementType& type);

}  // namespace ingot_python
