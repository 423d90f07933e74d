// SPDX-License-Identifier: Apache-2.0
#include "inspect/dot.h"

#include <fmt/format.h>

namespace ingot::inspect {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out + "\"";
}

}  // namespace

void Dot::node(const std::string& id, const std::string& label) {
  body_ += fmt::format("  {} [label={}];\n", quoted(id), quoted(label));
}

void Dot::edge(const std::string& from, const std::string& to, const std::string& label) {
  body_ += fmt::format("  {} -> {} [label={}];\n", quoted(from), quoted(to), quoted(label));
}

std::string Dot::text() const {
  return "digraph ingot {\n  node [shape=box, fontname=\"monospace\"];\n" + body_ + "}\n";
}

}  // namespace ingot::inspect
