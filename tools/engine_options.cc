// SPDX-License-Identifier: Apache-2.0
#include "engine_options.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>

#include "backends/cuda/tactics.h"
#include "base/mapped_file.h"
#include "builder/shape_options.h"
#include "plan/reader.h"
#include "plan/writer.h"
#include "plugin/registry.h"

namespace ingot::tools {
namespace {

// One line that redraws itself on a terminal; nothing elsewhere.
bool draw_progress(std::size_t done, std::size_t total, const std::string& what) {
  constexpr std::size_t kWidth = 30;
  const std::size_t filled = total == 0 ? kWidth : done * kWidth / total;
  const std::string name = what.size() > 40 ? what.substr(0, 37) + "..." : what;
  std::fprintf(stderr, "\r\033[Ktuning [%s%s] %zu/%zu %s", std::string(filled, '=').c_str(),
               std::string(kWidth - filled, ' ').c_str(), done, total, name.c_str());
  if (done == total) std::fprintf(stderr, "\r\033[K");
  return true;
}

using Inputs = std::vector<std::pair<std::string, ir::Type>>;

Result<std::vector<builder::ShapeRange>> ranges_of(const Inputs& inputs, const std::vector<std::string>& shapes) {
  ir::Graph graph;
  for (const auto& [name, type] : inputs) graph.add_input(name, type);
  return builder::parse_shapes(graph, shapes);
}

// The declared shapes with the sizes that have one value only.
onnx::ImportOptions fixed_sizes(const Inputs& inputs, const std::vector<builder::ShapeRange>& ranges) {
  onnx::ImportOptions out;
  for (const builder::ShapeRange& range : ranges)
    for (const auto& [name, type] : inputs) {
      if (name != range.input || !type.shape || type.shape->size() != range.min.size()) continue;
      SymShape shape = *type.shape;
      for (std::size_t axis = 0; axis < shape.size(); ++axis)
        if (range.min[axis] == range.max[axis] && !shape[axis].is_constant()) shape[axis] = Dim(range.min[axis]);
      out.input_shapes.emplace_back(name, std::move(shape));
    }
  return out;
}

}  // namespace

void EngineOptions::add_to(CLI::App& command) {
  const auto builds = [this](CLI::Option* option) {
    only_builds.push_back(option);
    return option;
  };
  command.add_option("--device", device, "Where to run: cpu, cuda or cuda:N")->capture_default_str();
  builds(command.add_option("--precision", precision,
                            "Arithmetic: fp32, fp16 or bf16; on the CPU halves are only rehearsed, in fp32"))
      ->capture_default_str();
  command
      .add_option(
          "--shapes", shapes,
          "Sizes of symbolic dimensions: NAME:MINxOPTxMAX or NAME:SIZE; or of a whole input: INPUT:1x3x224x224, "
          "INPUT:MIN:OPT:MAX. Repeatable")
      ->allow_extra_args(true);
  builds(command.add_option("--timing-cache", timing_cache, "File of measured times, read and extended"));
  builds(command.add_option("--workspace", workspace_mib, "Scratch memory that one step may use, in MiB (0: no limit)"))
      ->check(CLI::NonNegativeNumber);
  builds(command.add_option("--time-budget", time_budget, "Seconds to spend on timing candidates"))
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command.add_option("--threads", threads, "Threads (0: all processors that this process may use)")
      ->check(CLI::NonNegativeNumber);
  builds(command.add_option("--disable-tactic", disabled_tactics,
                            "Leave out a tactic, or all with a prefix: 'onednn.*'. Repeatable"));
  builds(command.add_option("--disable-pass", disabled_passes, "Leave out a pass or rule by name. Repeatable"));
  builds(command.add_option("--stop-after-patch", stop_after_patch,
                            "Apply only the first N rewrites, to find a wrong one by bisection"));
  builds(command.add_flag("--trace-passes", trace_passes, "Print every rewrite with its number"));
  command
      .add_option("--plugins", plugins,
                  "Plugin library (LIB.so) to load; a bare name is looked up in INGOT_PLUGIN_PATH. Repeatable")
      ->allow_extra_args(false);
  builds(command.add_flag("--embed-plugins", embed_plugins, "Store the plugin libraries themselves in the plan"));
  command.add_flag("--allow-embedded-plugins", allow_embedded_plugins,
                   "Run the plugin libraries that a plan holds: trust it as you would a program");
  builds(command.add_flag("--allow-cpu-fallback", allow_cpu_fallback,
                          "On CUDA: run nodes that have no kernel there on the CPU, and list them"));
  command.add_flag("--quiet", quiet, "No progress bar");
}

Status load_plugins(const EngineOptions& options) {
  for (const std::string& path : options.plugins) INGOT_RETURN_IF_ERROR(plugin::Registry::global().load(path).status());
  return Status::ok();
}

Result<bool> is_plan_file(const std::string& path) {
  INGOT_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  return plan::looks_like_plan(file.bytes());
}

Result<Model> load_model(const std::string& path, const std::vector<std::string>& shapes) {
  Model model;
  Result<std::shared_ptr<ir::Graph>> graph = onnx::import_file(path, {}, &model.info);
  if (!graph.is_ok() && !shapes.empty() && !model.info.inputs.empty()) {
    INGOT_ASSIGN_OR_RETURN(std::vector<builder::ShapeRange> ranges, ranges_of(model.info.inputs, shapes));
    Model again;
    graph = onnx::import_file(path, fixed_sizes(model.info.inputs, ranges), &again.info);
    model = std::move(again);
    model.ranges = std::move(ranges);
  }
  if (!graph.is_ok()) {
    Status status = std::move(graph).status();
    return status.message().find(path) == std::string::npos ? std::move(status).annotate(path) : status;
  }
  model.graph = std::move(graph).value();
  return model;
}

Result<builder::BuildOptions> build_options(const EngineOptions& options, const Model& model, const std::string& path) {
  builder::BuildOptions out;
  INGOT_RETURN_IF_ERROR(builder::set_device(options.device, options.precision, out));
  out.allow_cpu_fallback = options.allow_cpu_fallback;
  out.threads = options.threads;
  if (model.ranges) {
    out.shapes = *model.ranges;
  } else {
    INGOT_ASSIGN_OR_RETURN(out.shapes, builder::parse_shapes(*model.graph, options.shapes));
  }
  out.timing_cache = options.timing_cache;
  if (options.workspace_mib > 0) out.workspace_limit = static_cast<std::size_t>(options.workspace_mib * 1024 * 1024);
  out.time_budget_seconds = options.time_budget;
  out.disabled_tactics = options.disabled_tactics;
  out.embed_plugins = options.embed_plugins;
  out.passes.disabled = options.disabled_passes;
  out.passes.stop_after = options.stop_after_patch;
  if (options.trace_passes)
    out.passes.trace = [](const passes::TraceEvent& event) {
      std::fprintf(stderr, "%d %.*s/%.*s %.*s\n", event.number, static_cast<int>(event.pass.size()), event.pass.data(),
                   static_cast<int>(event.rule.size()), event.rule.data(), static_cast<int>(event.nodes.size()),
                   event.nodes.data());
    };
  if (!options.quiet && isatty(STDERR_FILENO) != 0) out.progress = draw_progress;
  out.provenance = {{"model", path.substr(path.rfind('/') + 1)},
                    {"producer", fmt::format("{} {}", model.info.producer_name, model.info.producer_version)},
                    {"precision", options.precision}};
  for (const auto& [domain, version] : model.info.opsets)
    out.provenance.emplace_back(fmt::format("opset {}", domain.empty() ? "ai.onnx" : domain), std::to_string(version));
  return out;
}

Result<builder::BuiltPlan> build_model(const EngineOptions& options, const std::string& path) {
  INGOT_ASSIGN_OR_RETURN(const Model model, load_model(path, options.shapes));
  for (const std::string& warning : model.info.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  INGOT_ASSIGN_OR_RETURN(const builder::BuildOptions build_with, build_options(options, model, path));
  Result<builder::BuiltPlan> built = builder::build(*model.graph, build_with);
  if (!built.is_ok() || !options.allow_cpu_fallback) return built;
  const auto list = [](const plan::Program& program) {
    for (const plan::Step& step : program.steps)
      if (step.tactic == cuda::kFallback)
        std::fprintf(stderr, "warning: node '%s' runs on the CPU: %s\n", step.name.c_str(), step.problem.c_str());
  };
  list(built->plan);
  for (const plan::Program& program : built->plan.programs) list(program);
  return built;
}

Result<bool> is_meant_as_plan(const std::string& path) {
  INGOT_ASSIGN_OR_RETURN(const bool is_plan, is_plan_file(path));
  return is_plan || path.ends_with(".plan") || path.ends_with(".engine");
}

void warn_of_build_options(const EngineOptions& options, const std::string& path) {
  for (const CLI::Option* option : options.only_builds)
    if (option->count() > 0)
      std::fprintf(stderr, "warning: %s has no effect: %s was built already\n", option->get_name().c_str(),
                   path.c_str());
}

Result<LoadOptions> load_options(const EngineOptions& options) {
  LoadOptions load;
  load.allow_embedded_plugins = options.allow_embedded_plugins;
  INGOT_ASSIGN_OR_RETURN(const int ordinal, builder::cuda_ordinal(options.device));
  load.cuda_device = std::max(0, ordinal);
  return load;
}

Result<std::shared_ptr<const Engine>> load_engine(const EngineOptions& options, const std::string& path) {
  INGOT_ASSIGN_OR_RETURN(const LoadOptions load, load_options(options));
  INGOT_ASSIGN_OR_RETURN(const bool is_plan, is_meant_as_plan(path));
  if (is_plan) {
    warn_of_build_options(options, path);
    INGOT_ASSIGN_OR_RETURN(std::shared_ptr<const Engine> engine, Engine::load_file(path, load));
    if (options.device != "cpu" && engine->cuda_device() == nullptr)
      std::fprintf(stderr, "warning: --device %s has no effect: %s was built for the CPU\n", options.device.c_str(),
                   path.c_str());
    return engine;
  }
  INGOT_ASSIGN_OR_RETURN(const builder::BuiltPlan built, build_model(options, path));
  INGOT_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, plan::write(built.plan));
  return Engine::load_bytes(bytes, load);
}

}  // namespace ingot::tools
