// SPDX-License-Identifier: Apache-2.0
// Release 8: every operation of IExprBuilder in one shape rule. The output's sizes are the results; its elements count.
#include "dynamic_base.h"

using namespace nvinfer1;

class Expressions : public DynamicBase {
 public:
  static constexpr char const* kName = "Expressions";
  static std::vector<PluginField> fields() { return {}; }
  explicit Expressions(PluginFieldCollection const&) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Expressions(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder& b) noexcept override {
    auto const& a = *in[0].d[0];
    auto const& c = *in[0].d[1];
    auto op = [&](DimensionOperation o, IDimensionExpr const& x, IDimensionExpr const& y) { return b.operation(o, x, y); };
    DimsExprs out;
    out.nbDims = 6;
    out.d[0] = op(DimensionOperation::kSUM, a, *op(DimensionOperation::kEQUAL, a, c));   // a + (a == c)
    out.d[1] = op(DimensionOperation::kMAX, a, c);
    out.d[2] = op(DimensionOperation::kMIN, a, c);
    out.d[3] = op(DimensionOperation::kCEIL_DIV, *op(DimensionOperation::kPROD, a, c), *b.constant(4));
    out.d[4] = op(DimensionOperation::kFLOOR_DIV, *op(DimensionOperation::kSUM, a, *b.constant(7)), *b.constant(3));
    out.d[5] = op(DimensionOperation::kSUB, *b.constant(3), *op(DimensionOperation::kLESS, a, c));  // 3 - (a < c)
    return out;
  }
  int32_t enqueue(PluginTensorDesc const*, PluginTensorDesc const* out, void const* const*, void* const* outputs, void*,
                  cudaStream_t) noexcept override {
    for (int64_t i = 0; i < volume(out[0].dims); ++i) static_cast<float*>(outputs[0])[i] = static_cast<float>(i);
    return 0;
  }
};
using ExpressionsCreator = DynamicCreator<Expressions>;
REGISTER_TENSORRT_PLUGIN(ExpressionsCreator);
