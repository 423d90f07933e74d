// SPDX-License-Identifier: Apache-2.0
// Writes what its fields hold into the output, so that a test sees each type and length as the plugin gets it.
#include "dynamic_base.h"

using namespace nvinfer1;

class EveryField : public DynamicBase {
 public:
  static constexpr char const* kName = "EveryField";
  static std::vector<PluginField> fields() {
    return {PluginField("an_int", nullptr, PluginFieldType::kINT32, 1),   PluginField("ints", nullptr, PluginFieldType::kINT32, 1),
            PluginField("a_float", nullptr, PluginFieldType::kFLOAT32, 1), PluginField("floats", nullptr, PluginFieldType::kFLOAT32, 1),
            PluginField("a_double", nullptr, PluginFieldType::kFLOAT64, 1), PluginField("a_byte", nullptr, PluginFieldType::kINT8, 1),
            PluginField("a_short", nullptr, PluginFieldType::kINT16, 1),  PluginField("a_long", nullptr, PluginFieldType::kINT64, 1),
            PluginField("a_text", nullptr, PluginFieldType::kCHAR, 1),    PluginField("some_dims", nullptr, PluginFieldType::kDIMS, 1),
            PluginField("a_tensor", nullptr, PluginFieldType::kFLOAT32, 1), PluginField("absent", nullptr, PluginFieldType::kINT32, 1)};
  }
  explicit EveryField(PluginFieldCollection const& fc) {
    for (int i = 0; i < fc.nbFields; ++i) {
      auto const& f = fc.fields[i];
      mValues.push_back(static_cast<float>(f.type));
      mValues.push_back(static_cast<float>(f.length));
      for (int k = 0; k < f.length; ++k) mValues.push_back(element(f, k));
    }
  }
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new EveryField(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const*, int32_t, IExprBuilder& b) noexcept override {
    DimsExprs out;
    out.nbDims = 1;
    out.d[0] = b.constant(mValues.size());
    return out;
  }
  int32_t enqueue(PluginTensorDesc const*, PluginTensorDesc const*, void const* const*, void* const* outputs, void*,
                  cudaStream_t) noexcept override {
    std::memcpy(outputs[0], mValues.data(), mValues.size() * sizeof(float));
    return 0;
  }

 private:
  static float element(PluginField const& f, int k) {
    switch (f.type) {
      case PluginFieldType::kFLOAT32: return static_cast<float const*>(f.data)[k];
      case PluginFieldType::kFLOAT64: return static_cast<float>(static_cast<double const*>(f.data)[k]);
      case PluginFieldType::kINT8: return static_cast<int8_t const*>(f.data)[k];
      case PluginFieldType::kINT16: return static_cast<int16_t const*>(f.data)[k];
      case PluginFieldType::kINT32: return static_cast<float>(static_cast<int32_t const*>(f.data)[k]);
      case PluginFieldType::kINT64: return static_cast<float>(static_cast<int64_t const*>(f.data)[k]);
      case PluginFieldType::kCHAR: return static_cast<char const*>(f.data)[k];
      case PluginFieldType::kDIMS: return static_cast<float>(volume(static_cast<Dims const*>(f.data)[k]));
      default: return -1;
    }
  }
  std::vector<float> mValues;
};
using EveryFieldCreator = DynamicCreator<EveryField>;
REGISTER_TENSORRT_PLUGIN(EveryFieldCreator);
