// SPDX-License-Identifier: Apache-2.0
// verify: does an engine compute what the model says?
//
// Whole network: the engine's outputs against the reference evaluator's on the graph as imported (no rewrite), or
// against outputs that something else computed. Per layer: every step of the engine, as it really runs, fused and
// tuned, against the reference evaluation of the same rewritten graph; nothing is rebuilt or marked, so looking does
// not change results.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "builder/build.h"
#include "runtime/engine.h"
#include "verify/compare.h"
#include "verify/decisions.h"
#include "verify/run_graph.h"

namespace ingot::verify {

struct OutputReport {
  std::string name;
  Comparison comparison;
  std::string error;           // not comparable: why
  std::int64_t undecided = 0;  // elements that agree only given the engine's own numbers (decisions.h)
  [[nodiscard]] bool passed(double tolerance) const { return error.empty() && comparison.within(tolerance); }
};

struct LayerReport {
  std::string step, tactic, tensor, problem;
  Comparison comparison;
  std::string error;
  bool given = false;  // compared given the engine's own numbers
};

using Layers = std::vector<std::pair<std::size_t, NamedTensor>>;  // the step that made the tensor

// Runs the engine on `inputs`; `layers` not null: also captures every step output.
Result<TensorMap> run_engine(const std::shared_ptr<const Engine>& engine, const TensorMap& inputs, int threads,
                             Layers* layers = nullptr);

// What rounding explains, relative to an output's root mean square: 1e-4 in f32; ten roundings of the smallest type
// that the graph computes in where that is f16 or bf16 (the evaluator rounds at every node, an engine need not).
double default_tolerance(const ir::Graph& graph);

std::vector<OutputReport> compare_outputs(const TensorMap& results, const TensorMap& reference);

// Judges again the outputs that differ from `reference`, by the reference given the engine's own numbers where
// decisions are taken: a report becomes that of the new comparison where this one passes. `graph` is the one as
// imported.
Result<std::vector<Witness>> compare_given(const std::shared_ptr<const Engine>& engine, const ir::Graph& graph,
                                           const TensorMap& inputs, const TensorMap& reference, int threads,
                                           double tolerance, std::vector<OutputReport>& reports);

// `canonical` is the rewritten graph that the engine was built from (builder::make_canonical with the same options).
// Layers beyond the tolerance are compared again as by compare_given().
Result<std::vector<LayerReport>> compare_layers(const std::shared_ptr<const Engine>& engine, const ir::Graph& canonical,
                                                const TensorMap& inputs, int threads, double tolerance);

}  // namespace ingot::verify
