// SPDX-License-Identifier: Apache-2.0
// Release 10, IPluginV3: refuses to be built unless configurePlugin hears of open sizes and their limits; its workspace
// is for the largest, its tactics are those of the type that it was configured for.
#include "expected_limits.h"
#include "v3_base.h"

using namespace nvinfer1;

class LimitsV3 : public V3Base<LimitsV3> {
 public:
  static constexpr char const* kName = "LimitsV3";
  static std::vector<PluginField> fields() { return ExpectedLimits::fields(); }
  explicit LimitsV3(PluginFieldCollection const& fc) : mExpected(fc) {}
  int32_t getOutputShapes(DimsExprs const* inputs, int32_t, DimsExprs const*, int32_t, DimsExprs* outputs, int32_t,
                          IExprBuilder& b) noexcept override {
    outputs[0] = inputs[0];
    outputs[0].d[2] = b.operation(DimensionOperation::kPROD, *inputs[0].d[2], *b.constant(2));
    return 0;
  }
  bool supportsFormatCombination(int32_t pos, DynamicPluginTensorDesc const* inOut, int32_t,
                                 int32_t) noexcept override {
    DataType const type = inOut[pos].desc.type;
    return ExpectedLimits::equal(inOut[0].desc.dims, mExpected.dims, 1) &&
           ExpectedLimits::equal(inOut[1].desc.dims, mExpected.dims, 2) && inOut[1].max.d[2] == 2 * inOut[0].max.d[2] &&
           inOut[pos].desc.format == PluginFormat::kLINEAR &&
           (pos == 0 ? type == DataType::kFLOAT || type == DataType::kHALF : type == inOut[0].desc.type);
  }
  int32_t configurePlugin(DynamicPluginTensorDesc const* in, int32_t, DynamicPluginTensorDesc const* out,
                          int32_t) noexcept override {
    mType = in[0].desc.type;
    mConfigured = mExpected.allFit(in[0], out[0]);
    return mConfigured ? 0 : 7;
  }
  size_t getWorkspaceSize(DynamicPluginTensorDesc const* in, int32_t, DynamicPluginTensorDesc const*,
                          int32_t) const noexcept override {
    return volume(in[0].max);
  }
  int32_t getNbTactics() noexcept override { return mConfigured ? 1 : 0; }
  int32_t getValidTactics(int32_t* tactics, int32_t) noexcept override {
    tactics[0] = tacticOf(mType);
    return 0;
  }
  int32_t setTactic(int32_t tactic) noexcept override {
    mTactic = tactic;
    return 0;
  }
  int32_t onShapeChange(PluginTensorDesc const* in, int32_t, PluginTensorDesc const* out, int32_t) noexcept override {
    mSizes = in[0].dims;
    return out[0].dims.d[2] == 2 * in[0].dims.d[2] ? 0 : 8;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void* workspace, cudaStream_t) noexcept override {
    if (mTactic != tacticOf(in[0].type) || !same(mSizes, in[0].dims)) return 1;
    std::memset(workspace, 0, elementsAtMost(mExpected, in[0].dims));
    repeatRows(in[0].dims, in[0].type == DataType::kHALF ? 2 : 4, inputs[0], outputs[0]);
    return 0;
  }

 private:
  static int32_t tacticOf(DataType type) { return type == DataType::kHALF ? 16 : 32; }

  ExpectedLimits mExpected;
  DataType mType = DataType::kFLOAT;
  bool mConfigured = false;
  int32_t mTactic = 0;
  Dims mSizes{};
};

using LimitsV3Creator = V3Creator<LimitsV3>;
REGISTER_TENSORRT_PLUGIN(LimitsV3Creator);
