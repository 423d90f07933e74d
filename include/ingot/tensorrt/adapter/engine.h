// SPDX-License-Identifier: Apache-2.0
// Engines and what runs them, as declarations: sources that hold a plugin often hold the program around it too. No
// object of these classes exists here, since createInferRuntime returns none; Ingot has commands and an API of its own
// for that. Functions of all releases stand side by side.
#pragma once
#pragma GCC system_header

#include "../NvInferLegacyDims.h"
#include "../NvInferPluginBase.h"

namespace nvinfer1 {

enum class EngineCapability : std::int32_t {
  kSTANDARD = 0,
  kDEFAULT = kSTANDARD,
  kSAFETY = 1,
  kSAFE_GPU = kSAFETY,
  kDLA_STANDALONE = 2,
  kSAFE_DLA = kDLA_STANDALONE
};
enum class TensorLocation : std::int32_t { kDEVICE = 0, kHOST = 1 };
enum class TensorIOMode : std::int32_t { kNONE = 0, kINPUT = 1, kOUTPUT = 2 };
enum class OptProfileSelector : std::int32_t { kMIN = 0, kOPT = 1, kMAX = 2 };
enum class DeviceType : std::int32_t { kGPU = 0, kDLA = 1 };
enum class TacticSource : std::int32_t {
  kCUBLAS = 0,
  kCUBLAS_LT = 1,
  kCUDNN = 2,
  kEDGE_MASK_CONVOLUTIONS = 3,
  kJIT_CONVOLUTIONS = 4
};
using TacticSources = std::uint32_t;
enum class LayerInformationFormat : std::int32_t { kONELINE = 0, kJSON = 1 };
enum class ProfilingVerbosity : std::int32_t {
  kLAYER_NAMES_ONLY = 0,
  kDEFAULT = kLAYER_NAMES_ONLY,
  kNONE = 1,
  kDETAILED = 2,
  kVERBOSE = kDETAILED
};
enum class ExecutionContextAllocationStrategy : std::int32_t { kSTATIC = 0, kON_PROFILE_CHANGE = 1, kUSER_MANAGED = 2 };

class IPluginRegistry;

// ---- what programs implement ----------------------------------------------------------------------------------------

class IProfiler {
 public:
  virtual void reportLayerTime(char const* layerName, float ms) = 0;
  virtual ~IProfiler() = default;
};

class IOutputAllocator : public IVersionedInterface {
 public:
  virtual void* reallocateOutput(char const*, void*, std::uint64_t, std::uint64_t) { return nullptr; }
  virtual void* reallocateOutputAsync(char const*, void*, std::uint64_t, std::uint64_t, cudaStream_t) {
    return nullptr;
  }
  virtual void notifyShape(char const*, Dims const&) {}
};

class IDebugListener : public IVersionedInterface {
 public:
  virtual bool processDebugTensor(void const*, TensorLocation, DataType, Dims const&, char const*, cudaStream_t) {
    return false;
  }
};

class IStreamReader : public IVersionedInterface {
 public:
  virtual std::int64_t read(void*, std::int64_t) { return 0; }
};

// ---- what programs are given ----------------------------------------------------------------------------------------

// Releases before 10 destroy their objects by a function, later ones by delete.
class Destroyable : public INoCopy {
 public:
  void destroy() { delete this; }
};

class IHostMemory : public Destroyable {
 public:
  virtual void* data() const = 0;
  virtual std::size_t size() const = 0;
  virtual DataType type() const = 0;
};

class IOptimizationProfile : public INoCopy {
 public:
  virtual bool setDimensions(char const* inputName, OptProfileSelector select, Dims const& dims) = 0;
  virtual Dims getDimensions(char const* inputName, OptProfileSelector select) const = 0;
  virtual bool setShapeValues(char const* inputName, OptProfileSelector select, std::int32_t const* values,
                              std::int32_t nbValues) = 0;
  virtual bool setShapeValuesV2(char const* inputName, OptProfileSelector select, std::int64_t const* values,
                                std::int32_t nbValues) = 0;
  virtual std::int32_t getNbShapeValues(char const* inputName) const = 0;
  virtual bool setExtraMemoryTarget(float target) = 0;
  virtual float getExtraMemoryTarget() const = 0;
  virtual bool isValid() const = 0;
};

class ICudaEngine;
class IExecutionContext;

class IEngineInspector : public Destroyable {
 public:
  virtual bool setExecutionContext(IExecutionContext const* context) = 0;
  virtual char const* getLayerInformation(std::int32_t layerIndex, LayerInformationFormat format) const = 0;
  virtual char const* getEngineInformation(LayerInformationFormat format) const = 0;
};

class IExecutionContext : public Destroyable {
 public:
  virtual bool execute(std::int32_t batchSize, void* const* bindings) = 0;
  virtual bool executeV2(void* const* bindings) = 0;
  virtual bool enqueue(std::int32_t batchSize, void* const* bindings, cudaStream_t stream, cudaEvent_t* consumed) = 0;
  virtual bool enqueueV2(void* const* bindings, cudaStream_t stream, cudaEvent_t* consumed) = 0;
  virtual bool enqueueV3(cudaStream_t stream) = 0;
  virtual ICudaEngine const& getEngine() const = 0;
  virtual void setName(char const* name) = 0;
  virtual char const* getName() const = 0;
  virtual void setProfiler(IProfiler* profiler) = 0;
  virtual IProfiler* getProfiler() const = 0;
  virtual bool reportToProfiler() const = 0;
  virtual void setDebugSync(bool sync) = 0;
  virtual bool setDebugListener(IDebugListener* listener) = 0;
  virtual void setDeviceMemory(void* memory) = 0;
  virtual void setDeviceMemoryV2(void* memory, std::int64_t size) = 0;
  virtual std::size_t updateDeviceMemorySizeForShapes() = 0;
  virtual bool setBindingDimensions(std::int32_t bindingIndex, Dims dims) = 0;
  virtual Dims getBindingDimensions(std::int32_t bindingIndex) const = 0;
  virtual Dims getStrides(std::int32_t bindingIndex) const = 0;
  virtual bool setInputShapeBinding(std::int32_t bindingIndex, std::int32_t const* data) = 0;
  virtual bool getShapeBinding(std::int32_t bindingIndex, std::int32_t* data) const = 0;
  virtual bool allInputDimensionsSpecified() const = 0;
  virtual bool allInputShapesSpecified() const = 0;
  virtual bool setOptimizationProfile(std::int32_t profileIndex) = 0;
  virtual bool setOptimizationProfileAsync(std::int32_t profileIndex, cudaStream_t stream) = 0;
  virtual std::int32_t getOptimizationProfile() const = 0;
  virtual bool setInputShape(char const* tensorName, Dims const& dims) = 0;
  virtual Dims getTensorShape(char const* tensorName) const = 0;
  virtual Dims getTensorStrides(char const* tensorName) const = 0;
  virtual bool setTensorAddress(char const* tensorName, void* data) = 0;
  virtual bool setInputTensorAddress(char const* tensorName, void const* data) = 0;
  virtual bool setOutputTensorAddress(char const* tensorName, void* data) = 0;
  virtual void const* getTensorAddress(char const* tensorName) const = 0;
  virtual void* getOutputTensorAddress(char const* tensorName) const = 0;
  virtual bool setOutputAllocator(char const* tensorName, IOutputAllocator* allocator) = 0;
  virtual IOutputAllocator* getOutputAllocator(char const* tensorName) const = 0;
  virtual std::int64_t getMaxOutputSize(char const* tensorName) const = 0;
  virtual std::int32_t inferShapes(std::int32_t nbMaxNames, char const** tensorNames) = 0;
  virtual bool setInputConsumedEvent(cudaEvent_t event) = 0;
  virtual void setPersistentCacheLimit(std::size_t size) = 0;
  virtual void setEnqueueEmitsProfile(bool enqueueEmitsProfile) = 0;
  virtual bool setNvtxVerbosity(ProfilingVerbosity verbosity) = 0;
  virtual void setAuxStreams(cudaStream_t* auxStreams, std::int32_t nbStreams) = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) = 0;
};

class ICudaEngine : public Destroyable {
 public:
  virtual IExecutionContext* createExecutionContext(
      ExecutionContextAllocationStrategy strategy = ExecutionContextAllocationStrategy::kSTATIC) = 0;
  virtual IExecutionContext* createExecutionContextWithoutDeviceMemory() = 0;
  virtual IEngineInspector* createEngineInspector() const = 0;
  virtual IHostMemory* serialize() const = 0;
  virtual char const* getName() const = 0;
  virtual std::int32_t getNbLayers() const = 0;
  virtual std::size_t getDeviceMemorySize() const = 0;
  virtual std::int64_t getDeviceMemorySizeV2() const = 0;
  virtual std::int32_t getMaxBatchSize() const = 0;
  virtual bool hasImplicitBatchDimension() const = 0;
  virtual bool isRefittable() const = 0;
  virtual EngineCapability getEngineCapability() const = 0;
  virtual std::int32_t getNbOptimizationProfiles() const = 0;
  virtual std::int32_t getNbBindings() const = 0;
  virtual std::int32_t getBindingIndex(char const* name) const = 0;
  virtual char const* getBindingName(std::int32_t bindingIndex) const = 0;
  virtual bool bindingIsInput(std::int32_t bindingIndex) const = 0;
  virtual Dims getBindingDimensions(std::int32_t bindingIndex) const = 0;
  virtual DataType getBindingDataType(std::int32_t bindingIndex) const = 0;
  virtual TensorFormat getBindingFormat(std::int32_t bindingIndex) const = 0;
  virtual TensorLocation getLocation(std::int32_t bindingIndex) const = 0;
  virtual bool isShapeBinding(std::int32_t bindingIndex) const = 0;
  virtual bool isExecutionBinding(std::int32_t bindingIndex) const = 0;
  virtual Dims getProfileDimensions(std::int32_t bindingIndex, std::int32_t profileIndex,
                                    OptProfileSelector select) const = 0;
  virtual std::int32_t getNbIOTensors() const = 0;
  virtual char const* getIOTensorName(std::int32_t index) const = 0;
  virtual TensorIOMode getTensorIOMode(char const* tensorName) const = 0;
  virtual Dims getTensorShape(char const* tensorName) const = 0;
  virtual DataType getTensorDataType(char const* tensorName) const = 0;
  virtual TensorLocation getTensorLocation(char const* tensorName) const = 0;
  virtual TensorFormat getTensorFormat(char const* tensorName) const = 0;
  virtual char const* getTensorFormatDesc(char const* tensorName) const = 0;
  virtual std::int32_t getTensorBytesPerComponent(char const* tensorName) const = 0;
  virtual std::int32_t getTensorComponentsPerElement(char const* tensorName) const = 0;
  virtual std::int32_t getTensorVectorizedDim(char const* tensorName) const = 0;
  virtual bool isShapeInferenceIO(char const* tensorName) const = 0;
  virtual Dims getProfileShape(char const* tensorName, std::int32_t profileIndex, OptProfileSelector select) const = 0;
  virtual std::int64_t getStreamableWeightsSize() const = 0;
  virtual bool setWeightStreamingBudgetV2(std::int64_t gpuMemoryBudget) = 0;
  virtual std::int32_t getNbAuxStreams() const = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) = 0;
};

class IPluginFactory;

class IRuntime : public Destroyable {
 public:
  virtual ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size) = 0;
  virtual ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size, IPluginFactory* factory) = 0;
  virtual ICudaEngine* deserializeCudaEngine(IStreamReader& reader) = 0;
  virtual void setDLACore(std::int32_t dlaCore) = 0;
  virtual std::int32_t getDLACore() const = 0;
  virtual std::int32_t getNbDLACores() const = 0;
  virtual void setGpuAllocator(IGpuAllocator* allocator) = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) = 0;
  virtual bool setMaxThreads(std::int32_t maxThreads) = 0;
  virtual ILogger* getLogger() const = 0;
  virtual IPluginRegistry& getPluginRegistry() = 0;
  virtual void setEngineHostCodeAllowed(bool allowed) = 0;
};

namespace impl {
template <>
struct EnumMaxImpl<OptProfileSelector> {
  static constexpr std::int32_t kVALUE = 3;
};
template <>
struct EnumMaxImpl<TensorLocation> {
  static constexpr std::int32_t kVALUE = 2;
};
template <>
struct EnumMaxImpl<TensorIOMode> {
  static constexpr std::int32_t kVALUE = 3;
};
template <>
struct EnumMaxImpl<DeviceType> {
  static constexpr std::int32_t kVALUE = 2;
};
template <>
struct EnumMaxImpl<EngineCapability> {
  static constexpr std::int32_t kVALUE = 3;
};
}  // namespace impl

namespace v_1_0 {
using nvinfer1::IDebugListener;
using nvinfer1::IOutputAllocator;
using nvinfer1::IProfiler;
using nvinfer1::IStreamReader;
}  // namespace v_1_0

}  // namespace nvinfer1

namespace ingot_tensorrt __attribute__((visibility("hidden"))) {
  // What a program asks TensorRT for and Ingot does by other means: said to its logger.
  template <typename T>
  T* not_here(nvinfer1::ILogger & logger, char const* what) {
    logger.log(nvinfer1::ILogger::Severity::kERROR, what);
    return nullptr;
  }
}  // namespace )

namespace nvinfer1 {
inline IRuntime* createInferRuntime(ILogger& logger) {
  return ingot_tensorrt::not_here<IRuntime>(
      logger,
      "createInferRuntime: Ingot's TensorRT headers cover plugins; plans are run by `ingot run` or Ingot's API");
}
}  // namespace nvinfer1
