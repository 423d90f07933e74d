// SPDX-License-Identifier: Apache-2.0
// The table of ONNX operators: one row says how an operator of a domain becomes canonical.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "onnx/node_draft.h"

namespace ingot::onnx {

// Rewrites the draft, which holds the node as the model wrote it, into canonical form. Nodes that are needed before it
// are emitted; the draft itself becomes the last node and keeps the outputs.
using UpgradeFn = Status (*)(NodeDraft& draft);

struct OpRow {
  std::string_view op;
  // Opsets of the domain in which the operator exists.
  std::int64_t since = 1;
  std::int64_t until = INT64_MAX;
  std::string_view canonical = {};  // empty: the same name
  UpgradeFn upgrade = nullptr;      // null: nothing but the name changes
  std::string_view domain = {};

  // Constant becomes a value, not a node.
  [[nodiscard]] bool is_value() const { return op == "Constant"; }
  [[nodiscard]] std::string_view name() const { return canonical.empty() ? op : canonical; }
};

std::span<const OpRow> op_rows();

// The row for an operator whatever the version, and nullptr when there is none. Among several the one that covers
// `opset`.
const OpRow* find_row(std::string_view domain, std::string_view op, std::int64_t opset);

// The empty domain has the alias "ai.onnx".
inline std::string_view canonical_domain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}

}  // namespace ingot::onnx
