// SPDX-License-Identifier: Apache-2.0
// Release 10: creators of one name in two namespaces of registerCreator, which IPluginCreatorV3One cannot be told of,
// and what a library may ask of its registry. registry() says what does not hold of the answers.
#include <NvInfer.h>
#include <NvInferPlugin.h>

#include "v3_base.h"

using namespace nvinfer1;

static_assert(EnumMax<ILogger::Severity>() == 5 && EnumMax<DimensionOperation>() == 9, "of plugins");
static_assert(EnumMax<ActivationType>() == 14 && EnumMax<ElementWiseOperation>() == 14, "of layers");

template <int32_t kFactor>
class Multiply : public V3Base<Multiply<kFactor>> {
 public:
  static constexpr char const* kName = "Multiply";
  // Called with 0 where a plugin has no tactics.
  int32_t setTactic(int32_t tactic) noexcept override {
    mTactic = tactic;
    return 0;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    if (mTactic != 0) return 1;
    for (int64_t i = 0; i < volume(in[0].dims); ++i)
      static_cast<float*>(outputs[0])[i] = kFactor * static_cast<float const*>(inputs[0])[i];
    return 0;
  }

 private:
  int32_t mTactic = -1;
};

class SharedTable : public IPluginResource {
 public:
  int32_t release() noexcept override {
    --sAlive;
    return 0;
  }
  IPluginResource* clone() noexcept override {
    ++sAlive;
    return new SharedTable;
  }
  static int32_t sAlive;
};
int32_t SharedTable::sAlive = 0;

static V3Creator<Multiply<2>> gLeft;
static V3Creator<Multiply<3>> gRight;
static V3Creator<Multiply<5>> gGone;

extern "C" bool initLibNvInferPlugins(void*, char const*) {
  return getPluginRegistry()->registerCreator(gLeft, "left") && getPluginRegistry()->registerCreator(gRight, "right") &&
         getPluginRegistry()->registerCreator(gGone, "gone") && getPluginRegistry()->deregisterCreator(gGone);
}

#define EXPECT(condition) \
  if (!(condition)) return #condition
extern "C" char const* registry() {
  IPluginRegistry& r = *getPluginRegistry();
  EXPECT(r.getCreator("Multiply", "1", "left") == &gLeft);
  EXPECT(r.getCreator("Multiply", "1", "right") == &gRight);
  EXPECT(r.getCreator("Multiply", "1") == nullptr);
  EXPECT(r.getCreator("Multiply", "2", "left") == nullptr);
  EXPECT(r.getCreator("Multiply", "1", "gone") == nullptr);
  EXPECT(r.getPluginCreator("Multiply", "1", "left") == nullptr);  // of version 3
  EXPECT(!r.registerCreator(gLeft, "left"));
  EXPECT(!r.deregisterCreator(gGone));
  int32_t count = 0;
  IPluginCreatorInterface* const* all = r.getAllCreators(&count);
  EXPECT(count == 2 && all[0] == &gLeft && all[1] == &gRight);
  InterfaceKind const kind = all[0]->getInterfaceInfo().kind;
  EXPECT(std::strcmp(kind, "PLUGIN CREATOR_V3ONE") == 0);
  r.getAllCreatorsRecursive(&count);
  EXPECT(count == 2);
  r.getPluginCreatorList(&count);
  EXPECT(count == 0);
  SharedTable table;
  IPluginResource* const shared = r.acquirePluginResource("table", &table);
  EXPECT(shared != nullptr && shared != &table && shared == r.acquirePluginResource("table", &table));
  EXPECT(r.releasePluginResource("table") == 0 && SharedTable::sAlive == 1);
  EXPECT(r.releasePluginResource("table") == 0 && SharedTable::sAlive == 0);
  EXPECT(r.releasePluginResource("table") != 0);
  EXPECT(getBuilderPluginRegistry(EngineCapability::kSTANDARD) == &r);
  EXPECT(r.loadLibrary("/nowhere/libnothing.so") == nullptr);
  return "good";
}
