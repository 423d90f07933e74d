// SPDX-License-Identifier: Apache-2.0
// Broadcast operands as strides over as few dimensions as possible.
#pragma once

#include <algorithm>
#include <cstddef>

#include "backends/cuda/cuda_tactic.h"
#include "backends/cuda/kernels/params.h"
#include "tactics/tactic.h"

namespace ingot::cuda {

struct BroadcastDims {
  Ints dims;                  // outermost first, none of size 1; {1} for a single element
  std::vector<Ints> strides;  // by operand, in elements, 0 where it repeats
};

// `operands` broadcast to `out` as in NumPy.
BroadcastDims broadcast_dims(const Shape& out, std::span<const Shape> operands);

// How the epilogue operands of a problem lie over an output of rows x columns (its last dimension). Fails when one of
// them needs more dimensions than kernels have.
struct EpilogueLayout {
  std::vector<ingot_cuda::EpilogueOperand> operands;
  bool vectors = true;  // of `vector` columns, everywhere
};
Result<EpilogueLayout> epilogue_layout(std::span<const Operand> inputs, std::size_t first, const Operand& output,
                                       int vector);

// The parameters of a kernel with an epilogue.
template <typename P>
void set_epilogue(const EpilogueLayout& layout, P& p) {
  std::copy(layout.operands.begin(), layout.operands.end(), p.operands);
}
template <typename P>
void point_epilogue(const EpilogueLayout& layout, std::size_t first_input, PlannedLaunch& launch) {
  for (std::size_t i = 0; i < layout.operands.size(); ++i)
    launch.point(
        offsetof(P, operands) + i * sizeof(ingot_cuda::EpilogueOperand) + offsetof(ingot_cuda::EpilogueOperand, data),
        Place::kInput, first_input + i);
}
// Whether the epilogue of a problem can be generated at all.
Support epilogue_support(const Problem& problem);

// Columns that one thread finishes at a time, for an output of that type.
int epilogue_vector(DType type);

}  // namespace ingot::cuda
