// SPDX-License-Identifier: Apache-2.0
// What the files of ingot._core share.
#pragma once

#include <nanobind/nanobind.h>

#include "ingot/builder.hpp"

namespace ingot_python {

namespace nb = nanobind;

// NumPy's name of an element type ("float32"), so that numpy.dtype() takes it; "bfloat16" needs ml_dtypes.
const char* numpy_name(ingot_dtype dtype);

[[noreturn]] inline void raise(ingot_status code, const std::string& message) { throw ingot::Error(code, message); }

void bind_context(nb::module_& module);

}  // namespace ingot_python
