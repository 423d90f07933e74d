// SPDX-License-Identifier: Apache-2.0
// Release 10, IPluginV3 with the second build interface: adds rows into a cache in place; the output is the cache.
#include "v3_base.h"

using namespace nvinfer1;

class CacheAdd : public V3Base<CacheAdd, IPluginV3OneBuildV2> {
 public:
  static constexpr char const* kName = "CacheAdd";
  int32_t getAliasedInput(int32_t outputIndex) noexcept override { return outputIndex == 0 ? 0 : -1; }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    if (outputs[0] != inputs[0]) return 1;
    for (int64_t i = 0; i < volume(in[1].dims); ++i)
      static_cast<float*>(outputs[0])[i] += static_cast<float const*>(inputs[1])[i];
    return 0;
  }
};
using CacheAddCreator = V3Creator<CacheAdd>;
REGISTER_TENSORRT_PLUGIN(CacheAddCreator);
