// SPDX-License-Identifier: Apache-2.0
// Lowering: a canonical graph becomes a list of steps, each one a Problem. Views (Reshape and its kin) become aliases,
// everything else one step per node. Memory is not planned and no tactic chosen yet.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "plan/plan.h"
#include "tactics/tactic.h"

namespace ingot::builder {

struct LoweredStep {
  std::string name;                  // ONNX node name(s)
  Problem problem;                   // at the opt shapes; constants with their values
  std::vector<std::int32_t> inputs;  // tensor ids; -1 absent
  std::vector<std::int32_t> outputs;
  bool data_dependent = false;
  std::vector<std::int32_t> programs;  // bodies: indices into Lowered::programs
  // Done by the runtime itself: control flow, operators on objects. No tactic is chosen.
  [[nodiscard]] bool is_control_flow() const { return !programs.empty(); }
  bool on_objects = false;
  [[nodiscard]] bool by_runtime() const { return on_objects || is_control_flow(); }
};

struct LoweredProgram {
  std::vector<plan::Tensor> tensors;
  std::vector<TensorPtr> constants;  // by tensor id; null for the others
  std::vector<LoweredStep> steps;
  std::vector<std::int32_t> inputs, outputs;
};

// The main program and the bodies of its control flow, each of which refers only to earlier ones.
struct Lowered : LoweredProgram {
  std::vector<LoweredProgram> programs;
  [[nodiscard]] std::string to_string() const;  // one line per step
};

// `symbols` gives the opt value of each symbol; symbols without one (data-dependent sizes) count as kUnknownSize, or
// as less where that makes tensors beyond all reason. `ranges`: what plugins are told of sizes that may change.
inline constexpr std::int64_t kUnknownSize = 16;
Result<Lowered> lower(const ir::Graph& graph, const SymbolValues& symbols, const SymbolRanges& ranges);

}  // namespace ingot::builder
