// SPDX-License-Identifier: Apache-2.0
// Release 7: the plain IPluginV2, no noexcept anywhere, one enqueue with void**. y = x * scale + shift per channel.
#include <cstring>
#include <string>
#include <vector>

#include "NvInfer.h"

using namespace nvinfer1;

class ChannelScale : public IPluginV2 {
 public:
  ChannelScale(std::vector<float> scale, float shift) : mScale(std::move(scale)), mShift(shift) {}
  ChannelScale(const void* data, size_t length) : mScale(length / sizeof(float) - 1) {
    const char* at = static_cast<const char*>(data);
    std::memcpy(&mShift, at, sizeof(float));
    std::memcpy(mScale.data(), at + sizeof(float), length - sizeof(float));
  }
  int getNbOutputs() const override { return 1; }
  Dims getOutputDimensions(int index, const Dims* inputs, int nbInputDims) override { return inputs[0]; }
  bool supportsFormat(DataType type, PluginFormat format) const override {
    return type == DataType::kFLOAT && format == PluginFormat::kNCHW;
  }
  void configureWithFormat(const Dims* inputDims, int nbInputs, const Dims* outputDims, int nbOutputs, DataType type,
                           PluginFormat format, int maxBatchSize) override {
    mArea = 1;
    for (int i = 1; i < inputDims[0].nbDims; i++) mArea *= inputDims[0].d[i];
  }
  int initialize() override { return 0; }
  void terminate() override {}
  size_t getWorkspaceSize(int maxBatchSize) const override { return 0; }
  int enqueue(int batchSize, const void* const* inputs, void** outputs, void* workspace, cudaStream_t stream) override {
    const float* x = static_cast<const float*>(inputs[0]);
    float* y = static_cast<float*>(outputs[0]);
    for (int n = 0; n < batchSize; n++)
      for (size_t c = 0; c < mScale.size(); c++)
        for (int i = 0; i < mArea; i++, x++, y++) *y = *x * mScale[c] + mShift;
    return 0;
  }
  size_t getSerializationSize() const override { return sizeof(float) * (mScale.size() + 1); }
  void serialize(void* buffer) const override {
    std::memcpy(buffer, &mShift, sizeof(float));
    std::memcpy(static_cast<char*>(buffer) + sizeof(float), mScale.data(), mScale.size() * sizeof(float));
  }
  const char* getPluginType() const override { return "ChannelScale"; }
  const char* getPluginVersion() const override { return "1"; }
  void destroy() override { delete this; }
  IPluginV2* clone() const override {
    ChannelScale* copy = new ChannelScale(mScale, mShift);
    copy->mArea = mArea;
    return copy;
  }
  void setPluginNamespace(const char* space) override { mSpace = space; }
  const char* getPluginNamespace() const override { return mSpace.c_str(); }

 private:
  std::vector<float> mScale;
  float mShift = 0;
  int mArea = 1;
  std::string mSpace;
};

class ChannelScaleCreator : public IPluginCreator {
 public:
  ChannelScaleCreator() {
    mFields.emplace_back(PluginField("scale", nullptr, PluginFieldType::kFLOAT32, 1));
    mFields.emplace_back(PluginField("shift", nullptr, PluginFieldType::kFLOAT32, 1));
    mCollection.nbFields = mFields.size();
    mCollection.fields = mFields.data();
  }
  const char* getPluginName() const override { return "ChannelScale"; }
  const char* getPluginVersion() const override { return "1"; }
  const PluginFieldCollection* getFieldNames() override { return &mCollection; }
  IPluginV2* createPlugin(const char* name, const PluginFieldCollection* fc) override {
    std::vector<float> scale;
    float shift = 0;
    for (int i = 0; i < fc->nbFields; i++) {
      const float* data = static_cast<const float*>(fc->fields[i].data);
      if (!strcmp(fc->fields[i].name, "scale")) scale.assign(data, data + fc->fields[i].length);
      if (!strcmp(fc->fields[i].name, "shift")) shift = *data;
    }
    return new ChannelScale(scale, shift);
  }
  IPluginV2* deserializePlugin(const char* name, const void* data, size_t length) override {
    return new ChannelScale(data, length);
  }
  void setPluginNamespace(const char* space) override { mSpace = space; }
  const char* getPluginNamespace() const override { return mSpace.c_str(); }

 private:
  std::vector<PluginField> mFields;
  PluginFieldCollection mCollection;
  std::string mSpace;
};

REGISTER_TENSORRT_PLUGIN(ChannelScaleCreator);
