// SPDX-License-Identifier: Apache-2.0
#include "plan/symbols.h"

#include <map>
#include <optional>
#include <utility>

namespace ingot::plan {
namespace {

// The value of the one unknown symbol of a linear dimension, a * symbol + b, or nothing.
std::optional<std::pair<std::string, std::int64_t>> solve(const Dim& dim, std::int64_t actual,
                                                          const SymbolValues& symbols) {
  std::map<std::string, Dim, std::less<>> known;
  for (const auto& [name, value] : symbols) known.emplace(name, Dim(value));
  const Dim open = dim.substitute(known);
  std::vector<std::string> names;
  open.collect_symbols(names);
  if (names.size() != 1) return std::nullopt;
  const Result<std::int64_t> base = open.evaluate({{names[0], 0}});
  const Result<std::int64_t> next = open.evaluate({{names[0], 1}});
  if (!base.is_ok() || !next.is_ok()) return std::nullopt;
  const std::int64_t slope = *next - *base;
  const bool linear = open == Dim::symbol(names[0]) * Dim(slope) + Dim(*base);
  if (!linear || slope == 0 || (actual - *base) % slope != 0 || (actual - *base) / slope < 0) return std::nullopt;
  return std::pair(names[0], (actual - *base) / slope);
}

}  // namespace

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
    if (!expected.is_ok()) {  // decided by this, or by symbols that come later
      if (const auto found = solve(dim, actual[axis], symbols)) symbols.insert(*found);
      continue;
    }
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
