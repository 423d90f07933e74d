// SPDX-License-Identifier: Apache-2.0
// Release 10, IPluginV3: repeats its input to the size that a shape input says (tensorrt_plugin_shape_input_indices).
#include "repeat_to.h"

using namespace nvinfer1;

class RepeatTo : public RepeatBase<RepeatTo> {
 public:
  static constexpr char const* kName = "RepeatTo";
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs,
                  void* const* outputs, void*, cudaStream_t) noexcept override {
    int64_t const count = volume(in[0].dims);
    for (int64_t i = 0; i < volume(out[0].dims); ++i)
      static_cast<float*>(outputs[0])[i] = static_cast<float const*>(inputs[0])[i % count];
    return 0;
  }
};
using RepeatToCreator = V3Creator<RepeatTo>;
REGISTER_TENSORRT_PLUGIN(RepeatToCreator);
