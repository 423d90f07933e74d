// SPDX-License-Identifier: Apache-2.0
// DCNv2 as a TensorRT plugin. Inputs: x [N, C, H, W], offset_mask [N, 3*dg*kh*kw, Ho, Wo], weight [K, C/g, kh, kw],
// bias [K]; output [N, K, Ho, Wo]; all fp32. The sigmoid of the mask is part of the operator. Correct for any window,
// stride, padding, dilation, batch, and number of groups and deformable groups.
#pragma once

#include <string>
#include <vector>

#include "NvInfer.h"

namespace nvinfer1 {

struct DCNv2Params {
  int32_t stride[2] = {1, 1}, padding[2] = {0, 0}, dilation[2] = {1, 1};
  int32_t deformableGroups = 1, groups = 1;
};

class DCNv2PluginDynamic final : public IPluginV2DynamicExt {
 public:
  explicit DCNv2PluginDynamic(DCNv2Params const& params) : mParams(params) {}
  DCNv2PluginDynamic(void const* data, size_t length);

  // IPluginV2DynamicExt
  IPluginV2DynamicExt* clone() const noexcept override;
  DimsExprs getOutputDimensions(int32_t outputIndex, DimsExprs const* inputs, int32_t nbInputs,
                                IExprBuilder& exprBuilder) noexcept override;
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t nbInputs,
                                 int32_t nbOutputs) noexcept override;
  void configurePlugin(DynamicPluginTensorDesc const* in, int32_t nbInputs, DynamicPluginTensorDesc const* out,
                       int32_t nbOutputs) noexcept override;
  size_t getWorkspaceSize(PluginTensorDesc const* inputs, int32_t nbInputs, PluginTensorDesc const* outputs,
                          int32_t nbOutputs) const noexcept override;
  int32_t enqueue(PluginTensorDesc const* inputDesc, PluginTensorDesc const* outputDesc, void const* const* inputs,
                  void* const* outputs, void* workspace, cudaStream_t stream) noexcept override;

  // IPluginV2Ext
  DataType getOutputDataType(int32_t index, DataType const* inputTypes, int32_t nbInputs) const noexcept override;

  // IPluginV2
  char const* getPluginType() const noexcept override;
  char const* getPluginVersion() const noexcept override;
  int32_t getNbOutputs() const noexcept override { return 1; }
  int32_t initialize() noexcept override { return 0; }
  void terminate() noexcept override {}
  size_t getSerializationSize() const noexcept override { return sizeof(mParams); }
  void serialize(void* buffer) const noexcept override;
  void destroy() noexcept override { delete this; }
  void setPluginNamespace(char const* pluginNamespace) noexcept override { mNamespace = pluginNamespace; }
  char const* getPluginNamespace() const noexcept override { return mNamespace.c_str(); }

 private:
  DCNv2Params mParams;
  std::string mNamespace;
};

// Fields: stride, padding, dilation (one or two INT32 each), deformable_groups, groups.
class DCNv2PluginDynamicCreator final : public IPluginCreator {
 public:
  DCNv2PluginDynamicCreator();
  char const* getPluginName() const noexcept override;
  char const* getPluginVersion() const noexcept override;
  PluginFieldCollection const* getFieldNames() noexcept override { return &mCollection; }
  IPluginV2* createPlugin(char const* name, PluginFieldCollection const* fc) noexcept override;
  IPluginV2* deserializePlugin(char const* name, void const* data, size_t length) noexcept override;
  void setPluginNamespace(char const* pluginNamespace) noexcept override { mNamespace = pluginNamespace; }
  char const* getPluginNamespace() const noexcept override { return mNamespace.c_str(); }

 private:
  std::vector<PluginField> mFields;
  PluginFieldCollection mCollection{};
  std::string mNamespace;
};

}  // namespace nvinfer1
