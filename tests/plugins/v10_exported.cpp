// SPDX-License-Identifier: Apache-2.0
// Release 10, for IPluginRegistry::loadLibrary: nothing registers itself, the library exports its creators and takes a
// logger. Two creators of one name and different versions; a third in a namespace of its own; and one of version 2,
// which has an entry point of its own.
#include "dynamic_base.h"
#include "v3_base.h"

using namespace nvinfer1;

namespace {
ILoggerFinder* gFinder = nullptr;

template <int kTimes>
class Times : public V3Base<Times<kTimes>> {
 public:
  static constexpr char const* kName = "Times";
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    if (gFinder == nullptr || gFinder->findLogger() == nullptr) return 1;
    for (int64_t i = 0; i < volume(in[0].dims); ++i)
      static_cast<float*>(outputs[0])[i] = kTimes * static_cast<float const*>(inputs[0])[i];
    return 0;
  }
};

class First : public V3Creator<Times<2>> {};
class Second : public V3Creator<Times<3>> {
  char const* getPluginVersion() const noexcept override { return "2"; }
};
class Elsewhere : public V3Creator<Times<5>> {
  char const* getPluginNamespace() const noexcept override { return "acme"; }
};

class Half : public DynamicBase {
 public:
  static constexpr char const* kName = "HalfOf";
  static std::vector<PluginField> fields() { return {}; }
  explicit Half(PluginFieldCollection const&) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Half(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override {
    return in[0];
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    for (int64_t i = 0; i < volume(in[0].dims); ++i)
      static_cast<float*>(outputs[0])[i] = static_cast<float const*>(inputs[0])[i] / 2;
    return 0;
  }
};
}  // namespace

extern "C" TENSORRTAPI IPluginCreator* const* getPluginCreators(int32_t& nbCreators) {
  static DynamicCreator<Half> half;
  static IPluginCreator* const creators[] = {&half};
  nbCreators = 1;
  return creators;
}
extern "C" TENSORRTAPI void setLoggerFinder(ILoggerFinder* finder) { gFinder = finder; }
extern "C" TENSORRTAPI IPluginCreatorInterface* const* getCreators(int32_t& nbCreators) {
  static First first;
  static Second second;
  static Elsewhere elsewhere;
  static IPluginCreatorInterface* const creators[] = {&first, &second, &elsewhere};
  nbCreators = 3;
  return creators;
}
