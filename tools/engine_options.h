// SPDX-License-Identifier: Apache-2.0
// Options that several commands share, and what they lead to: a model file becomes a graph or an engine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/status.h"
#include "builder/build.h"
#include "onnx/import.h"
#include "runtime/engine.h"

namespace ingot::tools {

struct EngineOptions {
  std::string device = "cpu";
  std::string precision = "fp32";
  std::vector<std::string> shapes;
  std::string timing_cache;
  double workspace_mib = 0;  // 0: no limit
  double time_budget = 60;
  int threads = 0;
  std::vector<std::string> disabled_tactics, disabled_passes;
  int stop_after_patch = -1;
  bool trace_passes = false;
  bool quiet = false;
  std::vector<std::string> plugins;
  bool embed_plugins = false, allow_embedded_plugins = false, allow_cpu_fallback = false;
  std::vector<const CLI::Option*> only_builds;  // those that a plan leaves no use for

  void add_to(CLI::App& command);
};

struct Model {
  std::shared_ptr<ir::Graph> graph;
  onnx::ModelInfo info;
  std::optional<std::vector<builder::ShapeRange>> ranges;  // where --shapes counted while the model was read
};

// On stderr, of options that were given and that a plan, which is built already, leaves no use for.
void warn_of_build_options(const EngineOptions& options, const std::string& path);

// Loads the plugin libraries; to be called before a model or a plan is read.
Status load_plugins(const EngineOptions& options);
Result<bool> is_plan_file(const std::string& path);
// A file named like a plan is meant as one, so that a damaged plan is not reported as a damaged model.
Result<bool> is_meant_as_plan(const std::string& path);
// A model that is refused with its symbolic sizes is read again with those that `shapes` (--shapes) fixes: shape rules
// of plugins may need numbers.
Result<Model> load_model(const std::string& path, const std::vector<std::string>& shapes);
// Checks the options against the model.
Result<builder::BuildOptions> build_options(const EngineOptions& options, const Model& model, const std::string& path);
Result<builder::BuiltPlan> build_model(const EngineOptions& options, const std::string& path);
// The device, and whether libraries inside a plan may run.
Result<LoadOptions> load_options(const EngineOptions& options);
// From a plan, or from a model by building it in memory. Warns of options that a plan leaves no use for.
Result<std::shared_ptr<const Engine>> load_engine(const EngineOptions& options, const std::string& path);

}  // namespace ingot::tools
