// SPDX-License-Identifier: Apache-2.0
#include "builder/try_plugin.h"

#include <algorithm>

namespace ingot::builder {

Status try_plugin(const Problem& problem, const Tactic& tactic, const std::string& config, const DeviceInfo& device) {
  const bool guessed = std::ranges::any_of(problem.inputs, [](const Operand& operand) {
    return operand.bounds != nullptr && std::ranges::find(operand.bounds->opt, -1) != operand.bounds->opt.end();
  });
  if (guessed) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const Packed packed, tactic.prepare(problem, config, device));
  std::vector<std::span<const std::byte>> blobs;
  for (const auto& blob : packed.blobs) blobs.emplace_back(blob);
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel, tactic.load(problem, config, blobs));
  const SymbolValues symbols;
  ConfigureArgs args;
  args.inputs = problem.inputs;
  args.outputs = problem.outputs;
  args.symbols = &symbols;
  return kernel->configure(args).status();
}

}  // namespace ingot::builder
