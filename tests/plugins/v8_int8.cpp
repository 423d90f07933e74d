// SPDX-License-Identifier: Apache-2.0
// Release 8: bytes in blocks of 32 channels, as quantised kernels want them, between a QuantizeLinear and a
// DequantizeLinear: the larger of x and the channel's index.
#include "dynamic_base.h"

using namespace nvinfer1;

class Int8Floor : public DynamicBase {
 public:
  static constexpr char const* kName = "Int8Floor";
  static std::vector<PluginField> fields() { return {}; }
  explicit Int8Floor(PluginFieldCollection const&) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Int8Floor(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override { return in[0]; }
  DataType getOutputDataType(int32_t, DataType const* inputs, int32_t) const noexcept override { return inputs[0]; }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t, int32_t) noexcept override {
    return inOut[pos].type == DataType::kINT8 && inOut[pos].format == TensorFormat::kCHW32;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    int64_t const n = in[0].dims.d[0], blocks = (in[0].dims.d[1] + 31) / 32, area = in[0].dims.d[2] * in[0].dims.d[3];
    auto const* x = static_cast<int8_t const*>(inputs[0]);
    auto* y = static_cast<int8_t*>(outputs[0]);
    for (int64_t i = 0; i < n * blocks * area * 32; ++i) {
      auto const channel = static_cast<int8_t>(i / (area * 32) % blocks * 32 + i % 32);
      y[i] = x[i] > channel ? x[i] : channel;
    }
    return 0;
  }
};
using Int8FloorCreator = DynamicCreator<Int8Floor>;
REGISTER_TENSORRT_PLUGIN(Int8FloorCreator);
