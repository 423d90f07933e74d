// SPDX-License-Identifier: Apache-2.0
// Release 8: a plugin with half-precision kernels only; in a float model the engine converts. Negates by the sign bit.
#include "dynamic_base.h"

using namespace nvinfer1;

class HalfNegate : public DynamicBase {
 public:
  static constexpr char const* kName = "HalfNegate";
  static std::vector<PluginField> fields() { return {}; }
  explicit HalfNegate(PluginFieldCollection const&) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new HalfNegate(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override { return in[0]; }
  DataType getOutputDataType(int32_t, DataType const*, int32_t) const noexcept override { return DataType::kHALF; }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t, int32_t) noexcept override {
    return inOut[pos].type == DataType::kHALF && inOut[pos].format == TensorFormat::kLINEAR;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    for (int64_t i = 0; i < volume(in[0].dims); ++i)
      static_cast<uint16_t*>(outputs[0])[i] = static_cast<uint16_t const*>(inputs[0])[i] ^ 0x8000u;
    return 0;
  }
};
using HalfNegateCreator = DynamicCreator<HalfNegate>;
REGISTER_TENSORRT_PLUGIN(HalfNegateCreator);
