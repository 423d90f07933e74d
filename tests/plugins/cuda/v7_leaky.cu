// SPDX-License-Identifier: Apache-2.0
// Release 7: IPluginV2IOExt, which sees no batch; waits for its stream, as some do.
#include <string>

#include "NvInfer.h"

using namespace nvinfer1;

__global__ void leaky(float const* x, float* y, int count, float slope) {
  int const i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

class Leaky : public IPluginV2IOExt {
 public:
  explicit Leaky(float slope) : mSlope(slope) {}
  int getNbOutputs() const override { return 1; }
  Dims getOutputDimensions(int, Dims const* inputs, int) override { return inputs[0]; }
  int initialize() override { return 0; }
  void terminate() override {}
  size_t getWorkspaceSize(int) const override { return 0; }
  bool supportsFormatCombination(int pos, PluginTensorDesc const* inOut, int, int) const override {
    return inOut[pos].type == DataType::kFLOAT && inOut[pos].format == TensorFormat::kLINEAR;
  }
  void configurePlugin(PluginTensorDesc const* in, int, PluginTensorDesc const*, int) override {
    mVolume = 1;
    for (int i = 0; i < in[0].dims.nbDims; ++i) mVolume *= in[0].dims.d[i];
  }
  int enqueue(int batch, void const* const* inputs, void** outputs, void*, cudaStream_t stream) override {
    int const count = batch * mVolume;
    if (count == 0) return 0;
    leaky<<<(count + 255) / 256, 256, 0, stream>>>(static_cast<float const*>(inputs[0]),
                                                   static_cast<float*>(outputs[0]), count, mSlope);
    return cudaStreamSynchronize(stream) == cudaSuccess ? 0 : 1;
  }
  DataType getOutputDataType(int, DataType const* types, int) const override { return types[0]; }
  bool isOutputBroadcastAcrossBatch(int, bool const*, int) const override { return false; }
  bool canBroadcastInputAcrossBatch(int) const override { return false; }
  char const* getPluginType() const override { return "LeakyCuda"; }
  char const* getPluginVersion() const override { return "1"; }
  size_t getSerializationSize() const override { return 0; }
  void serialize(void*) const override {}
  void destroy() override { delete this; }
  IPluginV2IOExt* clone() const override { return new Leaky(*this); }
  void setPluginNamespace(char const*) override {}
  char const* getPluginNamespace() const override { return ""; }

 private:
  float mSlope;
  int mVolume = 0;
};

class LeakyCreator : public IPluginCreator {
 public:
  char const* getPluginName() const override { return "LeakyCuda"; }
  char const* getPluginVersion() const override { return "1"; }
  PluginFieldCollection const* getFieldNames() override { return &mNames; }
  IPluginV2* createPlugin(char const*, PluginFieldCollection const* fc) override {
    return new Leaky(fc->nbFields == 1 ? *static_cast<float const*>(fc->fields[0].data) : 0.01f);
  }
  IPluginV2* deserializePlugin(char const*, void const*, size_t) override { return nullptr; }
  void setPluginNamespace(char const*) override {}
  char const* getPluginNamespace() const override { return ""; }

 private:
  PluginField mSlope{"slope", nullptr, PluginFieldType::kFLOAT32, 1};
  PluginFieldCollection mNames{1, &mSlope};
};
REGISTER_TENSORRT_PLUGIN(LeakyCreator);
