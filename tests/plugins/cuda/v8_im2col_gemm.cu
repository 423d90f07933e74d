// SPDX-License-Identifier: Apache-2.0
// Release 8: convolution by im2col in the workspace and a cuBLAS product with the handle from attachToContext, which
// must be bound to the launch's stream: nothing here binds it. Stride 1, no padding.
#include "dynamic_base.h"

using namespace nvinfer1;

// As in cublas_v2.h; the process has the library.
extern "C" int cublasSgemm_v2(cublasContext*, int, int, int, int, int, float const*, float const*, int, float const*, int,
                              float const*, float*, int);

__global__ void im2col(float const* x, float* columns, int c, int h, int w, int kh, int kw, int oh, int ow) {
  int const i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= c * kh * kw * oh * ow) return;
  int const p = i % ow, o = i / ow % oh, q = i / (ow * oh) % kw, r = i / (ow * oh * kw) % kh, ch = i / (ow * oh * kw * kh);
  columns[i] = x[(ch * h + o + r) * w + p + q];
}

class Im2colGemm : public DynamicBase {
 public:
  static constexpr char const* kName = "Im2colGemm";
  static std::vector<PluginField> fields() { return {}; }
  explicit Im2colGemm(PluginFieldCollection const&) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Im2colGemm(*this); }
  void attachToContext(cudnnContext*, cublasContext* blas, IGpuAllocator* allocator) noexcept override {
    mBlas = blas;
    mAllocator = allocator;
    mKept = allocator->allocate(1024, 256, 0);
  }
  void detachFromContext() noexcept override { mAllocator->deallocate(mKept); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder& b) noexcept override {
    DimsExprs out = in[0];
    out.d[1] = in[1].d[0];
    for (int i = 2; i < 4; ++i)
      out.d[i] = b.operation(DimensionOperation::kSUB, *b.operation(DimensionOperation::kSUM, *in[0].d[i], *b.constant(1)),
                             *in[1].d[i]);
    return out;
  }
  size_t getWorkspaceSize(PluginTensorDesc const* in, int32_t, PluginTensorDesc const* out,
                          int32_t) const noexcept override {
    auto const& w = in[1].dims;
    return sizeof(float) * w.d[1] * w.d[2] * w.d[3] * out[0].dims.d[2] * out[0].dims.d[3];
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs,
                  void* const* outputs, void* workspace, cudaStream_t stream) noexcept override {
    if (mBlas == nullptr || mKept == nullptr) return 2;
    int const n = in[0].dims.d[0], c = in[0].dims.d[1], h = in[0].dims.d[2], w = in[0].dims.d[3];
    int const k = in[1].dims.d[0], kh = in[1].dims.d[2], kw = in[1].dims.d[3];
    int const oh = out[0].dims.d[2], ow = out[0].dims.d[3], depth = c * kh * kw;
    float const one = 1, zero = 0;
    auto* columns = static_cast<float*>(workspace);
    for (int i = 0; i < n; ++i) {
      im2col<<<(depth * oh * ow + 255) / 256, 256, 0, stream>>>(static_cast<float const*>(inputs[0]) + i * c * h * w,
                                                                columns, c, h, w, kh, kw, oh, ow);
      if (cublasSgemm_v2(mBlas, 0, 0, oh * ow, k, depth, &one, columns, oh * ow, static_cast<float const*>(inputs[1]),
                         depth, &zero, static_cast<float*>(outputs[0]) + i * k * oh * ow, oh * ow) != 0)
        return 3;
    }
    return cudaPeekAtLastError() == cudaSuccess ? 0 : 1;
  }

 private:
  cublasContext* mBlas = nullptr;
  IGpuAllocator* mAllocator = nullptr;
  void* mKept = nullptr;
};
using Im2colGemmCreator = DynamicCreator<Im2colGemm>;
REGISTER_TENSORRT_PLUGIN(Im2colGemmCreator);
