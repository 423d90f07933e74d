// SPDX-License-Identifier: Apache-2.0
// The builder: a graph becomes a plan. Rewrites, lowers, tunes, plans memory, packs weights.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "builder/lower.h"
#include "builder/tune.h"
#include "ir/graph.h"
#include "passes/pipeline.h"
#include "plan/plan.h"

namespace ingot::builder {

// The sizes an input may take. All three equal: a fixed shape.
struct ShapeRange {
  std::string input;
  Shape min, opt, max;
};

struct BuildOptions {
  const Backend* backend = nullptr;        // null: the CPU
  int cuda_device = 0;                     // of a CUDA backend
  DType precision = DType::f32;            // f16, bf16: of float steps; on the CPU a rehearsal in fp32
  int threads = 0;                         // to tune for; <= 0: all available
  std::vector<ShapeRange> shapes;          // for inputs with symbolic dimensions
  std::string timing_cache;                // file; empty: none
  std::size_t workspace_limit = SIZE_MAX;  // bytes per step
  double time_budget_seconds = 60;         // for tuning; then the first guess is taken
  std::vector<std::string> disabled_tactics;
  bool allow_cpu_fallback = false;  // nodes that the GPU has no kernel for run on the CPU
  bool keep_graph = true;           // store the canonical graph, for re-tuning
  bool embed_plugins = false;       // store the plugin libraries themselves in the plan
  passes::Options passes;
  std::vector<std::pair<std::string, std::string>> provenance;
  // Before each tuning and at the end; false stops the build (kCancelled). What was timed so far stays in the cache.
  std::function<bool(std::size_t done, std::size_t total, const std::string& what)> progress;
};

// Where to build for: "cpu", "cuda", "cuda:N"; "fp32", "fp16", "bf16".
Result<int> cuda_ordinal(std::string_view device);  // -1: the CPU
Status set_device(std::string_view device, std::string_view precision, BuildOptions& options);

// A plan together with the bytes that it refers to.
struct BuiltPlan {
  plan::Plan plan;
  std::vector<TensorPtr> constants;
  std::vector<std::shared_ptr<const std::vector<std::byte>>> packed;
};

// `graph` is as imported; it is copied, not changed.
Result<BuiltPlan> build(const ir::Graph& graph, const BuildOptions& options);

// The stages one by one, for `inspect`.
Result<std::shared_ptr<ir::Graph>> make_canonical(const ir::Graph& graph, const BuildOptions& options);
Result<Lowered> make_lowered(const ir::Graph& canonical, const BuildOptions& options);

}  // namespace ingot::builder
