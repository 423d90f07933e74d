// SPDX-License-Identifier: Apache-2.0
// What plugin sources name of the runtime besides the plugin classes.
#pragma once
#pragma GCC system_header

#include "NvInferRuntimePlugin.h"
#include "adapter/engine.h"

namespace nvinfer1 {

// One registry serves all kinds of engines.
inline IPluginRegistry* getBuilderPluginRegistry(EngineCapability) noexcept { return ::getPluginRegistry(); }

}  // namespace nvinfer1

extern "C" __attribute__((visibility("hidden"))) inline std::int32_t getInferLibVersion() noexcept {
  return NV_TENSORRT_VERSION;
}
