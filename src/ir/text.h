// SPDX-License-Identifier: Apache-2.0
// The text form of graphs: what `ingot inspect` prints and tests compare. parse(print(g)) prints the same text.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "ir/graph.h"

namespace ingot::ir {

struct PrintOptions {
  // Constants of more elements print as f32[64, 3, 7, 7] = blob(<hash>); such text is for people and does not parse.
  std::int64_t max_constant_elements = 16;
};
std::string print(const Graph& graph, const PrintOptions& options = {});
// Lossless: all constants in full (hexadecimal bytes for large ones).
std::string print_full(const Graph& graph);
Result<std::shared_ptr<Graph>> parse(std::string_view text);

}  // namespace ingot::ir
