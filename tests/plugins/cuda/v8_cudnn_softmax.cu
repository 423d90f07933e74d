// SPDX-License-Identifier: Apache-2.0
// Release 8: softmax of rows by cuDNN with the handle from attachToContext, which must be bound to the launch's stream:
// nothing here binds it.
#include "dynamic_base.h"

using namespace nvinfer1;

// As in cudnn.h; the process has the library.
struct cudnnTensorStruct;
extern "C" int cudnnCreateTensorDescriptor(cudnnTensorStruct**);
extern "C" int cudnnDestroyTensorDescriptor(cudnnTensorStruct*);
extern "C" int cudnnSetTensor4dDescriptor(cudnnTensorStruct*, int format, int type, int n, int c, int h, int w);
extern "C" int cudnnSoftmaxForward(cudnnContext*, int algorithm, int mode, void const* alpha, cudnnTensorStruct*,
                                   void const* x, void const* beta, cudnnTensorStruct*, void* y);

class CudnnSoftmax : public DynamicBase {
 public:
  static constexpr char const* kName = "CudnnSoftmax";
  static std::vector<PluginField> fields() { return {}; }
  explicit CudnnSoftmax(PluginFieldCollection const&) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new CudnnSoftmax(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override {
    return in[0];
  }
  void attachToContext(cudnnContext* dnn, cublasContext*, IGpuAllocator*) noexcept override { mDnn = dnn; }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    constexpr int kNchw = 0, kFloat = 0, kAccurate = 1, kChannel = 1;
    float const one = 1, zero = 0;
    cudnnTensorStruct* rows = nullptr;
    if (mDnn == nullptr || cudnnCreateTensorDescriptor(&rows) != 0) return 2;
    bool const done =
        cudnnSetTensor4dDescriptor(rows, kNchw, kFloat, in[0].dims.d[0], in[0].dims.d[1], 1, 1) == 0 &&
        cudnnSoftmaxForward(mDnn, kAccurate, kChannel, &one, rows, inputs[0], &zero, rows, outputs[0]) == 0;
    cudnnDestroyTensorDescriptor(rows);
    return done ? 0 : 3;
  }

 private:
  cudnnContext* mDnn = nullptr;
};
using CudnnSoftmaxCreator = DynamicCreator<CudnnSoftmax>;
REGISTER_TENSORRT_PLUGIN(CudnnSoftmaxCreator);
