// SPDX-License-Identifier: Apache-2.0
// Calls into plugin code. What it throws becomes an error that names the plugin, and so, while an engine is built or
// checked, does a crash.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/function_ref.h"
#include "base/status.h"
#include "plugin/operator.h"

namespace ingot::plugin {

// Runs a function of the interface that reports through ingot_plugin_error. `what` names it: "infer".
Status call(const Operator& op, const char* what, FunctionRef<std::int32_t(ingot_plugin_error*)> body);

// The same, and a crash (segmentation fault, division by zero, abort, illegal instruction) in it is an error too: the
// calling thread resumes here. What the plugin had locked or allocated is lost, so nothing of the operator should be
// run afterwards. Costs signal handlers for the duration: not for steady-state runs.
Status call_guarded(const Operator& op, const char* what, FunctionRef<std::int32_t(ingot_plugin_error*)> body);

// What `body`, which must not throw, crashed with: "an abort".
std::optional<std::string_view> crash_in(FunctionRef<void()> body);

}  // namespace ingot::plugin
