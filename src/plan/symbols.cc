// SPDX-License-Identifier: Apache-2.0
#include "plan/symbols.h"

namespace ingot::plan {

Status bind_symbols(std::string_view name, const SymShape& pattern, const Shape& actual, SymbolValues& symbols) {
  if (pattern.size() != actual.size())
    return invalid_argument("'{}' has shape {} (rank {}), given was {} (rank {})", name, to_string(pattern),
                            pattern.size(), to_string(actual), actual.size());
  for (std::size_t axis = 0; axis < pattern.size(); ++axis) {
    const Dim& dim = pattern[axis];
    if (actual[axis] < 0)
      return invalid_argument("'{}': dimension {} of {} is negative", name, axis, to_string(actual));
    std::vector<std::string> names;
    dim.collect_symbols(names);
    if (names.size() == 1 && dim == Dim::symbol(names[0])) {
      const auto [place, fresh] = symbols.emplace(names[0], actual[axis]);
      if (!fresh && place->second != actual[axis])
        return invalid_argument("'{}': dimension {} ('{}') is {} here but {} elsewhere", name, axis, names[0],
                                actual[axis], place->second);
      continue;
    }
    const Result<std::int64_t> expected = dim.evaluate(symbols);
    if (!expected.is_ok()) continue;  // decided by symbols that come later
    if (*expected != actual[axis])
      return invalid_argument("'{}' has shape {}, given was {}: dimension {} must be {}", name, to_string(pattern),
                              to_string(actual), axis, *expected);
  }
  return Status::ok();
}

Result<Shape> resolve(const SymShape& shape, const SymbolValues& symbols) {
  Shape out;
  out.reserve(shape.size());
  for (const Dim& dim : shape) {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t value, dim.evaluate(symbols));
    if (value < 0) return invalid_argument("dimension {} is {} for the given input shapes", dim.to_string(), value);
    out.push_back(value);
  }
  return out;
}

}  // namespace ingot::plan
