// SPDX-License-Identifier: Apache-2.0
// A plugin's instance as a Kernel of the engine.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "plugin/infer.h"
#include "plugin/operands.h"
#include "plugin/operator.h"
#include "tactics/tactic.h"

namespace ingot::plugin {

struct KernelOptions {
  Combination combination;
  std::int64_t tactic = 0;
  bool reference = false;  // run the operator's reference instead
};

// `problem` needs the values of constant operands. The kernel runs on the CPU; converted operands are staged in the
// workspace.
Result<std::unique_ptr<Kernel>> make_kernel(const Operator& op, const Problem& problem, KernelOptions options);

// The variants that a plugin offers to time; {0} when it has none.
Result<std::vector<ingot_plugin_tactic>> tactics_of(const Operator& op, const Problem& problem,
                                                    const Combination& combination);

// The shape rule on sizes that are numbers; dimensions that only the data decide stay symbols.
Result<std::vector<InferOutput>> infer_numbers(const Operator& op, const Attrs& attrs, std::span<const Operand> inputs,
                                               std::size_t outputs);

// The tactic of all plugin operators on the CPU: id "plugin".
const Tactic& cpu_tactic();

}  // namespace ingot::plugin
