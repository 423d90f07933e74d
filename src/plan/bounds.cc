// SPDX-License-Identifier: Apache-2.0
#include "plan/bounds.h"

#include <algorithm>

#include "plan/symbols.h"

namespace ingot::plan {

void add_ranges(const SymShape& pattern, const Shape& min, const Shape& opt, const Shape& max, SymbolRanges& ranges) {
  SymbolValues least, typical, most;
  // A symbol that cannot be told from these sizes is left out.
  if (!bind_symbols("min", pattern, min, least).is_ok() || !bind_symbols("opt", pattern, opt, typical).is_ok() ||
      !bind_symbols("max", pattern, max, most).is_ok())
    return;
  for (const auto& [name, at_min] : least) {
    const auto at_opt = typical.find(name), at_max = most.find(name);
    if (at_opt == typical.end() || at_max == most.end()) continue;
    // Where an expression falls with its symbol, the smallest size has the largest value.
    const SymbolRange range{std::min(at_min, at_max->second), at_opt->second, std::max(at_min, at_max->second)};
    const auto [place, fresh] = ranges.emplace(name, range);
    if (fresh) continue;
    place->second.least = std::max(place->second.least, range.least);
    place->second.most = std::min(place->second.most, range.most);
  }
}

void add_bounds(std::span<const std::int32_t> inputs, std::span<const std::int32_t> outputs,
                std::span<const Tensor> tensors, const SymbolRanges& ranges, Problem& problem) {
  const auto add = [&](std::span<const std::int32_t> ids, std::vector<Operand>& operands) {
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (ids[i] >= 0) operands[i].bounds = bounds_of(tensors[static_cast<std::size_t>(ids[i])].shape, ranges);
  };
  add(inputs, problem.inputs);
  add(outputs, problem.outputs);
}

}  // namespace ingot::plan
