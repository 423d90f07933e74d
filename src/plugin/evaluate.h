// SPDX-License-Identifier: Apache-2.0
// Running a plugin's operator on host tensors, outside of any engine.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "plugin/kernel.h"

namespace ingot::plugin {

// The problem that an operator has on these operands; inputs may be null. Dimensions of outputs that only the data
// decide are -1.
Result<Problem> make_problem(const Operator& op, const Attrs& attrs, std::span<const HostTensor* const> inputs,
                             std::size_t outputs);

// Formats for the operator's reference: everything linear, floating point as f32.
KernelOptions reference_options(const Problem& problem);

// Runs it once on the CPU. Outputs and workspace are filled with `fill` before.
Result<std::vector<HostTensor>> run_problem(const Operator& op, const Problem& problem,
                                            std::span<const HostTensor* const> inputs, KernelOptions options,
                                            std::byte fill = std::byte{0});

// Runs the operator once on the CPU: its reference where it declares one, otherwise its first combination.
Result<std::vector<HostTensor>> evaluate(const Operator& op, const Attrs& attrs,
                                         std::span<const HostTensor* const> inputs,
                                         std::span<const DType> output_types);

}  // namespace ingot::plugin
