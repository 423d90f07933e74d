// SPDX-License-Identifier: Apache-2.0
// The text form of graphs: what `ingot inspect` prints and tests compare. parse(print(g)) prints the same text.
//
//   graph "name" (%x: f32[N, 4]) -> (%y as "scores") {
//     const %w: f32[4] = [0.5, 1.0, 1.5, 2.0]
//     %s: i64[2] ~[N, 4] = Shape(%x)
//     %y: f32[N, 4], _ = Some.Op(%x, %w, _) {axis=1} "node name" subgraphs("body"=graph "" () -> () { })
//   }
// "_" is an absent operand or output; "~[...]" gives the known elements of a small integer tensor; "as" the name of an
// output towards the user where it is not the value's. Names with other characters are quoted: %"a b". # starts a
// comment.
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
