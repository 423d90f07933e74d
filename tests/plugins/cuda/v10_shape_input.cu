// SPDX-License-Identifier: Apache-2.0
// Release 10, IPluginV3: repeats its input to the size that a shape input says, whose value a run may bring.
#include "repeat_to.h"

using namespace nvinfer1;

__global__ void repeat(float const* x, int64_t count, float* y, int64_t total) {
  int64_t const i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i < total) y[i] = x[i % count];
}

class RepeatToCuda : public RepeatBase<RepeatToCuda> {
 public:
  static constexpr char const* kName = "RepeatToCuda";
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs,
                  void* const* outputs, void*, cudaStream_t stream) noexcept override {
    int64_t const total = volume(out[0].dims);
    if (total == 0) return 0;
    repeat<<<static_cast<unsigned>((total + 255) / 256), 256, 0, stream>>>(
        static_cast<float const*>(inputs[0]), volume(in[0].dims), static_cast<float*>(outputs[0]), total);
    return cudaPeekAtLastError() == cudaSuccess ? 0 : 1;
  }
};
using RepeatToCudaCreator = V3Creator<RepeatToCuda>;
REGISTER_TENSORRT_PLUGIN(RepeatToCudaCreator);
