// SPDX-License-Identifier: Apache-2.0
// Release 8: what TensorRT forgives. Formats are asked of the output, yet the input is looked at; sizes are taken for
// constants; the weights of all clones are the first one's, which outlives them, since destroy does nothing.
#include "dynamic_base.h"

using namespace nvinfer1;
using namespace nvinfer1::plugin;

class Careless : public DynamicBase {
 public:
  static constexpr char const* kName = "Careless";
  static std::vector<PluginField> fields() { return {PluginField("factor", nullptr, PluginFieldType::kFLOAT32, 1)}; }
  explicit Careless(PluginFieldCollection const& fc) : mFactor(new float(readField<int>(fc, "factor").at(0))) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Careless(*this); }
  void destroy() noexcept override {}
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder& builder) noexcept override {
    DimsExprs out(in[0]);
    for (int32_t i = 0; i < out.nbDims; ++i) out.d[i] = builder.constant(in[0].d[i]->getConstantValue());
    return out;
  }
  bool supportsFormatCombination(int32_t, PluginTensorDesc const* inOut, int32_t, int32_t) noexcept override {
    return inOut[0].type == DataType::kFLOAT && inOut[0].format == TensorFormat::kLINEAR;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    if (*mFactor == 0) return 209;
    for (int64_t i = 0; i < volume(in[0].dims); ++i)
      static_cast<float*>(outputs[0])[i] = *mFactor * static_cast<float const*>(inputs[0])[i];
    return 0;
  }

 private:
  float* mFactor;
};
using CarelessCreator = DynamicCreator<Careless>;
REGISTER_TENSORRT_PLUGIN(CarelessCreator);
