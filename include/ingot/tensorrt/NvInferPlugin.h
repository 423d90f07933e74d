// SPDX-License-Identifier: Apache-2.0
#pragma once
#pragma GCC system_header

#include "NvInfer.h"
#include "NvInferPluginUtils.h"

namespace ingot_tensorrt {
// Any logger; made from one, so that a library may define a function of this name and the usual parameters itself.
struct LoggerPointer {
  LoggerPointer(void*) {}
};
}  // namespace ingot_tensorrt

// There is no library of stock plugins to initialise: the engine has those operators.
inline bool initLibNvInferPlugins(ingot_tensorrt::LoggerPointer, char const*) { return true; }
