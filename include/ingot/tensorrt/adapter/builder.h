// SPDX-License-Identifier: Apache-2.0
// Builders, as declarations, for sources that hold a plugin and the program around it: createInferBuilder returns none
// and says so (engine.h).
#pragma once
#pragma GCC system_header

#include "network.h"

namespace nvinfer1 {

enum class BuilderFlag : std::int32_t {
  kFP16 = 0,
  kINT8 = 1,
  kDEBUG = 2,
  kGPU_FALLBACK = 3,
  kSTRICT_TYPES = 4,
  kREFIT = 5,
  kDISABLE_TIMING_CACHE = 6,
  kTF32 = 7,
  kSPARSE_WEIGHTS = 8,
  kSAFETY_SCOPE = 9,
  kOBEY_PRECISION_CONSTRAINTS = 10,
  kPREFER_PRECISION_CONSTRAINTS = 11,
  kDIRECT_IO = 12,
  kREJECT_EMPTY_ALGORITHMS = 13,
  kVERSION_COMPATIBLE = 14,
  kEXCLUDE_LEAN_RUNTIME = 15,
  kFP8 = 16,
  kERROR_ON_TIMING_CACHE_MISS = 17,
  kBF16 = 18,
  kDISABLE_COMPILATION_CACHE = 19,
  kSTRIP_PLAN = 20,
  kREFIT_IDENTICAL = 21,
  kWEIGHT_STREAMING = 22,
  kINT4 = 23,
  kREFIT_INDIVIDUAL = 24
};
using BuilderFlags = std::uint32_t;
enum class NetworkDefinitionCreationFlag : std::int32_t {
  kEXPLICIT_BATCH = 0,
  kSTRONGLY_TYPED = 1,
  kEXPLICIT_PRECISION = 2,
  kPREFER_AOT_PYTHON_PLUGINS = 3
};
using NetworkDefinitionCreationFlags = std::uint32_t;
enum class MemoryPoolType : std::int32_t {
  kWORKSPACE = 0,
  kDLA_MANAGED_SRAM = 1,
  kDLA_LOCAL_DRAM = 2,
  kDLA_GLOBAL_DRAM = 3,
  kTACTIC_DRAM = 4,
  kTACTIC_SHARED_MEMORY = 5
};
enum class PreviewFeature : std::int32_t {
  kFASTER_DYNAMIC_SHAPES_0805 = 0,
  kDISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805 = 1,
  kPROFILE_SHARING_0806 = 2,
  kALIASED_PLUGIN_IO_10_03 = 3
};
enum class HardwareCompatibilityLevel : std::int32_t { kNONE = 0, kAMPERE_PLUS = 1, kSAME_COMPUTE_CAPABILITY = 2 };
enum class CalibrationAlgoType : std::int32_t {
  kLEGACY_CALIBRATION = 0,
  kENTROPY_CALIBRATION = 1,
  kENTROPY_CALIBRATION_2 = 2,
  kMINMAX_CALIBRATION = 3
};
using QuantizationFlags = std::uint32_t;

// ---- what programs implement ----------------------------------------------------------------------------------------

class IInt8Calibrator : public IVersionedInterface {
 public:
  virtual std::int32_t getBatchSize() const = 0;
  virtual bool getBatch(void* bindings[], char const* names[], std::int32_t nbBindings) = 0;
  virtual void const* readCalibrationCache(std::size_t& length) = 0;
  virtual void writeCalibrationCache(void const* ptr, std::size_t length) = 0;
  virtual CalibrationAlgoType getAlgorithm() { return CalibrationAlgoType::kENTROPY_CALIBRATION_2; }
};
class IInt8EntropyCalibrator : public IInt8Calibrator {};
class IInt8EntropyCalibrator2 : public IInt8Calibrator {};
class IInt8MinMaxCalibrator : public IInt8Calibrator {};
class IInt8LegacyCalibrator : public IInt8Calibrator {};

class IProgressMonitor : public IVersionedInterface {
 public:
  virtual void phaseStart(char const*, char const*, std::int32_t) {}
  virtual bool stepComplete(char const*, std::int32_t) { return true; }
  virtual void phaseFinish(char const*) {}
};

// ---- what programs are given ----------------------------------------------------------------------------------------

class ITimingCache : public Destroyable {
 public:
  virtual IHostMemory* serialize() const = 0;
  virtual bool combine(ITimingCache const& inputCache, bool ignoreMismatch) = 0;
  virtual bool reset() = 0;
};

class IBuilderConfig : public Destroyable {
 public:
  virtual void setFlags(BuilderFlags flags) = 0;
  virtual BuilderFlags getFlags() const = 0;
  virtual void setFlag(BuilderFlag flag) = 0;
  virtual void clearFlag(BuilderFlag flag) = 0;
  virtual bool getFlag(BuilderFlag flag) const = 0;
  virtual void setMaxWorkspaceSize(std::size_t size) = 0;
  virtual std::size_t getMaxWorkspaceSize() const = 0;
  virtual void setMemoryPoolLimit(MemoryPoolType pool, std::size_t size) = 0;
  virtual std::size_t getMemoryPoolLimit(MemoryPoolType pool) const = 0;
  virtual std::int32_t addOptimizationProfile(IOptimizationProfile const* profile) = 0;
  virtual std::int32_t getNbOptimizationProfiles() const = 0;
  virtual bool setCalibrationProfile(IOptimizationProfile const* profile) = 0;
  virtual void setInt8Calibrator(IInt8Calibrator* calibrator) = 0;
  virtual IInt8Calibrator* getInt8Calibrator() const = 0;
  virtual void setEngineCapability(EngineCapability capability) = 0;
  virtual void setMinTimingIterations(std::int32_t minTiming) = 0;
  virtual void setAvgTimingIterations(std::int32_t avgTiming) = 0;
  virtual void setDeviceType(ILayer const* layer, DeviceType deviceType) = 0;
  virtual bool canRunOnDLA(ILayer const* layer) const = 0;
  virtual void setDefaultDeviceType(DeviceType deviceType) = 0;
  virtual void setDLACore(std::int32_t dlaCore) = 0;
  virtual void setProfileStream(cudaStream_t stream) = 0;
  virtual void setProfilingVerbosity(ProfilingVerbosity verbosity) = 0;
  virtual bool setTacticSources(TacticSources tacticSources) = 0;
  virtual TacticSources getTacticSources() const = 0;
  virtual ITimingCache* createTimingCache(void const* blob, std::size_t size) const = 0;
  virtual bool setTimingCache(ITimingCache const& cache, bool ignoreMismatch) = 0;
  virtual ITimingCache const* getTimingCache() const = 0;
  virtual void setQuantizationFlags(QuantizationFlags flags) = 0;
  virtual void setPreviewFeature(PreviewFeature feature, bool enable) = 0;
  virtual void setBuilderOptimizationLevel(std::int32_t level) = 0;
  virtual void setHardwareCompatibilityLevel(HardwareCompatibilityLevel level) = 0;
  virtual void setPluginsToSerialize(char const* const* paths, std::int32_t nbPaths) = 0;
  virtual void setMaxAuxStreams(std::int32_t nbStreams) = 0;
  virtual void setProgressMonitor(IProgressMonitor* monitor) = 0;
  virtual void reset() = 0;
};

class IBuilder : public Destroyable {
 public:
  virtual INetworkDefinition* createNetwork() = 0;
  virtual INetworkDefinition* createNetworkV2(NetworkDefinitionCreationFlags flags) = 0;
  virtual IBuilderConfig* createBuilderConfig() = 0;
  virtual IOptimizationProfile* createOptimizationProfile() = 0;
  virtual ICudaEngine* buildCudaEngine(INetworkDefinition& network) = 0;
  virtual ICudaEngine* buildEngineWithConfig(INetworkDefinition& network, IBuilderConfig& config) = 0;
  virtual IHostMemory* buildSerializedNetwork(INetworkDefinition& network, IBuilderConfig& config) = 0;
  virtual bool isNetworkSupported(INetworkDefinition const& network, IBuilderConfig const& config) const = 0;
  virtual bool platformHasFastFp16() const = 0;
  virtual bool platformHasFastInt8() const = 0;
  virtual bool platformHasTf32() const = 0;
  virtual void setFp16Mode(bool mode) = 0;
  virtual bool getFp16Mode() const = 0;
  virtual void setInt8Mode(bool mode) = 0;
  virtual bool getInt8Mode() const = 0;
  virtual void setInt8Calibrator(IInt8Calibrator* calibrator) = 0;
  virtual void setMaxBatchSize(std::int32_t batchSize) = 0;
  virtual std::int32_t getMaxBatchSize() const = 0;
  virtual void setMaxWorkspaceSize(std::size_t size) = 0;
  virtual std::int32_t getMaxDLABatchSize() const = 0;
  virtual std::int32_t getNbDLACores() const = 0;
  virtual void setDefaultDeviceType(DeviceType deviceType) = 0;
  virtual void setGpuAllocator(IGpuAllocator* allocator) = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) = 0;
  virtual bool setMaxThreads(std::int32_t maxThreads) = 0;
  virtual IPluginRegistry& getPluginRegistry() = 0;
  virtual void reset() = 0;
};

class IRefitter : public Destroyable {
 public:
  virtual bool setWeights(char const* layerName, std::int32_t role, Weights weights) = 0;
  virtual bool setNamedWeights(char const* name, Weights weights) = 0;
  virtual bool refitCudaEngine() = 0;
};

inline IBuilder* createInferBuilder(ILogger& logger) {
  return ingot_tensorrt::not_here<IBuilder>(
      logger, "createInferBuilder: Ingot's TensorRT headers cover plugins; plans are built by `ingot build`");
}

inline IRefitter* createInferRefitter(ICudaEngine&, ILogger& logger) {
  return ingot_tensorrt::not_here<IRefitter>(logger, "createInferRefitter: Ingot's TensorRT headers cover plugins");
}

namespace v_1_0 {
using nvinfer1::IInt8EntropyCalibrator2;
using nvinfer1::IInt8MinMaxCalibrator;
using nvinfer1::IProgressMonitor;
}  // namespace v_1_0

}  // namespace nvinfer1
