// SPDX-License-Identifier: Apache-2.0
// Release 8: only fp16, and only in one layout that the attribute chooses; adds the channel's number.
#include <cuda_fp16.h>

#include "dynamic_base.h"

using namespace nvinfer1;

// Element i of the buffer belongs to channel (i / inner % blocks) * block + i % block, or i % inner where channels lie
// innermost.
__global__ void addChannel(__half const* x, __half* y, int count, int block, int inner, int blocks, bool last) {
  int const i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  int const channel = last ? i % inner : i / inner % blocks * block + i % block;
  y[i] = __float2half(__half2float(x[i]) + channel);
}

class AddChannel : public DynamicBase {
 public:
  static constexpr char const* kName = "AddChannel";
  static std::vector<PluginField> fields() { return {PluginField("layout", nullptr, PluginFieldType::kINT32, 1)}; }
  explicit AddChannel(PluginFieldCollection const& fc)
      : mFormat(static_cast<TensorFormat>(readField<int>(fc, "layout").at(0))) {}
  char const* getPluginType() const noexcept override { return kName; }
  IPluginV2DynamicExt* clone() const noexcept override { return new AddChannel(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override {
    return in[0];
  }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t, int32_t) noexcept override {
    return inOut[pos].type == DataType::kHALF && inOut[pos].format == mFormat;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t stream) noexcept override {
    if (in[0].format != mFormat || in[0].type != DataType::kHALF) return 1;
    int const n = in[0].dims.d[0], c = in[0].dims.d[1], place = in[0].dims.d[2] * in[0].dims.d[3];
    int const block = mFormat == TensorFormat::kCHW16 ? 16 : mFormat == TensorFormat::kCHW2 ? 2
                      : mFormat == TensorFormat::kHWC8                                       ? 8
                                                                                             : 1;
    int const padded = (c + block - 1) / block * block, count = n * padded * place;
    bool const last = mFormat == TensorFormat::kHWC || mFormat == TensorFormat::kHWC8;
    addChannel<<<(count + 255) / 256, 256, 0, stream>>>(static_cast<__half const*>(inputs[0]),
                                                        static_cast<__half*>(outputs[0]), count, block,
                                                        last ? padded : place * block, padded / block, last);
    return cudaPeekAtLastError() == cudaSuccess ? 0 : 1;
  }

 private:
  TensorFormat mFormat;
};
using AddChannelCreator = DynamicCreator<AddChannel>;
REGISTER_TENSORRT_PLUGIN(AddChannelCreator);
