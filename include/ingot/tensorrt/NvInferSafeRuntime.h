// SPDX-License-Identifier: Apache-2.0
// Plugins of engines for safety register under names of their own, in the one registry of the library.
#pragma once
#pragma GCC system_header

#include "NvInferRuntime.h"

namespace nvinfer1 {
namespace safe {

inline IPluginRegistry* getSafePluginRegistry() noexcept { return ::getPluginRegistry(); }

template <typename T>
using PluginRegistrar = nvinfer1::PluginRegistrar<T>;

}  // namespace safe
}  // namespace nvinfer1

#define REGISTER_SAFE_TENSORRT_PLUGIN(name) \
  static nvinfer1::safe::PluginRegistrar<name> pluginRegistrar##name {}
