// SPDX-License-Identifier: Apache-2.0
// Rule: one rewrite. It matches completely first, reading the graph only, then returns a named patch, or nothing.
//
// A rule must make progress: its own result must not match again, and no two rules of one set may undo each other. The
// driver stops a set that does not come to rest and says which rule kept firing.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "ir/patch.h"
#include "passes/session.h"

namespace ingot::passes {

// No patch: no match. An error: the rule built something that shape inference rejects, which is a bug in the rule.
using Match = Result<std::optional<ir::Patch>>;
inline Match no_match() { return std::optional<ir::Patch>(); }

struct Rule {
  std::string_view name;
  std::vector<std::string_view> roots;  // operators it starts from; empty: any
  Match (*match)(const ir::Graph& graph, const ir::Node& root) = nullptr;
};
using Rules = std::vector<Rule>;

Rules operator+(Rules a, const Rules& b);

// Applies the rules wherever they match until none does. Work is proportional to the nodes plus the patches: a node is
// looked at again only when a patch touched its neighbourhood, and one final sweep confirms the fixed point.
Status run_rules(ir::Graph& graph, const Rules& rules, Session& session);

}  // namespace ingot::passes
