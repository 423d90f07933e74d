// SPDX-License-Identifier: Apache-2.0
// Release 8: a plugin that takes floats in CHW4 only and writes CHW32, so that both layouts' strides and the padding of
// the last block are visible: y = 2 x + channel.
#include "dynamic_base.h"

using namespace nvinfer1;

class Blocked : public DynamicBase {
 public:
  static constexpr char const* kName = "Blocked";
  static std::vector<PluginField> fields() { return {}; }
  explicit Blocked(PluginFieldCollection const&) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Blocked(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override { return in[0]; }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t, int32_t) noexcept override {
    return inOut[pos].type == DataType::kFLOAT &&
           inOut[pos].format == (pos == 0 ? TensorFormat::kCHW4 : TensorFormat::kCHW32);
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs,
                  void* const* outputs, void*, cudaStream_t) noexcept override {
    if (in[0].format != TensorFormat::kCHW4 || out[0].format != TensorFormat::kCHW32) return 1;
    int64_t const n = in[0].dims.d[0], c = in[0].dims.d[1], area = in[0].dims.d[2] * in[0].dims.d[3];
    int64_t const fours = (c + 3) / 4, thirtyTwos = (c + 31) / 32;
    auto const* x = static_cast<float const*>(inputs[0]);
    auto* y = static_cast<float*>(outputs[0]);
    for (int64_t b = 0; b < n; ++b)
      for (int64_t i = 0; i < c; ++i)
        for (int64_t p = 0; p < area; ++p)
          y[((b * thirtyTwos + i / 32) * area + p) * 32 + i % 32] =
              2 * x[((b * fours + i / 4) * area + p) * 4 + i % 4] + static_cast<float>(i);
    return 0;
  }
};
using BlockedCreator = DynamicCreator<Blocked>;
REGISTER_TENSORRT_PLUGIN(BlockedCreator);
