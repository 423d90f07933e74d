// SPDX-License-Identifier: Apache-2.0
// The kernel behind onednn.conv and onednn.matmul.
#pragma once

#include "backends/cpu/onednn/packed_weights.h"
#include "backends/cpu/onednn/post_ops.h"

namespace ingot::cpu::onednn {

// Which split and which epilogue; text form "rows.fused", "cols.after".
struct Choice {
  bool columns = false;  // each share has its own slice of the weights' columns
  bool fused = true;     // the epilogue as post-operations; otherwise our row program after each share

  static Result<Choice> parse(std::string_view text);
};

// The shares of a Conv or MatMul problem at these shapes.
Result<Work> split(const Attrs& attrs, bool is_conv, const Shape& x, const Shape& w, const Shape& out, int threads,
                   std::size_t slices);

Result<std::unique_ptr<Kernel>> make_kernel(const Problem& problem, const Choice& choice, EpilogueForm form,
                                            const std::optional<PostOps>& ops, std::vector<PackedWeights> weights);

}  // namespace ingot::cpu::onednn
