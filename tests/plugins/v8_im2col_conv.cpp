// SPDX-License-Identifier: Apache-2.0
// Release 8: convolution by im2col and a matrix product. Like many, it takes a BLAS handle from attachToContext; without
// one (on a CPU) it multiplies itself. The attributes come as INT lists; the column buffer is the workspace.
#include "dynamic_base.h"

using namespace nvinfer1;

class Im2colConv : public DynamicBase {
 public:
  static constexpr char const* kName = "Im2colConv";
  static std::vector<PluginField> fields() {
    return {PluginField("stride"), PluginField("padding"), PluginField("dilation")};
  }
  explicit Im2colConv(PluginFieldCollection const& fc)
      : mStride(readField<int>(fc, "stride")), mPad(readField<int>(fc, "padding")), mDilation(readField<int>(fc, "dilation")) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Im2colConv(*this); }
  void attachToContext(cudnnContext*, cublasContext* blas, IGpuAllocator*) noexcept override { mBlas = blas; }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder& b) noexcept override {
    DimsExprs out = in[0];
    out.d[1] = in[1].d[0];
    for (int i = 0; i < 2; ++i) {
      auto const* kernel = b.operation(DimensionOperation::kSUB, *in[1].d[2 + i], *b.constant(1));
      auto const* extent = b.operation(DimensionOperation::kPROD, *b.constant(mDilation[i]), *kernel);
      auto const* padded = b.operation(DimensionOperation::kSUM, *in[0].d[2 + i], *b.constant(2 * mPad[i] - 1));
      auto const* room = b.operation(DimensionOperation::kSUB, *padded, *extent);
      out.d[2 + i] = b.operation(DimensionOperation::kSUM,
                                 *b.operation(DimensionOperation::kFLOOR_DIV, *room, *b.constant(mStride[i])),
                                 *b.constant(1));
    }
    return out;
  }
  size_t getWorkspaceSize(PluginTensorDesc const* in, int32_t, PluginTensorDesc const* out,
                          int32_t) const noexcept override {
    auto const& w = in[1].dims;
    return sizeof(float) * w.d[1] * w.d[2] * w.d[3] * out[0].dims.d[2] * out[0].dims.d[3];
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs,
                  void* const* outputs, void* workspace, cudaStream_t) noexcept override {
    int const c = in[0].dims.d[1], h = in[0].dims.d[2], w = in[0].dims.d[3];
    int const k = in[1].dims.d[0], kh = in[1].dims.d[2], kw = in[1].dims.d[3];
    int const oh = out[0].dims.d[2], ow = out[0].dims.d[3];
    auto* columns = static_cast<float*>(workspace);
    auto const* weights = static_cast<float const*>(inputs[1]);
    for (int n = 0; n < in[0].dims.d[0]; ++n) {
      auto const* x = static_cast<float const*>(inputs[0]) + int64_t(n) * c * h * w;
      float* column = columns;
      for (int ci = 0; ci < c; ++ci)
        for (int i = 0; i < kh; ++i)
          for (int j = 0; j < kw; ++j)
            for (int y = 0; y < oh; ++y)
              for (int z = 0; z < ow; ++z) {
                int const yy = y * mStride[0] - mPad[0] + i * mDilation[0];
                int const xx = z * mStride[1] - mPad[1] + j * mDilation[1];
                *column++ = yy < 0 || xx < 0 || yy >= h || xx >= w ? 0.f : x[(ci * h + yy) * w + xx];
              }
      auto* y = static_cast<float*>(outputs[0]) + int64_t(n) * k * oh * ow;
      for (int ki = 0; ki < k; ++ki)
        for (int p = 0; p < oh * ow; ++p) {
          double sum = 0;
          for (int q = 0; q < c * kh * kw; ++q) sum += double(weights[ki * c * kh * kw + q]) * columns[q * oh * ow + p];
          y[ki * oh * ow + p] = static_cast<float>(sum);
        }
    }
    return 0;
  }

 private:
  std::vector<int> mStride, mPad, mDilation;
  cublasContext* mBlas = nullptr;
};
using Im2colConvCreator = DynamicCreator<Im2colConv>;
REGISTER_TENSORRT_PLUGIN(Im2colConvCreator);
