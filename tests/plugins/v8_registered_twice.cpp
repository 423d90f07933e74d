// SPDX-License-Identifier: Apache-2.0
// Release 8: two creators in one library, one of them registered from two places, as happens where a header holds the
// registration. The plugins name the functions that they hide, against warnings, as much public code does.
#include "dynamic_base.h"

using namespace nvinfer1;

template <int32_t kSummand>
class AddNumber : public DynamicBase {
 public:
  static constexpr char const* kName = kSummand == 1 ? "AddOne" : "AddTwo";
  static std::vector<PluginField> fields() { return {}; }
  explicit AddNumber(PluginFieldCollection const&) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new AddNumber(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override { return in[0]; }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    for (int64_t i = 0; i < volume(in[0].dims); ++i)
      static_cast<float*>(outputs[0])[i] = static_cast<float const*>(inputs[0])[i] + kSummand;
    return 0;
  }

 protected:
  using IPluginV2::enqueue;
  using IPluginV2::getOutputDimensions;
  using IPluginV2::getWorkspaceSize;
  using IPluginV2DynamicExt::canBroadcastInputAcrossBatch;
  using IPluginV2DynamicExt::isOutputBroadcastAcrossBatch;
  using IPluginV2DynamicExt::supportsFormat;
  using IPluginV2Ext::configurePlugin;
};
using AddOneCreator = DynamicCreator<AddNumber<1>>;
using AddTwoCreator = DynamicCreator<AddNumber<2>>;
REGISTER_TENSORRT_PLUGIN(AddOneCreator);
REGISTER_TENSORRT_PLUGIN(AddTwoCreator);
namespace elsewhere {
REGISTER_TENSORRT_PLUGIN(AddOneCreator);
}
