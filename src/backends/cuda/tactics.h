// SPDX-License-Identifier: Apache-2.0
// The tactics of the CUDA backend; the table is tactics.inc.
#pragma once

#include "backends/cuda/cuda_tactic.h"

namespace ingot::cuda {

#define X(function) const Tactic& function();
#include "backends/cuda/tactics.inc"
#undef X

std::span<const Tactic* const> tactic_table();

// The tactic that runs on the host.
constexpr std::string_view kFallback = "cuda.cpu_fallback";

}  // namespace ingot::cuda
