// SPDX-License-Identifier: Apache-2.0
// Release 7, where functions may throw: the attribute "where" says which one does.
#include "NvInfer.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include "volume.h"

using namespace nvinfer1;

class Throws : public IPluginV2DynamicExt {
 public:
  explicit Throws(std::string where) : mWhere(where) { at("create"); }
  const char* getPluginType() const override { return "Throws"; }
  const char* getPluginVersion() const override { return "1"; }
  int getNbOutputs() const override { return 1; }
  void destroy() override { delete this; }
  IPluginV2DynamicExt* clone() const override {
    at("clone");
    return new Throws(*this);
  }
  DimsExprs getOutputDimensions(int, const DimsExprs* inputs, int, IExprBuilder&) override {
    at("dimensions");
    return inputs[0];
  }
  bool supportsFormatCombination(int pos, const PluginTensorDesc* inOut, int, int) override {
    at("formats");
    return inOut[pos].type == DataType::kFLOAT && inOut[pos].format == TensorFormat::kNCHW;
  }
  void configurePlugin(const DynamicPluginTensorDesc*, int, const DynamicPluginTensorDesc*, int) override {
    at("configure");
  }
  int initialize() override { return mWhere == "initialize" ? 3 : 0; }
  int enqueue(const PluginTensorDesc* in, const PluginTensorDesc*, const void* const* inputs, void* const* outputs,
              void*, cudaStream_t) override {
    at("enqueue");
    if (mWhere == "number") throw 42;
    std::memcpy(outputs[0], inputs[0], static_cast<std::size_t>(volume(in[0].dims)) * sizeof(float));
    return 0;
  }

 private:
  void at(const char* place) const {
    if (mWhere == place) throw std::runtime_error("thrown at " + mWhere);
  }
  std::string mWhere;
};

class ThrowsCreator : public IPluginCreator {
 public:
  const char* getPluginName() const override { return "Throws"; }
  const char* getPluginVersion() const override { return "1"; }
  const PluginFieldCollection* getFieldNames() override { return &mFields; }
  IPluginV2* createPlugin(const char*, const PluginFieldCollection* fc) override {
    return new Throws(fc->nbFields > 0 ? static_cast<const char*>(fc->fields[0].data) : "");
  }

 private:
  PluginField mField{"where", nullptr, PluginFieldType::kCHAR, 1};
  PluginFieldCollection mFields{1, &mField};
};
REGISTER_TENSORRT_PLUGIN(ThrowsCreator);
