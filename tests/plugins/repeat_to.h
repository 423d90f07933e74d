// SPDX-License-Identifier: Apache-2.0
// An IPluginV3 that repeats its input to the size that a shape input says; what computes it is the derived class's.
#pragma once

#include "v3_base.h"

template <typename Plugin>
class RepeatBase : public V3Base<Plugin> {
 public:
  int32_t getOutputShapes(nvinfer1::DimsExprs const* inputs, int32_t nbInputs, nvinfer1::DimsExprs const* shapeInputs,
                          int32_t nbShapeInputs, nvinfer1::DimsExprs* outputs, int32_t,
                          nvinfer1::IExprBuilder&) noexcept override {
    if (nbInputs != 1 || nbShapeInputs != 1 || shapeInputs[0].nbDims != 1) return 1;
    outputs[0] = inputs[0];
    outputs[0].d[0] = shapeInputs[0].d[0];
    return 0;
  }
};
