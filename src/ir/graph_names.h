// SPDX-License-Identifier: Apache-2.0
// The names of a graph's values. Internal to the graph.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ir/graph.h"

namespace ingot::ir {

struct Graph::NameTable {
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  template <typename T>
  using Map = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  Map<ValueId> ids;
  Map<int> suffixes;  // the next number to try, so that a thousand equal names stay cheap

  std::string unique(std::string wanted) {
    if (wanted.empty()) wanted = "value";
    if (!ids.contains(wanted)) return wanted;
    int& suffix = suffixes[wanted];
    for (;;) {
      std::string candidate = wanted + "_" + std::to_string(++suffix);
      if (!ids.contains(candidate)) return candidate;
    }
  }
};

}  // namespace ingot::ir
