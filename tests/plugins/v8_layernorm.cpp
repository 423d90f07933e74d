// SPDX-License-Identifier: Apache-2.0
// Release 8: LayerNorm as IPluginV2DynamicExt in one file, everything noexcept; the moments lie in the workspace.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "NvInferPlugin.h"

namespace {
constexpr char const* kNAME{"LayerNormPlugin"};
constexpr char const* kVERSION{"1"};
}  // namespace

namespace nvinfer1::plugin {

class LayerNormPlugin final : public IPluginV2DynamicExt {
 public:
  LayerNormPlugin(std::string const& name, float epsilon) : mName(name), mEpsilon(epsilon) {}
  LayerNormPlugin() = delete;
  IPluginV2DynamicExt* clone() const noexcept override {
    auto* plugin = new LayerNormPlugin(mName, mEpsilon);
    plugin->setPluginNamespace(mNamespace.c_str());
    return plugin;
  }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* inputs, int32_t, IExprBuilder&) noexcept override {
    return inputs[0];
  }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t nbInputs,
                                 int32_t nbOutputs) noexcept override {
    if (inOut[pos].format != TensorFormat::kLINEAR) return false;
    return pos == 0 ? inOut[0].type == DataType::kFLOAT : inOut[pos].type == inOut[0].type;
  }
  void configurePlugin(DynamicPluginTensorDesc const* in, int32_t nbInputs, DynamicPluginTensorDesc const* out,
                       int32_t nbOutputs) noexcept override {}
  size_t getWorkspaceSize(PluginTensorDesc const* inputs, int32_t, PluginTensorDesc const*,
                          int32_t) const noexcept override {
    int64_t rows = 1;
    for (int i = 0; i + 1 < inputs[0].dims.nbDims; ++i) rows *= inputs[0].dims.d[i];
    return rows * 2 * sizeof(float);
  }
  int32_t enqueue(PluginTensorDesc const* inputDesc, PluginTensorDesc const* outputDesc, void const* const* inputs,
                  void* const* outputs, void* workspace, cudaStream_t stream) noexcept override {
    int64_t rows = 1, columns = inputDesc[0].dims.d[inputDesc[0].dims.nbDims - 1];
    for (int i = 0; i + 1 < inputDesc[0].dims.nbDims; ++i) rows *= inputDesc[0].dims.d[i];
    auto* moments = static_cast<float*>(workspace);
    auto const* gamma = static_cast<float const*>(inputs[1]);
    auto const* beta = static_cast<float const*>(inputs[2]);
    auto const at = [&](int64_t i) { return static_cast<float const*>(inputs[0])[i]; };
    for (int64_t r = 0; r < rows; ++r) {
      double sum = 0, squares = 0;
      for (int64_t c = 0; c < columns; ++c) sum += at(r * columns + c);
      moments[2 * r] = sum / columns;
      for (int64_t c = 0; c < columns; ++c) squares += std::pow(at(r * columns + c) - moments[2 * r], 2);
      moments[2 * r + 1] = 1 / std::sqrt(squares / columns + mEpsilon);
      for (int64_t c = 0; c < columns; ++c)
        static_cast<float*>(outputs[0])[r * columns + c] =
            (at(r * columns + c) - moments[2 * r]) * moments[2 * r + 1] * gamma[c] + beta[c];
    }
    return 0;
  }
  DataType getOutputDataType(int32_t, DataType const* inputTypes, int32_t) const noexcept override {
    return inputTypes[0];
  }
  void attachToContext(cudnnContext*, cublasContext*, IGpuAllocator*) noexcept override {}
  void detachFromContext() noexcept override {}
  char const* getPluginType() const noexcept override { return kNAME; }
  char const* getPluginVersion() const noexcept override { return kVERSION; }
  int32_t getNbOutputs() const noexcept override { return 1; }
  int32_t initialize() noexcept override { return 0; }
  void terminate() noexcept override {}
  size_t getSerializationSize() const noexcept override { return sizeof(mEpsilon); }
  void serialize(void* buffer) const noexcept override { std::memcpy(buffer, &mEpsilon, sizeof(mEpsilon)); }
  void destroy() noexcept override { delete this; }
  void setPluginNamespace(char const* space) noexcept override { mNamespace = space; }
  char const* getPluginNamespace() const noexcept override { return mNamespace.c_str(); }

 private:
  std::string mName, mNamespace;
  float mEpsilon;
};

class LayerNormPluginCreator : public IPluginCreator {
 public:
  LayerNormPluginCreator() {
    mAttributes.clear();
    mAttributes.emplace_back(PluginField("epsilon", nullptr, PluginFieldType::kFLOAT32, 1));
    mFC.nbFields = mAttributes.size();
    mFC.fields = mAttributes.data();
  }
  char const* getPluginName() const noexcept override { return kNAME; }
  char const* getPluginVersion() const noexcept override { return kVERSION; }
  PluginFieldCollection const* getFieldNames() noexcept override { return &mFC; }
  IPluginV2* createPlugin(char const* name, PluginFieldCollection const* fc) noexcept override {
    float epsilon = 1e-5f;
    for (int32_t i = 0; i < fc->nbFields; ++i)
      if (std::string(fc->fields[i].name) == "epsilon") epsilon = *static_cast<float const*>(fc->fields[i].data);
    return new LayerNormPlugin(name, epsilon);
  }
  IPluginV2* deserializePlugin(char const* name, void const* data, size_t) noexcept override {
    return new LayerNormPlugin(name, *static_cast<float const*>(data));
  }
  void setPluginNamespace(char const* space) noexcept override { mNamespace = space; }
  char const* getPluginNamespace() const noexcept override { return mNamespace.c_str(); }

 private:
  static PluginFieldCollection mFC;
  static std::vector<PluginField> mAttributes;
  std::string mNamespace;
};
PluginFieldCollection LayerNormPluginCreator::mFC{};
std::vector<PluginField> LayerNormPluginCreator::mAttributes;

REGISTER_TENSORRT_PLUGIN(LayerNormPluginCreator);

}  // namespace nvinfer1::plugin
