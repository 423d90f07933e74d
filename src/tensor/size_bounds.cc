// SPDX-License-Identifier: Apache-2.0
#include "tensor/size_bounds.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace ingot {
namespace {

// More symbols in one dimension: only the corners where all are least or all are most.
constexpr std::size_t kMostSymbols = 8;

std::optional<SymbolRange> range_of(const Dim& dim, const SymbolRanges& ranges) {
  std::vector<std::string> names;
  dim.collect_symbols(names);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  std::map<std::string, std::int64_t, std::less<>> at;
  for (const std::string& name : names) {
    const auto found = ranges.find(name);
    if (found == ranges.end()) return std::nullopt;
    at[name] = found->second.opt;
  }
  const auto size_there = [&] {
    const Result<std::int64_t> value = dim.evaluate(at);
    return value.is_ok() ? std::optional(std::max<std::int64_t>(*value, 0)) : std::nullopt;
  };
  const std::optional<std::int64_t> opt = size_there();
  if (!opt) return std::nullopt;
  SymbolRange out{*opt, *opt, *opt};
  const std::size_t bits = std::min(names.size(), kMostSymbols);
  for (std::size_t corner = 0; corner < std::size_t{1} << bits; ++corner) {
    if (names.size() > kMostSymbols && corner > 1) break;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const SymbolRange& range = ranges.find(names[i])->second;
      const bool at_most = names.size() > kMostSymbols ? corner == 1 : (corner >> i & 1) != 0;
      at[names[i]] = at_most ? range.most : range.least;
    }
    const std::optional<std::int64_t> value = size_there();
    if (!value) continue;  // no input has these sizes
    out.least = std::min(out.least, *value);
    out.most = std::max(out.most, *value);
  }
  return out;
}

}  // namespace

std::shared_ptr<const SizeBounds> bounds_of(const SymShape& shape, const SymbolRanges& ranges) {
  if (std::ranges::all_of(shape, [](const Dim& dim) { return dim.is_constant(); })) return nullptr;
  auto out = std::make_shared<SizeBounds>();
  for (const Dim& dim : shape) {
    const bool fixed = dim.is_constant();
    const SymbolRange range = fixed ? SymbolRange{dim.value(), dim.value(), dim.value()}
                                    : range_of(dim, ranges).value_or(SymbolRange{-1, -1, -1});
    out->dims.push_back(fixed ? dim.value() : -1);
    out->least.push_back(range.least);
    out->opt.push_back(range.opt);
    out->most.push_back(range.most);
  }
  return out;
}

}  // namespace ingot
