// SPDX-License-Identifier: Apache-2.0
// Release 10: indices of the nonzero elements of a matrix, whose number only the data decide. One block, so that the
// order is that of the rows.
#include "v3_base.h"

using namespace nvinfer1;

__global__ void nonZero(float const* x, int rows, int columns, int64_t* indices, int64_t* count) {
  if (threadIdx.x != 0) return;
  int64_t found = 0;
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c)
      if (x[r * columns + c] != 0) {
        indices[2 * found] = r;
        indices[2 * found + 1] = c;
        ++found;
      }
  *count = found;
}

class NonZeroCuda : public V3Base<NonZeroCuda> {
 public:
  static constexpr char const* kName = "NonZeroCuda";
  int32_t getNbOutputs() const noexcept override { return 2; }
  int32_t getOutputDataTypes(DataType* types, int32_t, DataType const*, int32_t) const noexcept override {
    types[0] = types[1] = DataType::kINT64;
    return 0;
  }
  int32_t getOutputShapes(DimsExprs const* inputs, int32_t, DimsExprs const*, int32_t, DimsExprs* outputs, int32_t,
                          IExprBuilder& b) noexcept override {
    auto const* most = b.operation(DimensionOperation::kPROD, *inputs[0].d[0], *inputs[0].d[1]);
    outputs[0].nbDims = 2;
    outputs[0].d[0] = b.declareSizeTensor(1, *b.operation(DimensionOperation::kCEIL_DIV, *most, *b.constant(2)), *most);
    outputs[0].d[1] = b.constant(2);
    outputs[1].nbDims = 0;
    return 0;
  }
  bool supportsFormatCombination(int32_t pos, DynamicPluginTensorDesc const* inOut, int32_t,
                                 int32_t) noexcept override {
    return inOut[pos].desc.type == (pos == 0 ? DataType::kFLOAT : DataType::kINT64) &&
           inOut[pos].desc.format == PluginFormat::kLINEAR;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t stream) noexcept override {
    nonZero<<<1, 32, 0, stream>>>(static_cast<float const*>(inputs[0]), static_cast<int>(in[0].dims.d[0]),
                                  static_cast<int>(in[0].dims.d[1]), static_cast<int64_t*>(outputs[0]),
                                  static_cast<int64_t*>(outputs[1]));
    return cudaPeekAtLastError() == cudaSuccess ? 0 : 1;
  }
};
using NonZeroCudaCreator = V3Creator<NonZeroCuda>;
REGISTER_TENSORRT_PLUGIN(NonZeroCudaCreator);
