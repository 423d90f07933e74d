// SPDX-License-Identifier: Apache-2.0
// What the attention kernels have in common: the problems they take, the definitions of their sources, their
// parameters.
#pragma once

#include "backends/cpu/attention_shape.h"
#include "backends/cuda/cuda_tactic.h"
#include "backends/cuda/kernels/params.h"

namespace ingot::cuda {

// Kinds of attention and types that the kernels take at all.
Support attention_launch_support(const Problem& problem);

// kUnsupported where grids or registers do not hold it.
Result<cpu::AttentionShape> attention_problem(const Problem& problem, std::span<const Operand> inputs,
                                              const Operand& output);

// Whether rows of all operands are 16-byte pieces of a 2-byte type.
bool attention_in_pieces(const Problem& problem, const cpu::AttentionShape& shape);

// T, SIZE, SIZE_V, MASK, MASK_T, RAW_SCORES.
std::string attention_definitions(const Problem& problem, const cpu::AttentionShape& shape);

// Over all keys in one part; pointers are filled in at launch.
ingot_cuda::AttentionParams attention_params(const Problem& problem, const cpu::AttentionShape& shape);

// With the operands' places; the grid is the caller's.
PlannedLaunch attention_launch(const Problem& problem, const cpu::AttentionShape& shape, std::string entry,
                               const ingot_cuda::AttentionParams& params);
// A block for each `queries_per_block` of a head (x), head (y) and batch entry (z).
PlannedLaunch attention_launch(const Problem& problem, const cpu::AttentionShape& shape, std::string entry,
                               std::int64_t queries_per_block);

}  // namespace ingot::cuda
