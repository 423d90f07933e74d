// SPDX-License-Identifier: Apache-2.0
// What collections of plugins put in a base class of their own: the parts of IPluginV2DynamicExt and IPluginCreator
// that are always the same.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "fields.h"
#include "volume.h"

class DynamicBase : public nvinfer1::IPluginV2DynamicExt {
 public:
  char const* getPluginVersion() const noexcept override { return "1"; }
  int32_t initialize() noexcept override { return 0; }
  void terminate() noexcept override {}
  void destroy() noexcept override { delete this; }
  int32_t getNbOutputs() const noexcept override { return 1; }
  void setPluginNamespace(char const* space) noexcept override { mNamespace = space; }
  char const* getPluginNamespace() const noexcept override { return mNamespace.c_str(); }
  void configurePlugin(nvinfer1::DynamicPluginTensorDesc const*, int32_t, nvinfer1::DynamicPluginTensorDesc const*,
                       int32_t) noexcept override {}
  size_t getWorkspaceSize(nvinfer1::PluginTensorDesc const*, int32_t, nvinfer1::PluginTensorDesc const*,
                          int32_t) const noexcept override {
    return 0;
  }
  size_t getSerializationSize() const noexcept override { return 0; }
  void serialize(void*) const noexcept override {}
  bool supportsFormatCombination(int32_t pos, nvinfer1::PluginTensorDesc const* inOut, int32_t,
                                 int32_t) noexcept override {
    return inOut[pos].type == nvinfer1::DataType::kFLOAT && inOut[pos].format == nvinfer1::TensorFormat::kLINEAR;
  }
  nvinfer1::DataType getOutputDataType(int32_t, nvinfer1::DataType const*, int32_t) const noexcept override {
    return nvinfer1::DataType::kFLOAT;
  }

 protected:
  std::string mNamespace;
};

// Fields: {name, type, count}.
template <typename Plugin>
class DynamicCreator : public nvinfer1::IPluginCreator {
 public:
  DynamicCreator() : mFields(Plugin::fields()) {
    mCollection.nbFields = static_cast<int32_t>(mFields.size());
    mCollection.fields = mFields.data();
  }
  char const* getPluginName() const noexcept override { return Plugin::kName; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  nvinfer1::PluginFieldCollection const* getFieldNames() noexcept override { return &mCollection; }
  nvinfer1::IPluginV2* createPlugin(char const*, nvinfer1::PluginFieldCollection const* fc) noexcept override {
    return new Plugin(*fc);
  }
  nvinfer1::IPluginV2* deserializePlugin(char const*, void const*, size_t) noexcept override { return nullptr; }
  void setPluginNamespace(char const* space) noexcept override { mNamespace = space; }
  char const* getPluginNamespace() const noexcept override { return mNamespace.c_str(); }

 private:
  std::vector<nvinfer1::PluginField> mFields;
  nvinfer1::PluginFieldCollection mCollection{};
  std::string mNamespace;
};
