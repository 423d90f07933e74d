// SPDX-License-Identifier: Apache-2.0
// The parts of an IPluginV3 that are always the same.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "volume.h"

template <typename Self, typename Build = nvinfer1::IPluginV3OneBuild>
class V3Base : public nvinfer1::IPluginV3,
               public nvinfer1::IPluginV3OneCore,
               public Build,
               public nvinfer1::IPluginV3OneRuntime {
 public:
  nvinfer1::IPluginCapability* getCapabilityInterface(nvinfer1::PluginCapabilityType type) noexcept override {
    if (type == nvinfer1::PluginCapabilityType::kBUILD) return static_cast<Build*>(this);
    if (type == nvinfer1::PluginCapabilityType::kRUNTIME) return static_cast<nvinfer1::IPluginV3OneRuntime*>(this);
    return static_cast<nvinfer1::IPluginV3OneCore*>(this);
  }
  static std::vector<nvinfer1::PluginField> fields() { return {}; }
  nvinfer1::IPluginV3* clone() noexcept override { return new Self(static_cast<Self const&>(*this)); }
  char const* getPluginName() const noexcept override { return Self::kName; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  char const* getPluginNamespace() const noexcept override { return ""; }
  int32_t getNbOutputs() const noexcept override { return 1; }
  int32_t configurePlugin(nvinfer1::DynamicPluginTensorDesc const* in, int32_t nbInputs,
                          nvinfer1::DynamicPluginTensorDesc const* out, int32_t nbOutputs) noexcept override {
    for (int32_t i = 0; i < nbInputs; ++i)
      if (!inOrder(in[i])) return 100 + i;
    for (int32_t i = 0; i < nbOutputs; ++i)
      if (!inOrder(out[i])) return 200 + i;
    return 0;
  }
  bool supportsFormatCombination(int32_t pos, nvinfer1::DynamicPluginTensorDesc const* inOut, int32_t,
                                 int32_t) noexcept override {
    return inOut[pos].desc.type == nvinfer1::DataType::kFLOAT &&
           inOut[pos].desc.format == nvinfer1::PluginFormat::kLINEAR;
  }
  int32_t getOutputDataTypes(nvinfer1::DataType* types, int32_t, nvinfer1::DataType const* inputs,
                             int32_t) const noexcept override {
    types[0] = inputs[0];
    return 0;
  }
  int32_t getOutputShapes(nvinfer1::DimsExprs const* inputs, int32_t, nvinfer1::DimsExprs const*, int32_t,
                          nvinfer1::DimsExprs* outputs, int32_t, nvinfer1::IExprBuilder&) noexcept override {
    outputs[0] = inputs[0];
    return 0;
  }
  int32_t onShapeChange(nvinfer1::PluginTensorDesc const*, int32_t, nvinfer1::PluginTensorDesc const*,
                        int32_t) noexcept override {
    return 0;
  }
  nvinfer1::IPluginV3* attachToContext(nvinfer1::IPluginResourceContext*) noexcept override { return clone(); }
  nvinfer1::PluginFieldCollection const* getFieldsToSerialize() noexcept override { return &mNone; }

 private:
  // What is open has limits, what is not is its own.
  static bool inOrder(nvinfer1::DynamicPluginTensorDesc const& told) {
    nvinfer1::Dims const& dims = told.desc.dims;
    for (int32_t i = 0; i < dims.nbDims; ++i) {
      if (told.min.d[i] < 0 || told.min.d[i] > told.opt.d[i] || told.opt.d[i] > told.max.d[i]) return false;
      if (dims.d[i] != -1 && (dims.d[i] != told.min.d[i] || dims.d[i] != told.max.d[i])) return false;
    }
    return told.min.nbDims == dims.nbDims && told.max.nbDims == dims.nbDims && told.opt.nbDims == dims.nbDims;
  }

  nvinfer1::PluginFieldCollection mNone{0, nullptr};
};

// A plugin that has fields is made from them.
template <typename Plugin>
class V3Creator : public nvinfer1::IPluginCreatorV3One {
 public:
  V3Creator() : mFields(Plugin::fields()), mCollection{static_cast<int32_t>(mFields.size()), mFields.data()} {}
  char const* getPluginName() const noexcept override { return Plugin::kName; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  char const* getPluginNamespace() const noexcept override { return ""; }
  nvinfer1::PluginFieldCollection const* getFieldNames() noexcept override { return &mCollection; }
  nvinfer1::IPluginV3* createPlugin(char const*, nvinfer1::PluginFieldCollection const* fc,
                                    nvinfer1::TensorRTPhase) noexcept override {
    if constexpr (std::is_default_constructible_v<Plugin>) {
      return new Plugin();
    } else {
      return new Plugin(*fc);
    }
  }

 private:
  std::vector<nvinfer1::PluginField> mFields;
  nvinfer1::PluginFieldCollection mCollection;
};
