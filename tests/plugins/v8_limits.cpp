// SPDX-License-Identifier: Apache-2.0
// Release 8, IPluginV2DynamicExt: what configurePlugin hears before initialize, when sizes are open, and after it, when
// they are not. A plugin that heard anything else does not initialise.
#include "dynamic_base.h"
#include "expected_limits.h"

using namespace nvinfer1;

class LimitsV2 : public DynamicBase {
 public:
  static constexpr char const* kName = "LimitsV2";
  static std::vector<PluginField> fields() { return ExpectedLimits::fields(); }
  explicit LimitsV2(PluginFieldCollection const& fc) : mExpected(fc) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new LimitsV2(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder& b) noexcept override {
    DimsExprs out = in[0];
    out.d[2] = b.operation(DimensionOperation::kPROD, *in[0].d[2], *b.constant(2));
    return out;
  }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t nbInputs,
                                 int32_t nbOutputs) noexcept override {
    return DynamicBase::supportsFormatCombination(pos, inOut, nbInputs, nbOutputs) &&
           ExpectedLimits::equal(inOut[0].dims, mExpected.dims, 1) &&
           ExpectedLimits::equal(inOut[1].dims, mExpected.dims, 2);
  }
  void configurePlugin(DynamicPluginTensorDesc const* in, int32_t, DynamicPluginTensorDesc const* out,
                       int32_t) noexcept override {
    if (!mInitialised) mHeardLimits = mExpected.allFit(in[0], out[0]);
    mHeardSizes = mExpected.fit(in[0], 1) && mExpected.fit(out[0], 2);
    mSizes = in[0].desc.dims;
  }
  int32_t initialize() noexcept override {
    mInitialised = true;
    return mHeardLimits ? 0 : 1;
  }
  // As much as the largest input has, whatever this one is.
  size_t getWorkspaceSize(PluginTensorDesc const* in, int32_t, PluginTensorDesc const*,
                          int32_t) const noexcept override {
    return volume(in[0].dims) * sizeof(float);
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void* workspace, cudaStream_t) noexcept override {
    if (!mHeardSizes || !same(mSizes, in[0].dims)) return 1;
    std::memset(workspace, 0, elementsAtMost(mExpected, in[0].dims) * sizeof(float));
    repeatRows(in[0].dims, sizeof(float), inputs[0], outputs[0]);
    return 0;
  }

 private:
  ExpectedLimits mExpected;
  bool mInitialised = false, mHeardLimits = false, mHeardSizes = false;
  Dims mSizes{};
};
using LimitsV2Creator = DynamicCreator<LimitsV2>;
REGISTER_TENSORRT_PLUGIN(LimitsV2Creator);
