// SPDX-License-Identifier: Apache-2.0
// The part of epilogues that cuDNN's pointwise operations can do.
#pragma once

#include <optional>

#include "backends/cuda/cudnn_graph.h"
#include "tactics/tactic.h"

namespace ingot::cuda {

// The operations behind the sums of a convolution, bias included, when the epilogue is a short chain of sums and
// products with its operands, activations and limits. CudnnPointwise::operand is the input's index in the problem.
std::optional<std::vector<CudnnPointwise>> cudnn_chain(const Problem& conv);

// The addition of the bias alone; nothing for a convolution without one.
std::vector<CudnnPointwise> cudnn_bias(const Problem& conv);

}  // namespace ingot::cuda
