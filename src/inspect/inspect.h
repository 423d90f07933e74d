// SPDX-License-Identifier: Apache-2.0
// Read-only views of every stage: text for people, JSON for machines, dot for pictures.
#pragma once

#include <string>

#include "builder/lower.h"
#include "ir/graph.h"
#include "plan/plan.h"

namespace ingot::inspect {

enum class Format : std::uint8_t { text, json, dot };

std::string show(const ir::Graph& graph, Format format);
std::string show(const builder::Lowered& lowered, Format format);
// Text: the choice for every step and by how much the next tactic lost; `candidates`: all times and refusals.
std::string show(const plan::Plan& plan, Format format, bool candidates);

}  // namespace ingot::inspect
