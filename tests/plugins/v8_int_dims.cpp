// SPDX-License-Identifier: Apache-2.0
// Code of release 8 that takes `int*` from Dims, compiled as release 10 with 32-bit sizes: nearest upsampling, and an
// INT64 index input that it knows as kINT32.
#include "dynamic_base.h"

using namespace nvinfer1;

static int64_t product(int const* sizes, int count) {
  int64_t out = 1;
  for (int i = 0; i < count; ++i) out *= sizes[i];
  return out;
}

class GatherRows : public DynamicBase {
 public:
  static constexpr char const* kName = "GatherRows";
  static std::vector<PluginField> fields() { return {}; }
  explicit GatherRows(PluginFieldCollection const&) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new GatherRows(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override {
    DimsExprs out = in[0];
    out.d[0] = in[1].d[0];
    return out;
  }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t, int32_t) noexcept override {
    return inOut[pos].format == TensorFormat::kLINEAR &&
           inOut[pos].type == (pos == 1 ? DataType::kINT32 : DataType::kFLOAT);
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs,
                  void* const* outputs, void*, cudaStream_t) noexcept override {
    int const* sizes = &in[0].dims.d[0];
    int64_t const row = product(sizes + 1, in[0].dims.nbDims - 1);
    for (int i = 0; i < out[0].dims.d[0]; ++i)
      std::memcpy(static_cast<float*>(outputs[0]) + i * row,
                  static_cast<float const*>(inputs[0]) + static_cast<int const*>(inputs[1])[i] * row, row * 4);
    return 0;
  }
};
using GatherRowsCreator = DynamicCreator<GatherRows>;
REGISTER_TENSORRT_PLUGIN(GatherRowsCreator);
