// SPDX-License-Identifier: Apache-2.0
// The part of epilogues that cuDNN's pointwise operations can do.
#pragma once

#include <optional>

#include "backends/cuda/cudnn_graph.h"
#include "tactics/tactic.h"

namespace ingot::cuda {

// Whether the library's fused kernels read such an operand of a result as broadcasting means it: as large as the
// result, or one value a channel. Others they read wrongly (a factor for each image and channel, as squeeze-and-excite
// has, as if it had rows and columns).
bool cudnn_reads(const Shape& operand, const Shape& result);

// The operations behind the sums of a convolution, bias included, when the epilogue is a short chain of sums and
// products with its operands, activations and limits, and its operands are readable at all sizes.
// CudnnPointwise::operand is the input's index in the problem.
std::optional<std::vector<CudnnPointwise>> cudnn_chain(const Problem& conv);

// The addition of the bias alone; nothing for a convolution without one.
std::vector<CudnnPointwise> cudnn_bias(const Problem& conv);

}  // namespace ingot::cuda
