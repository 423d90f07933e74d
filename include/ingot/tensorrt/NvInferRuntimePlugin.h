// SPDX-License-Identifier: Apache-2.0
// The plugin classes themselves: IPluginV2 and its extensions, IPluginV3 and its capabilities, the registry.
#pragma once
#pragma GCC system_header

#include "NvInferLegacyDims.h"
#include "NvInferPluginBase.h"

namespace nvinfer1 {

struct PluginTensorDesc {
  Dims dims;
  DataType type;
  TensorFormat format;
  float scale;
};

struct DynamicPluginTensorDesc {
  PluginTensorDesc desc;
  Dims min;
  Dims max;
#if NV_TENSORRT_MAJOR >= 10
  Dims opt;
#endif
};

static constexpr std::int32_t kPLUGIN_VERSION_PYTHON_BIT = 0x40;

enum class PluginVersion : std::uint8_t {
  kV2 = 0,
  kV2_EXT = 1,
  kV2_IOEXT = 2,
  kV2_DYNAMICEXT = 3,
  kV2_DYNAMICEXT_PYTHON = kPLUGIN_VERSION_PYTHON_BIT | 3
};
enum class PluginCreatorVersion : std::int32_t { kV1 = 0, kV1_PYTHON = kPLUGIN_VERSION_PYTHON_BIT };

// ---- expressions over sizes -----------------------------------------------------------------------------------------

enum class DimensionOperation : std::int32_t {
  kSUM = 0,
  kPROD = 1,
  kMAX = 2,
  kMIN = 3,
  kSUB = 4,
  kEQUAL = 5,
  kLESS = 6,
  kFLOOR_DIV = 7,
  kCEIL_DIV = 8
};

class IDimensionExpr {
 public:
  virtual bool isConstant() const = 0;
  virtual DimSize getConstantValue() const = 0;
  virtual bool isSizeTensor() const { return false; }
  virtual ~IDimensionExpr() = default;
};

class DimsExprs {
 public:
  std::int32_t nbDims;
  IDimensionExpr const* d[Dims::MAX_DIMS];
};

namespace impl {
template <>
struct EnumMaxImpl<DimensionOperation> {
  static constexpr std::int32_t kVALUE = 9;
};
}  // namespace impl

class IExprBuilder {
 public:
  virtual IDimensionExpr const* constant(DimSize value) = 0;
  virtual IDimensionExpr const* operation(DimensionOperation op, IDimensionExpr const& first,
                                          IDimensionExpr const& second) = 0;
  virtual IDimensionExpr const* declareSizeTensor(std::int32_t outputIndex, IDimensionExpr const& opt,
                                                  IDimensionExpr const& upper) = 0;
  virtual ~IExprBuilder() = default;
};

// ---- version 2 ------------------------------------------------------------------------------------------------------

class IPluginV2 {
 public:
  virtual ~IPluginV2() = default;
  virtual std::int32_t getTensorRTVersion() const { return NV_TENSORRT_VERSION; }
  virtual AsciiChar const* getPluginType() const = 0;
  virtual AsciiChar const* getPluginVersion() const = 0;
  virtual std::int32_t getNbOutputs() const = 0;
  virtual Dims getOutputDimensions(std::int32_t index, Dims const* inputs, std::int32_t nbInputDims) = 0;
  virtual bool supportsFormat(DataType, PluginFormat) const { return false; }
  virtual void configureWithFormat(Dims const*, std::int32_t, Dims const*, std::int32_t, DataType, PluginFormat,
                                   std::int32_t) {}
  virtual std::int32_t initialize() { return 0; }
  virtual void terminate() {}
  virtual std::size_t getWorkspaceSize(std::int32_t) const { return 0; }
  // The two spellings of releases 7 and 8; a plugin overrides one of them.
  virtual std::int32_t enqueue(std::int32_t batchSize, void const* const* inputs, void* const* outputs, void* workspace,
                               cudaStream_t stream) {
    return enqueue(batchSize, inputs, const_cast<void**>(outputs), workspace, stream);
  }
  virtual std::int32_t enqueue(std::int32_t, void const* const*, void**, void*, cudaStream_t) { return -1; }
  virtual std::size_t getSerializationSize() const { return 0; }
  virtual void serialize(void*) const {}
  virtual void destroy() {}
  virtual IPluginV2* clone() const = 0;
  virtual void setPluginNamespace(AsciiChar const*) {}
  virtual AsciiChar const* getPluginNamespace() const { return ""; }
};

class IPluginV2Ext : public IPluginV2 {
 public:
  std::int32_t getTensorRTVersion() const override {
    return (static_cast<std::int32_t>(PluginVersion::kV2_EXT) << 24) | (NV_TENSORRT_VERSION & 0xFFFFFF);
  }
  virtual DataType getOutputDataType(std::int32_t, DataType const* inputTypes, std::int32_t nbInputs) const {
    return nbInputs > 0 ? inputTypes[0] : DataType::kFLOAT;
  }
  virtual bool isOutputBroadcastAcrossBatch(std::int32_t, bool const*, std::int32_t) const { return false; }
  virtual bool canBroadcastInputAcrossBatch(std::int32_t) const { return false; }
  virtual void configurePlugin(Dims const*, std::int32_t, Dims const*, std::int32_t, DataType const*, DataType const*,
                               bool const*, bool const*, PluginFormat, std::int32_t) {}
  virtual void attachToContext(cudnnContext*, cublasContext*, IGpuAllocator*) {}
  virtual void detachFromContext() {}
  IPluginV2Ext* clone() const override = 0;
};

class IPluginV2IOExt : public IPluginV2Ext {
 public:
  std::int32_t getTensorRTVersion() const override {
    return (static_cast<std::int32_t>(PluginVersion::kV2_IOEXT) << 24) | (NV_TENSORRT_VERSION & 0xFFFFFF);
  }
  using IPluginV2Ext::configurePlugin;
  virtual void configurePlugin(PluginTensorDesc const*, std::int32_t, PluginTensorDesc const*, std::int32_t) {}
  virtual bool supportsFormatCombination(std::int32_t pos, PluginTensorDesc const* inOut, std::int32_t nbInputs,
                                         std::int32_t nbOutputs) const = 0;
};

class IPluginV2DynamicExt : public IPluginV2Ext {
 public:
  static constexpr std::int32_t kFORMAT_COMBINATION_LIMIT = 100;
  std::int32_t getTensorRTVersion() const override {
    return (static_cast<std::int32_t>(PluginVersion::kV2_DYNAMICEXT) << 24) | (NV_TENSORRT_VERSION & 0xFFFFFF);
  }
  IPluginV2DynamicExt* clone() const override = 0;
  using IPluginV2Ext::configurePlugin;
  using IPluginV2Ext::enqueue;
  using IPluginV2Ext::getWorkspaceSize;
  Dims getOutputDimensions(std::int32_t, Dims const*, std::int32_t) override { return Dims{}; }
  virtual DimsExprs getOutputDimensions(std::int32_t outputIndex, DimsExprs const* inputs, std::int32_t nbInputs,
                                        IExprBuilder& exprBuilder) = 0;
  virtual bool supportsFormatCombination(std::int32_t pos, PluginTensorDesc const* inOut, std::int32_t nbInputs,
                                         std::int32_t nbOutputs) = 0;
  virtual void configurePlugin(DynamicPluginTensorDesc const*, std::int32_t, DynamicPluginTensorDesc const*,
                               std::int32_t) {}
  virtual std::size_t getWorkspaceSize(PluginTensorDesc const*, std::int32_t, PluginTensorDesc const*,
                                       std::int32_t) const {
    return 0;
  }
  virtual std::int32_t enqueue(PluginTensorDesc const*, PluginTensorDesc const*, void const* const*, void* const*,
                               void*, cudaStream_t) {
    return -1;
  }
};

class IPluginCreator : public IPluginCreatorInterface {
 public:
  InterfaceInfo getInterfaceInfo() const override { return InterfaceInfo{"PLUGIN CREATOR_V1", 1, 0}; }
  virtual std::int32_t getTensorRTVersion() const { return NV_TENSORRT_VERSION; }
  virtual AsciiChar const* getPluginName() const = 0;
  virtual AsciiChar const* getPluginVersion() const = 0;
  virtual PluginFieldCollection const* getFieldNames() { return nullptr; }
  virtual IPluginV2* createPlugin(AsciiChar const* name, PluginFieldCollection const* fc) = 0;
  virtual IPluginV2* deserializePlugin(AsciiChar const*, void const*, std::size_t) { return nullptr; }
  virtual void setPluginNamespace(AsciiChar const*) {}
  virtual AsciiChar const* getPluginNamespace() const { return ""; }
};

// ---- version 3 ------------------------------------------------------------------------------------------------------

class IPluginResourceContext {
 public:
  virtual IGpuAllocator* getGpuAllocator() const { return nullptr; }
  virtual IErrorRecorder* getErrorRecorder() const { return nullptr; }
  virtual ~IPluginResourceContext() = default;
};

class IPluginV3OneCore : public IPluginCapability {
 public:
  InterfaceInfo getInterfaceInfo() const override { return InterfaceInfo{"PLUGIN_V3ONE_CORE", 1, 0}; }
  virtual AsciiChar const* getPluginName() const = 0;
  virtual AsciiChar const* getPluginVersion() const = 0;
  virtual AsciiChar const* getPluginNamespace() const { return ""; }
};

class IPluginV3OneBuild : public IPluginCapability {
 public:
  static constexpr std::int32_t kDEFAULT_FORMAT_COMBINATION_LIMIT = 100;
  InterfaceInfo getInterfaceInfo() const override { return InterfaceInfo{"PLUGIN_V3ONE_BUILD", 1, 0}; }
  virtual std::int32_t configurePlugin(DynamicPluginTensorDesc const* in, std::int32_t nbInputs,
                                       DynamicPluginTensorDesc const* out, std::int32_t nbOutputs) = 0;
  virtual std::int32_t getOutputDataTypes(DataType* outputTypes, std::int32_t nbOutputs, DataType const* inputTypes,
                                          std::int32_t nbInputs) const = 0;
  virtual std::int32_t getOutputShapes(DimsExprs const* inputs, std::int32_t nbInputs, DimsExprs const* shapeInputs,
                                       std::int32_t nbShapeInputs, DimsExprs* outputs, std::int32_t nbOutputs,
                                       IExprBuilder& exprBuilder) = 0;
  virtual bool supportsFormatCombination(std::int32_t pos, DynamicPluginTensorDesc const* inOut, std::int32_t nbInputs,
                                         std::int32_t nbOutputs) = 0;
  virtual std::int32_t getNbOutputs() const = 0;
  virtual std::size_t getWorkspaceSize(DynamicPluginTensorDesc const*, std::int32_t, DynamicPluginTensorDesc const*,
                                       std::int32_t) const {
    return 0;
  }
  virtual std::int32_t getValidTactics(std::int32_t*, std::int32_t) { return 0; }
  virtual std::int32_t getNbTactics() { return 0; }
  virtual char const* getTimingCacheID() { return nullptr; }
  virtual std::int32_t getFormatCombinationLimit() { return kDEFAULT_FORMAT_COMBINATION_LIMIT; }
  virtual char const* getMetadataString() { return nullptr; }
};

class IPluginV3OneRuntime : public IPluginCapability {
 public:
  InterfaceInfo getInterfaceInfo() const override { return InterfaceInfo{"PLUGIN_V3ONE_RUNTIME", 1, 0}; }
  virtual std::int32_t setTactic(std::int32_t) { return 0; }
  virtual std::int32_t onShapeChange(PluginTensorDesc const* in, std::int32_t nbInputs, PluginTensorDesc const* out,
                                     std::int32_t nbOutputs) = 0;
  virtual std::int32_t enqueue(PluginTensorDesc const* inputDesc, PluginTensorDesc const* outputDesc,
                               void const* const* inputs, void* const* outputs, void* workspace,
                               cudaStream_t stream) = 0;
  virtual IPluginV3* attachToContext(IPluginResourceContext* context) = 0;
  virtual PluginFieldCollection const* getFieldsToSerialize() = 0;
};

class IPluginV3OneBuildV2 : public IPluginV3OneBuild {
 public:
  InterfaceInfo getInterfaceInfo() const override { return InterfaceInfo{"PLUGIN_V3ONE_BUILD", 2, 0}; }
  virtual std::int32_t getAliasedInput(std::int32_t) { return -1; }
};

namespace v_1_0 {
using nvinfer1::IPluginCreator;
using nvinfer1::IPluginV3OneBuild;
using nvinfer1::IPluginV3OneCore;
using nvinfer1::IPluginV3OneRuntime;
}  // namespace v_1_0
namespace v_2_0 {
using IPluginV3OneBuild = nvinfer1::IPluginV3OneBuildV2;
}  // namespace v_2_0

// ---- registry -------------------------------------------------------------------------------------------------------

class IPluginRegistry {
 public:
  using PluginLibraryHandle = void*;
  virtual ~IPluginRegistry() = default;
  virtual bool registerCreator(IPluginCreator& creator, AsciiChar const* const pluginNamespace) = 0;
  virtual bool registerCreator(IPluginCreatorInterface& creator, AsciiChar const* const pluginNamespace) = 0;
  virtual bool deregisterCreator(IPluginCreator const& creator) = 0;
  virtual bool deregisterCreator(IPluginCreatorInterface const& creator) = 0;
  virtual IPluginCreator* const* getPluginCreatorList(std::int32_t* const numCreators) const = 0;
  virtual IPluginCreatorInterface* const* getAllCreators(std::int32_t* const numCreators) const = 0;
  virtual IPluginCreatorInterface* const* getAllCreatorsRecursive(std::int32_t* const numCreators) = 0;
  virtual IPluginCreator* getPluginCreator(AsciiChar const* const pluginName, AsciiChar const* const pluginVersion,
                                           AsciiChar const* const pluginNamespace = "") = 0;
  virtual IPluginCreatorInterface* getCreator(AsciiChar const* const pluginName, AsciiChar const* const pluginVersion,
                                              AsciiChar const* const pluginNamespace = "") = 0;
  virtual PluginLibraryHandle loadLibrary(AsciiChar const* pluginPath) = 0;
  virtual void deregisterLibrary(PluginLibraryHandle handle) = 0;
  virtual IPluginResource* acquirePluginResource(AsciiChar const* key, IPluginResource* resource) = 0;
  virtual std::int32_t releasePluginResource(AsciiChar const* key) = 0;
  virtual void setErrorRecorder(IErrorRecorder* const recorder) = 0;
  virtual IErrorRecorder* getErrorRecorder() const = 0;
  virtual bool isParentSearchEnabled() const = 0;
  virtual void setParentSearchEnabled(bool const enabled) = 0;
};

}  // namespace nvinfer1

// Of this library: each plugin library has its own registry, which the engine reads when it loads the library.
extern "C" __attribute__((visibility("hidden"))) nvinfer1::IPluginRegistry* getPluginRegistry() noexcept;
extern "C" __attribute__((visibility("hidden"))) nvinfer1::ILogger* getLogger() noexcept;

namespace nvinfer1 {

template <typename T>
class PluginRegistrar {
 public:
  PluginRegistrar() { getPluginRegistry()->registerCreator(instance, ""); }

 private:
  T instance{};
};

}  // namespace nvinfer1

#define REGISTER_TENSORRT_PLUGIN(name) \
  static nvinfer1::PluginRegistrar<name> pluginRegistrar##name {}

#include "adapter/library.h"
