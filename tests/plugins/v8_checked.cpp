// SPDX-License-Identifier: Apache-2.0
// Release 8, engines for safety: the creator is a consistency checker and registers by the safe macro. It says what it
// does at every severity, and on demand forgets a dimension.
#include "NvInferConsistency.h"
#include "NvInferImpl.h"
#include "NvInferSafeRuntime.h"
#include "dynamic_base.h"

using namespace nvinfer1;

class Checked : public DynamicBase {
 public:
  static constexpr char const* kName = "Checked";
  static std::vector<PluginField> fields() {
    return {PluginField("unset", nullptr, PluginFieldType::kINT32, 1)};
  }
  explicit Checked(PluginFieldCollection const& fc) : mUnset(!readField<int>(fc, "unset").empty()) {
    getLogger()->log(ILogger::Severity::kVERBOSE, "Checked in detail");
    getLogger()->log(ILogger::Severity::kINFO, "Checked in brief");
  }
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Checked(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override {
    DimsExprs out(in[0]);
    if (mUnset) out.d[1] = nullptr;
    return out;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    std::memcpy(outputs[0], inputs[0], static_cast<size_t>(volume(in[0].dims)) * sizeof(float));
    return 0;
  }

 private:
  bool mUnset;
};

class CheckedCreator : public consistency::IPluginChecker {
 public:
  char const* getPluginName() const noexcept override { return mCreator.getPluginName(); }
  char const* getPluginVersion() const noexcept override { return mCreator.getPluginVersion(); }
  PluginFieldCollection const* getFieldNames() noexcept override { return mCreator.getFieldNames(); }
  IPluginV2* createPlugin(char const* name, PluginFieldCollection const* fc) noexcept override {
    return mCreator.createPlugin(name, fc);
  }
  IPluginV2* deserializePlugin(char const*, void const*, size_t) noexcept override { return nullptr; }
  void setPluginNamespace(char const* space) noexcept override { mCreator.setPluginNamespace(space); }
  char const* getPluginNamespace() const noexcept override { return mCreator.getPluginNamespace(); }
  bool validate(char const*, void const*, size_t, PluginTensorDesc const* in, size_t nbInputs, PluginTensorDesc const*,
                size_t, int64_t) const noexcept override {
    return nbInputs == 1 && in[0].type == DataType::kFLOAT;
  }

 private:
  DynamicCreator<Checked> mCreator;
};
REGISTER_SAFE_TENSORRT_PLUGIN(CheckedCreator);
