// SPDX-License-Identifier: Apache-2.0
// Release 10, IPluginV3: the indices of the non-zero elements of a matrix, [count, 2], whose size only the data decide;
// the second output is the size tensor.
#include "v3_base.h"

using namespace nvinfer1;

class NonZeroPlugin : public V3Base<NonZeroPlugin> {
 public:
  static constexpr char const* kName = "NonZeroPlugin";
  int32_t getNbOutputs() const noexcept override { return 2; }
  bool supportsFormatCombination(int32_t pos, DynamicPluginTensorDesc const* inOut, int32_t,
                                 int32_t) noexcept override {
    if (inOut[pos].desc.format != PluginFormat::kLINEAR) return false;
    DataType const type = inOut[pos].desc.type;
    return pos == 0 ? type == DataType::kFLOAT : pos == 1 ? type == DataType::kINT32 : type == DataType::kINT64;
  }
  int32_t getOutputDataTypes(DataType* types, int32_t, DataType const*, int32_t) const noexcept override {
    types[0] = DataType::kINT32;
    types[1] = DataType::kINT64;
    return 0;
  }
  int32_t getOutputShapes(DimsExprs const* inputs, int32_t, DimsExprs const*, int32_t, DimsExprs* outputs, int32_t,
                          IExprBuilder& b) noexcept override {
    auto const* upper = b.operation(DimensionOperation::kPROD, *inputs[0].d[0], *inputs[0].d[1]);
    auto const* opt = b.operation(DimensionOperation::kFLOOR_DIV, *upper, *b.constant(2));
    outputs[0].nbDims = 2;
    outputs[0].d[0] = b.declareSizeTensor(1, *opt, *upper);
    outputs[0].d[1] = b.constant(2);
    outputs[1].nbDims = 0;
    return 0;
  }
  // The counted size is not known yet; its upper bound is.
  int32_t configurePlugin(DynamicPluginTensorDesc const* in, int32_t, DynamicPluginTensorDesc const* out,
                          int32_t) noexcept override {
    return out[0].desc.dims.d[0] == -1 && out[0].min.d[0] == 0 && out[0].max.d[0] == volume(in[0].max) &&
                   out[0].opt.d[0] == volume(in[0].opt) / 2
               ? 0
               : 1;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    int64_t count = 0;
    for (int32_t r = 0; r < in[0].dims.d[0]; ++r)
      for (int32_t c = 0; c < in[0].dims.d[1]; ++c)
        if (static_cast<float const*>(inputs[0])[r * in[0].dims.d[1] + c] != 0) {
          static_cast<int32_t*>(outputs[0])[2 * count] = r;
          static_cast<int32_t*>(outputs[0])[2 * count++ + 1] = c;
        }
    *static_cast<int64_t*>(outputs[1]) = count;
    return 0;
  }
};
using NonZeroCreator = V3Creator<NonZeroPlugin>;
REGISTER_TENSORRT_PLUGIN(NonZeroCreator);
