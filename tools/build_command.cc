// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <map>

#include "commands.h"
#include "engine_options.h"
#include "plan/writer.h"

namespace ingot::tools {
namespace {

struct Arguments {
  EngineOptions engine;
  std::string model, output;
};

void print_summary(const builder::BuiltPlan& built, const Arguments& arguments, double seconds) {
  std::map<std::string, int> by_tactic;
  for (const plan::Step& step : built.plan.steps) ++by_tactic[step.tactic];
  std::size_t weights = 0;
  for (const auto& blob : built.plan.blobs) weights += blob.size();
  std::printf("%s: %zu steps, %.1f MiB of weights, %.1f MiB of activations%s, built in %.1f s\n",
              arguments.output.c_str(), built.plan.steps.size(), static_cast<double>(weights) / (1 << 20),
              static_cast<double>(built.plan.arena_bytes) / (1 << 20),
              built.plan.is_dynamic() ? " (more with the shapes)" : "", seconds);
  for (const auto& [tactic, count] : by_tactic) std::printf("  %5d x %s\n", count, tactic.c_str());
}

Status run(const Arguments& arguments) {
  INGOT_RETURN_IF_ERROR(load_plugins(arguments.engine));
  const auto start = std::chrono::steady_clock::now();
  INGOT_ASSIGN_OR_RETURN(const builder::BuiltPlan built, build_model(arguments.engine, arguments.model));
  INGOT_RETURN_IF_ERROR(plan::write_file(built.plan, arguments.output));
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  if (!arguments.engine.quiet) print_summary(built, arguments, spent.count());
  return Status::ok();
}

}  // namespace

Command add_build(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("build", "Tune a model for this machine and write the engine (a plan file)");
  command->add_option("MODEL", arguments->model, "ONNX file")->required();
  command->add_option("-o,--output", arguments->output, "Plan file to write")->required();
  arguments->engine.add_to(*command);
  command->footer("Example: ingot build detector.onnx -o detector.plan --shapes batch:1x1x8 --timing-cache times.txt");
  return [arguments] { return run(*arguments); };
}

}  // namespace ingot::tools
