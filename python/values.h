// SPDX-License-Identifier: Apache-2.0
// Strings, sequences, maps, optionals and tensors of any rank between Python and the engine: arrays (of objects for
// strings), lists of arrays, dicts, None.
#pragma once

#include <string>

#include "core.h"

namespace ingot_python {

// A dense tensor of known rank, which is bound as memory.
bool is_plain(const ingot::TensorInfo& info);

ingot::Value to_value(const nb::object& object, const ingot::TensorInfo& info, const std::string& what);
nb::object from_value(const ingot::Value& value, const ingot::TensorInfo& info);

}  // namespace ingot_python
