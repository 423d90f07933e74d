// SPDX-License-Identifier: Apache-2.0
// What plugin sources name of the runtime besides the plugin classes.
#pragma once
#pragma GCC system_header

#include "NvInferRuntimePlugin.h"

namespace nvinfer1 {

class ICudaEngine;
class IExecutionContext;
class IHostMemory;
class IOptimizationProfile;
class IRuntime;

enum class EngineCapability : std::int32_t {
  kSTANDARD = 0,
  kDEFAULT = kSTANDARD,
  kSAFETY = 1,
  kSAFE_GPU = kSAFETY,
  kDLA_STANDALONE = 2,
  kSAFE_DLA = kDLA_STANDALONE
};
enum class TensorLocation : std::int32_t { kDEVICE = 0, kHOST = 1 };
enum class TensorIOMode : std::int32_t { kNONE = 0, kINPUT = 1, kOUTPUT = 2 };
enum class OptProfileSelector : std::int32_t { kMIN = 0, kOPT = 1, kMAX = 2 };
enum class DeviceType : std::int32_t { kGPU = 0, kDLA = 1 };
enum class TacticSource : std::int32_t {
  kCUBLAS = 0,
  kCUBLAS_LT = 1,
  kCUDNN = 2,
  kEDGE_MASK_CONVOLUTIONS = 3,
  kJIT_CONVOLUTIONS = 4
};
using TacticSources = std::uint32_t;

class IProfiler {
 public:
  virtual void reportLayerTime(char const* layerName, float ms) = 0;
  virtual ~IProfiler() = default;
};

namespace impl {
template <>
struct EnumMaxImpl<OptProfileSelector> {
  static constexpr std::int32_t kVALUE = 3;
};
template <>
struct EnumMaxImpl<TensorLocation> {
  static constexpr std::int32_t kVALUE = 2;
};
template <>
struct EnumMaxImpl<EngineCapability> {
  static constexpr std::int32_t kVALUE = 3;
};
}  // namespace impl

namespace v_1_0 {
using nvinfer1::IProfiler;
}  // namespace v_1_0

// One registry serves all kinds of engines.
inline IPluginRegistry* getBuilderPluginRegistry(EngineCapability) noexcept { return ::getPluginRegistry(); }

}  // namespace nvinfer1

extern "C" __attribute__((visibility("hidden"))) inline std::int32_t getInferLibVersion() noexcept {
  return NV_TENSORRT_VERSION;
}
