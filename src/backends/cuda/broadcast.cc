// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/broadcast.h"

#include <algorithm>

#include "backends/cuda/source.h"

namespace ingot::cuda {

BroadcastDims broadcast_dims(const Shape& out, std::span<const Shape> operands) {
  BroadcastDims result;
  result.strides.resize(operands.size());
  std::vector<std::int64_t> dense(operands.size(), 1);
  // From the innermost outwards; the vectors hold the reverse until the end.
  for (std::size_t back = 0; back < out.size(); ++back) {
    const std::int64_t size = out[out.size() - 1 - back];
    Ints here;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const Shape& shape = operands[i];
      const std::int64_t own = back < shape.size() ? shape[shape.size() - 1 - back] : 1;
      here.push_back(own == 1 ? 0 : dense[i]);
      dense[i] *= own;
    }
    if (size == 1) continue;
    bool merges = !result.dims.empty();
    for (std::size_t i = 0; i < operands.size() && merges; ++i)
      merges = here[i] == result.strides[i].back() * result.dims.back();
    if (merges) {
      result.dims.back() *= size;
    } else {
      result.dims.push_back(size);
      for (std::size_t i = 0; i < operands.size(); ++i) result.strides[i].push_back(here[i]);
    }
  }
  if (result.dims.empty()) {
    result.dims = {1};
    for (Ints& strides : result.strides) strides = {0};
  }
  std::reverse(result.dims.begin(), result.dims.end());
  for (Ints& strides : result.strides) std::reverse(strides.begin(), strides.end());
  return result;
}

Support epilogue_support(const Problem& problem) {
  const Result<std::string> text = print_epilogue(problem);
  if (!text.is_ok()) return Support::no(Refusal::kEpilogue, text.status().message());
  const Result<EpilogueLayout> layout = epilogue_layout(problem.inputs, problem.own_inputs(), problem.outputs[0],
                                                        epilogue_vector(problem.outputs[0].dtype));
  if (!layout.is_ok()) return Support::no(Refusal::kEpilogue, layout.status().message());
  return Support::yes();
}

int epilogue_vector(DType type) { return std::min(8, 128 / std::max(8, bits_of(type))); }

Result<EpilogueLayout> epilogue_layout(std::span<const Operand> inputs, std::size_t first, const Operand& output,
                                       int vector) {
  EpilogueLayout layout;
  const std::int64_t columns = output.shape.empty() ? 1 : output.shape.back();
  layout.vectors = columns % vector == 0;
  Shape rows = output.shape;
  if (!rows.empty()) rows.pop_back();
  for (std::size_t i = first; i < inputs.size(); ++i) {
    Shape shape = inputs[i].shape;
    ingot_cuda::EpilogueOperand operand{};
    std::int64_t own_columns = 1;
    if (!shape.empty()) {
      own_columns = shape.back();
      shape.pop_back();
    }
    operand.column_stride = own_columns == columns && columns != 1 ? 1 : 0;
    const BroadcastDims dims = broadcast_dims(rows, std::span(&shape, 1));
    const std::size_t rank = dims.dims.size();
    if (rank > 4) return unsupported("epilogue operand {} repeats over too many dimensions", i);
    int sizes[4] = {1, 1, 1, 1};
    int strides[4] = {0, 0, 0, 0};
    for (std::size_t d = 0; d < rank; ++d) {
      sizes[d] = static_cast<int>(dims.dims[rank - 1 - d]);
      strides[d] = static_cast<int>(dims.strides[0][rank - 1 - d] * own_columns);
      if (operand.column_stride == 1 && strides[d] % vector != 0) layout.vectors = false;
    }
    operand.simple = rank == 1 ? 1 : 0;
    operand.row_stride = strides[0];
    operand.d0 = sizes[0];
    operand.d1 = sizes[1];
    operand.d2 = sizes[2];
    operand.s0 = strides[0];
    operand.s1 = strides[1];
    operand.s2 = strides[2];
    operand.s3 = strides[3];
    layout.operands.push_back(operand);
  }
  return layout;
}

}  // namespace ingot::cuda
