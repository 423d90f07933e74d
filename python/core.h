// SPDX-License-Identifier: Apache-2.0
// What the files of ingot._core share.
#pragma once

#include <nanobind/nanobind.h>

#include "ingot/builder.hpp"

namespace ingot_python {

namespace nb = nanobind;

[[noreturn]] inline void raise(ingot_status code, const std::string& message) { throw ingot::Error(code, message); }

void bind_context(nb::module_& module);

}  // namespace ingot_python
