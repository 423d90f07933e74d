// SPDX-License-Identifier: Apache-2.0
// Release 8: a collection that registers its creators when it is initialised, as TensorRT's own does. It declares the
// classes before it includes them, takes parameters of the stock plugins, registers one creator twice, and keeps what
// its shape function found for enqueue.
namespace nvinfer1 {
class IPluginCreator;
class IPluginV2;
class IGpuAllocator;
}  // namespace nvinfer1

#include <NvInferPlugin.h>
#include <NvInferRuntimeCommon.h>
#include <NvInferSafeRuntime.h>
#include <NvOnnxParser.h>
#include <NvUffParser.h>

#include "dynamic_base.h"

using namespace nvinfer1;
using nvinfer1::plugin::GridAnchorParameters;

static_assert(EnumMax<DataType>() > 8 && EnumMax<TensorFormat>() > 11, "as many as release 8 has");

class Anchors : public IPluginV2Ext {
 public:
  explicit Anchors(GridAnchorParameters const& parameters) : mParameters(parameters) {}
  int32_t getNbOutputs() const noexcept override { return 1; }
  Dims getOutputDimensions(int32_t, Dims const* in, int32_t) noexcept override {
    DimsCHW const image(in[0].d[0], in[0].d[1], in[0].d[2]);
    mParameters.H = image.h();
    mParameters.W = image.w();
    return DimsHW(mParameters.H, mParameters.W);
  }
  bool supportsFormat(DataType type, PluginFormat format) const noexcept override {
    return type == DataType::kFLOAT && format == PluginFormat::kNCHW;
  }
  DataType getOutputDataType(int32_t, DataType const* types, int32_t) const noexcept override { return types[0]; }
  int32_t enqueue(int32_t batch, void const* const*, void* const* outputs, void*, cudaStream_t) noexcept override {
    float* y = static_cast<float*>(outputs[0]);
    for (int32_t i = 0; i < batch * mParameters.H * mParameters.W; ++i)
      y[i] = mParameters.minSize + i % (mParameters.H * mParameters.W);
    return 0;
  }
  char const* getPluginType() const noexcept override { return "GridAnchors"; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  void destroy() noexcept override { delete this; }
  IPluginV2Ext* clone() const noexcept override {
    GridAnchorParameters fresh = mParameters;
    fresh.H = fresh.W = 0;
    return new Anchors(fresh);
  }

 private:
  GridAnchorParameters mParameters;
};

class AnchorsCreator : public v_1_0::IPluginCreator {
 public:
  char const* getPluginName() const noexcept override { return "GridAnchors"; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  PluginFieldCollection const* getFieldNames() noexcept override { return &mNames; }
  IPluginV2Ext* createPlugin(char const*, PluginFieldCollection const* fc) noexcept override {
    GridAnchorParameters parameters{};
    for (int32_t i = 0; i < fc->nbFields; ++i) parameters.minSize = *static_cast<float const*>(fc->fields[i].data);
    return new Anchors(parameters);
  }

 private:
  PluginField mField{"minSize", nullptr, PluginFieldType::kFLOAT32, 1};
  PluginFieldCollection mNames{1, &mField};
};

extern "C" bool initLibNvInferPlugins(void* logger, char const* libNamespace) {
  static AnchorsCreator creator, again;
  bool const added = getPluginRegistry()->registerCreator(creator, libNamespace);
  bool const twice = getPluginRegistry()->registerCreator(again, libNamespace);
  if (!added || twice || getPluginRegistry()->getPluginCreator("GridAnchors", "1") != &creator) return false;
  static_cast<ILogger*>(logger)->log(ILogger::Severity::kVERBOSE, "anchors are ready");
  return getBuilderPluginRegistry(EngineCapability::kSTANDARD) == getPluginRegistry();
}
