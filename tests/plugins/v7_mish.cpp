// SPDX-License-Identifier: Apache-2.0
// Release 7: IPluginV2Ext with the ten-argument configurePlugin, built with 32-bit Dims. Mish.
#include <cmath>
#include <string>

#include "NvInfer.h"

namespace nvinfer1 {
class MishPlugin : public IPluginV2Ext {
 public:
  int getNbOutputs() const override { return 1; }
  Dims getOutputDimensions(int index, const Dims* inputs, int nbInputDims) override { return inputs[0]; }
  int initialize() override { return 0; }
  void terminate() override {}
  size_t getWorkspaceSize(int) const override { return 0; }
  int enqueue(int batchSize, const void* const* inputs, void** outputs, void* workspace, cudaStream_t) override {
    const float* x = reinterpret_cast<const float*>(inputs[0]);
    float* y = reinterpret_cast<float*>(outputs[0]);
    for (int i = 0; i < batchSize * input_size_; ++i) y[i] = x[i] * std::tanh(std::log1p(std::exp(x[i])));
    return 0;
  }
  size_t getSerializationSize() const override { return sizeof(input_size_); }
  void serialize(void* buffer) const override { *reinterpret_cast<int*>(buffer) = input_size_; }
  const char* getPluginType() const override { return "Mish_TRT"; }
  const char* getPluginVersion() const override { return "1"; }
  void destroy() override { delete this; }
  IPluginV2Ext* clone() const override { return new MishPlugin(*this); }
  void setPluginNamespace(const char* space) override { space_ = space; }
  const char* getPluginNamespace() const override { return space_.c_str(); }
  DataType getOutputDataType(int, const DataType*, int) const override { return DataType::kFLOAT; }
  bool isOutputBroadcastAcrossBatch(int, const bool*, int) const override { return false; }
  bool canBroadcastInputAcrossBatch(int) const override { return false; }
  bool supportsFormat(DataType type, PluginFormat format) const override {
    return type == DataType::kFLOAT && format == PluginFormat::kNCHW;
  }
  void configurePlugin(const Dims* inputDims, int nbInputs, const Dims* outputDims, int nbOutputs,
                       const DataType* inputTypes, const DataType* outputTypes, const bool* inputIsBroadcast,
                       const bool* outputIsBroadcast, PluginFormat floatFormat, int maxBatchSize) override {
    const int* d = inputDims[0].d;
    input_size_ = 1;
    for (int i = 0; i < inputDims[0].nbDims; ++i) input_size_ *= d[i];
  }
  void attachToContext(cudnnContext*, cublasContext*, IGpuAllocator*) override {}
  void detachFromContext() override {}

 private:
  int input_size_ = 0;
  std::string space_;
};

class MishPluginCreator : public IPluginCreator {
 public:
  const char* getPluginName() const override { return "Mish_TRT"; }
  const char* getPluginVersion() const override { return "1"; }
  const PluginFieldCollection* getFieldNames() override { return &fields_; }
  IPluginV2Ext* createPlugin(const char*, const PluginFieldCollection*) override {
    MishPlugin* plugin = new MishPlugin();
    plugin->setPluginNamespace(space_.c_str());
    return plugin;
  }
  IPluginV2Ext* deserializePlugin(const char*, const void*, size_t) override { return new MishPlugin(); }
  void setPluginNamespace(const char* space) override { space_ = space; }
  const char* getPluginNamespace() const override { return space_.c_str(); }

 private:
  std::string space_;
  PluginFieldCollection fields_{0, nullptr};
};
REGISTER_TENSORRT_PLUGIN(MishPluginCreator);
}  // namespace nvinfer1
