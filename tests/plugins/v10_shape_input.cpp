// SPDX-License-Identifier: Apache-2.0
// Release 10, IPluginV3: repeats its input to the size that a shape input says (tensorrt_plugin_shape_input_indices).
#include "v3_base.h"

using namespace nvinfer1;

class RepeatTo : public V3Base<RepeatTo> {
 public:
  static constexpr char const* kName = "RepeatTo";
  int32_t getOutputShapes(DimsExprs const* inputs, int32_t nbInputs, DimsExprs const* shapeInputs,
                          int32_t nbShapeInputs, DimsExprs* outputs, int32_t, IExprBuilder&) noexcept override {
    if (nbInputs != 1 || nbShapeInputs != 1 || shapeInputs[0].nbDims != 1) return 1;
    outputs[0] = inputs[0];
    outputs[0].d[0] = shapeInputs[0].d[0];
    return 0;
  }
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
