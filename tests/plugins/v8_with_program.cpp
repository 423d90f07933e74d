// SPDX-License-Identifier: Apache-2.0
// Release 8: a plugin in one file with the program that builds a network around it, parses models and runs engines.
// It compiles; asked for a builder it is told who builds here.
#include <NvInfer.h>
#include <NvInferPlugin.h>
#include <NvOnnxParser.h>

#include <memory>

#include "dynamic_base.h"

using namespace nvinfer1;
using namespace plugin;

namespace {

class Negate : public DynamicBase {
 public:
  static constexpr char const* kName = "ProgramNegate";
  static std::vector<PluginField> fields() { return {}; }
  explicit Negate(PluginFieldCollection const&) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Negate(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override { return in[0]; }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    for (int64_t i = 0; i < volume(in[0].dims); ++i)
      static_cast<float*>(outputs[0])[i] = -static_cast<float const*>(inputs[0])[i];
    return 0;
  }
};
using NegateCreator = DynamicCreator<Negate>;
REGISTER_TENSORRT_PLUGIN(NegateCreator);

struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    object->destroy();
  }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

class Log : public ILogger {
 public:
  void log(Severity severity, char const* text) noexcept override {
    if (severity <= Severity::kERROR) last = text;
  }
  std::string last;
};

class Calibrator : public IInt8EntropyCalibrator2 {
 public:
  int32_t getBatchSize() const noexcept override { return 1; }
  bool getBatch(void**, char const**, int32_t) noexcept override { return false; }
  void const* readCalibrationCache(size_t& length) noexcept override {
    length = 0;
    return nullptr;
  }
  void writeCalibrationCache(void const*, size_t) noexcept override {}
};

IHostMemory* build(IBuilder& builder, char const* file, Calibrator& calibrator, ILogger& logger) {
  Owned<INetworkDefinition> network{
      builder.createNetworkV2(1U << static_cast<uint32_t>(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH))};
  Owned<nvonnxparser::IParser> parser{nvonnxparser::createParser(*network, logger)};
  if (!parser->parseFromFile(file, static_cast<int>(ILogger::Severity::kWARNING))) return nullptr;
  Owned<IBuilderConfig> config{builder.createBuilderConfig()};
  config->setMemoryPoolLimit(MemoryPoolType::kWORKSPACE, size_t{1} << 30);
  if (builder.platformHasFastFp16()) config->setFlag(BuilderFlag::kFP16);
  config->setInt8Calibrator(&calibrator);
  IOptimizationProfile* profile = builder.createOptimizationProfile();
  profile->setDimensions(network->getInput(0)->getName(), OptProfileSelector::kMAX, Dims4{8, 3, 32, 32});
  config->addOptimizationProfile(profile);
  IPluginCreator* creator = getPluginRegistry()->getPluginCreator("ProgramNegate", "1");
  PluginFieldCollection none{};
  IPluginV2* plugin = creator->createPlugin("negate", &none);
  ITensor* input = network->getInput(0);
  IPluginV2Layer* layer = network->addPluginV2(&input, 1, *plugin);
  layer->getOutput(0)->setName("negated");
  auto* relu = network->addActivation(*layer->getOutput(0), ActivationType::kRELU);
  auto* conv = network->addConvolutionNd(*relu->getOutput(0), 8, DimsHW{3, 3}, Weights{}, Weights{});
  conv->setStrideNd(DimsHW{2, 2});
  network->markOutput(*conv->getOutput(0));
  return builder.buildSerializedNetwork(*network, *config);
}

bool run(IHostMemory const& plan, void** bindings, ILogger& logger) {
  Owned<IRuntime> runtime{createInferRuntime(logger)};
  if (!runtime) return false;
  Owned<ICudaEngine> engine{runtime->deserializeCudaEngine(plan.data(), plan.size())};
  Owned<IExecutionContext> context{engine->createExecutionContext()};
  for (int32_t i = 0; i < engine->getNbBindings(); ++i)
    if (engine->bindingIsInput(i)) context->setBindingDimensions(i, Dims4{1, 3, 32, 32});
  return context->enqueueV2(bindings, nullptr, nullptr);
}

}  // namespace

// What the logger heard.
extern "C" char const* program(char const* file) {
  static Log log;
  Calibrator calibrator;
  IBuilder* builder = createInferBuilder(log);
  if (builder == nullptr) return log.last.c_str();
  Owned<IHostMemory> plan{build(*builder, file, calibrator, log)};
  void* bindings[2] = {};
  return plan && run(*plan, bindings, log) ? "ran" : "failed";
}
